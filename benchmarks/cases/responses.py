"""Impulse responses measured in real rooms, from PyPI packages that are cached unpacked."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from functools import lru_cache
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from benchmarks.cases.tracks import RATE
from tests import music

Response = NDArray[np.float64]

ACOUSTICS, SCENE = "acoustics==0.2.6", "scene-rir==1.3.0"
SWEEP = "Sweep(10-22000Hz,10s-0.2s).wav"
"""What the second package's responses were recorded with."""
MEASURED = (
    (ACOUSTICS, "ir_sportscentre_omni.wav"),
    (SCENE, "GrCLab1SSRPos2.wav"),
    (ACOUSTICS, "living_room_1.wav"),
    (SCENE, "GrCLab2SSRPos1Src1.wav"),
    (SCENE, "GrCLab2SSRPos1Src2.wav"),
)
"""Package and file: a sports centre, two laboratories, a living room."""
RESPONSE_SECONDS = 3.0
"""How much of a response is kept."""
MIN_DIRECT_RATIO = 0.2
"""The direct sound's least height, relative to the strongest arrival (-14 dB)."""
ONSET_SECONDS = 0.0005
"""In how long an arrival reaches its top."""


def packaged() -> dict[str, Response]:
    """The responses that packages bring; raises ``tests.music.NoMusic`` when they cannot be had."""
    return {Path(name).stem: measured(package, name) for package, name in MEASURED}


@lru_cache
def measured(package: str, name: str) -> Response:
    """One response of a package."""
    recorded = _file(package, name)
    if package != SCENE:
        return from_direct(recorded)
    sweep = _file(package, SWEEP)
    size = 1 << (len(sweep) + len(recorded)).bit_length()
    played, received = np.fft.rfft(sweep, size), np.fft.rfft(recorded, size)
    power = np.square(np.abs(played))
    quiet = 1e-4 * float(np.median(power))
    return from_direct(np.fft.irfft(received * np.conj(played) / (power + quiet), size))


def from_direct(sound: Response) -> Response:
    """A response from the top of its first arrival on, with a sum of squares of 1."""
    size = np.abs(sound)
    first = int(np.argmax(size >= MIN_DIRECT_RATIO * size.max()))
    first += int(size[first : first + int(ONSET_SECONDS * RATE)].argmax())
    response = sound[first : first + int(RESPONSE_SECONDS * RATE)]
    return np.asarray(response / np.sqrt(np.square(response).sum()), np.float64)


def read(path: Path) -> Response:
    """The first channel of a sound file, at ``RATE``."""
    done = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-i", f"file:{path}",
            "-af", "pan=mono|c0=c0", "-ar", str(RATE), "-f", "f32le", "-",
        ],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    return np.frombuffer(done.stdout, np.float32).astype(np.float64)


def _file(package: str, name: str) -> Response:
    [path] = unpack(package).rglob(name)
    return read(path)


def unpack(package: str) -> Path:
    """The folder with an unpacked source package (``name==version``)."""
    folder = music.cache_folder() / package.replace("==", "-")
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                "--no-binary", ":all:", "--dest", scratch, package,
            ],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        archives = list(Path(scratch).glob("*.tar.gz"))
        if not archives:
            raise music.NoMusic(f"{package}: {done.stderr.strip()[-300:]}")
        content = Path(scratch) / "content"
        with tarfile.open(archives[0]) as archive:
            archive.extractall(content, filter="data")
        if not folder.is_dir():  # another test process may have been first
            content.rename(folder)
    return folder
