#!/usr/bin/env bash
# Installs the Debian packages of tests/packages.txt that are missing, where that is possible:
# on Debian or Ubuntu, as root or with sudo that asks for no password. Elsewhere it says what
# is missing and goes on; the tests that need them say so when they skip.
set -u
cd "$(dirname "$0")" || exit 1

missing=()
while read -r package; do
    [[ -z "$package" || "$package" == \#* ]] && continue
    if ! command -v dpkg-query >/dev/null ||
        ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed'; then
        missing+=("$package")
    fi
done <packages.txt
[[ ${#missing[@]} -eq 0 ]] && exit 0

become=()
if [[ $(id -u) -ne 0 ]]; then
    become=(sudo -n)
fi
if ! command -v apt-get >/dev/null || ! "${become[@]}" true 2>/dev/null; then
    echo "Not installed here: ${missing[*]} (tests that need them are skipped and say so)"
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# The tests start what they need themselves: no service of a package shall run because of them.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap '"${become[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${become[@]}" tee "$policy" >/dev/null
    "${become[@]}" chmod 755 "$policy"
fi
"${become[@]}" apt-get update -qq
for package in "${missing[@]}"; do # one by one: a package that a release lacks stops no other
    "${become[@]}" apt-get install -y -qq --no-install-recommends "$package" >/dev/null ||
        echo "Could not install $package (tests that need it are skipped and say so)"
done
exit 0
