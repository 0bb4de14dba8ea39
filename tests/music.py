"""Real music for tests and benchmarks, from Debian packages, unpacked into a cache folder.

Nothing is installed: ``apt-get download`` fetches the package and ``dpkg -x`` unpacks it.
The cache is ``.cache/music`` at the project's root (or ``RETRACK_MUSIC_CACHE``). On a
machine without apt the packages can be unpacked there by hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

SMALL_PACKAGES = ("neverball-common",)
"""Small enough for ``make test``: 17 MB, 8 tracks of half a minute to two minutes."""
LARGE_PACKAGES = ("warzone2100-music",)
"""For benchmarks: 86 MB, 30 long tracks."""
FRESH_PACKAGES = (
    "wesnoth-1.16-music",
    "nexuiz-music",
    "singularity-music",
    "fretsonfire-songs-muldjord",
)
"""For the benchmarks' last split: 320 MB of orchestral, electronic and metal music (Debian 12)."""
RELEASE_PACKAGES = (
    "hedgewars-data",
    "drascula-music",
    "fillets-ng-data",
    "colobot-common-sounds",
    "planetblupi-music-ogg",
    "lincity-ng-data",
)
"""For figures of a release: 420 MB of other styles, from marches and blues to the music of old
adventure games (Debian 12). Nothing is developed or tuned on it."""

SUFFIXES = {".ogg", ".mp3", ".flac", ".opus", ".wav", ".xm", ".mod"}
STREAMED = {".ogg", ".mp3", ".flac", ".opus", ".wav"}


class NoMusic(Exception):
    """The packages cannot be had on this machine; tests say so in their skip."""


def cache_folder() -> Path:
    """Where unpacked packages are kept between runs."""
    default = Path(__file__).resolve().parent.parent / ".cache" / "music"
    return Path(os.environ.get("RETRACK_MUSIC_CACHE", default))


def unpack(package: str) -> Path:
    """The folder with the unpacked package; raises ``NoMusic`` when it cannot be had."""
    folder = cache_folder() / package
    if folder.is_dir():
        return folder
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise NoMusic(f"{package}: no apt-get or dpkg here; unpack it into {folder} by hand")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        downloads = Path(scratch)
        done = subprocess.run(
            ["apt-get", "download", package],
            cwd=downloads,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode != 0:  # an old list of packages is the usual cause on a new machine
            subprocess.run(["apt-get", "update"], capture_output=True, timeout=300, check=False)
            done = subprocess.run(
                ["apt-get", "download", package],
                cwd=downloads,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        archives = list(downloads.glob("*.deb"))
        if not archives:
            raise NoMusic(f"{package}: {done.stderr.strip() or 'nothing was downloaded'}")
        content = downloads / "content"
        subprocess.run(["dpkg", "-x", str(archives[0]), str(content)], check=True, timeout=120)
        for archive in content.rglob("*.pk3"):  # a game's ZIP
            with zipfile.ZipFile(archive) as inner:
                inner.extractall(archive.with_suffix(""))
            archive.unlink()
        if not folder.is_dir():  # another test process may have been first
            content.rename(folder)
    return folder


def tracks(package: str, *, least_bytes: int = 100_000) -> list[Path]:
    """The package's music files that ffmpeg reads, in a stable order."""
    found = [
        path
        for path in unpack(package).rglob("*")
        if path.is_file()
        and not path.is_symlink()
        and path.suffix.lower() in STREAMED
        and path.stat().st_size >= least_bytes
    ]
    return sorted(found)
