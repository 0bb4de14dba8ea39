#!/bin/sh
# Makes the page's typeface anew: Debian's Manrope, cut down to Latin letters, as WOFF2.
# Needs apt-get, dpkg-deb and "pip install fonttools brotli".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download fonts-manrope
dpkg-deb -x fonts-manrope_*.deb .
for weight in Regular SemiBold ExtraBold; do
  pyftsubset "usr/share/fonts/truetype/manrope/Manrope-$weight.ttf" --flavor=woff2 --layout-features='*' \
    --unicodes=U+0020-007E,U+00A0-00FF,U+0131,U+0152-0153,U+02C6,U+02DA,U+02DC,U+2000-200B,U+2010-2015,U+2018-201E,U+2020-2022,U+2026,U+2030,U+2032-2033,U+2039-203A,U+20AC,U+2122,U+2190-2193,U+2212,U+2215,U+2248,U+2260,U+2264-2265 \
    --output-file="$here/manrope-$(echo "$weight" | tr '[:upper:]' '[:lower:]').woff2"
done
