"""The music and speech that the benchmark's cases are made from, cached as 16 kHz PCM.

Music comes from ``warzone2100-music`` (30 tracks) and ``neverball-common`` (8), split once and for
all into a part to develop on and a part that is held back; for a third split of other styles from
the packages of ``tests.music.FRESH_PACKAGES``; and for the split that only a release is measured
on, from those of ``tests.music.RELEASE_PACKAGES``. Speech is the prompts of
``asterisk-core-sounds-*-wav``, another language in each split.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from pipeline.model import Samples
from tests import music

Split = Literal["develop", "held", "fresh", "release"]
Channel = Literal["mid", "side"]

RATE = 16_000
"""Rate at which cases are made (hertz)."""
MAX_SECONDS = 330.0
"""How much of each track is kept."""

SPLITS: tuple[Split, ...] = get_args(Split)
LANGUAGES: dict[Split, str] = {"develop": "en", "held": "fr", "fresh": "it", "release": "es"}
"""What the talkers of each split speak, so that the voice differs as well."""

SAME_MUSIC = ({"track3", "track3_enhanced"}, {"menu", "menu_enhanced"})
"""Tracks that are two masters of one recording; they stay in one split, never 'unrelated'."""
NOT_TAKEN = {
    "guitar",  # one instrument of a song that is taken
    "frantic-old",  # another version of "frantic"
    "sixtyfour_revisited",  # another version of "sixtyfour_"
}
"""Tracks of the fresh packages that are near-duplicates of others."""
NOT_RELEASED = {
    *(f"colobot/{name}" for name in ("Hv2", "music002", "music006", "music007", "music008")),
    "colobot/music009",
    "drascula/track9",
    "drascula/track30",
    *(f"planetblupi/{name}" for name in ("music000", "music001")),
    "hedgewars/olympics_sd",  # another version of "Olympics"
}
"""The same of the release's packages, whose names come in several of them."""
MIN_FRESH_SECONDS = 90.0
"""The least length of a track of the fresh and of the release split."""
MIN_PROMPT_BYTES = 24_000
"""Shorter prompts are single words."""
SOUND_EFFECTS = ("/sounds/", "/Sounds/", "/voice")
"""In the path of what is no music in the release's packages."""


@dataclass(frozen=True)
class Track:
    """One piece of music; ``artist`` is the package it comes from."""

    name: str
    artist: str
    path: Path

    def samples(self, channel: Channel = "mid") -> Samples:
        """Mono samples at ``RATE``: half the sum (mid) or half the difference (side) of L and R."""
        return _as_float(_cached(self.path, f"{self.artist}-{self.name}", channel))

    @property
    def seconds(self) -> float:
        """Length of what is kept (seconds)."""
        return len(_cached(self.path, f"{self.artist}-{self.name}", "mid")) / RATE


def all_tracks() -> list[Track]:
    """Every track of the packages of the first two splits, in a stable order."""
    found = []
    for package in (*music.LARGE_PACKAGES, *music.SMALL_PACKAGES):
        for path in music.tracks(package):
            if "/snd/" not in path.as_posix():
                found.append(Track(path.stem, package.split("-")[0], path))
    return found


def fresh_tracks() -> list[Track]:
    """The tracks of the fresh packages that are long enough, in a stable order."""
    return _long_enough(music.FRESH_PACKAGES, NOT_TAKEN)


def release_tracks() -> list[Track]:
    """The same of the release's packages."""
    return _long_enough(music.RELEASE_PACKAGES, NOT_RELEASED)


def _long_enough(packages: Sequence[str], left_out: AbstractSet[str]) -> list[Track]:
    found = []
    for package in packages:
        for path in music.tracks(package):
            artist = package.split("-")[0]
            if {path.stem, f"{artist}/{path.stem}"} & left_out or any(
                part in path.as_posix() for part in SOUND_EFFECTS
            ):
                continue
            name = path.parent.name if path.stem == "song" else path.stem
            track = Track(name, artist, path)
            if track.seconds >= MIN_FRESH_SECONDS:
                found.append(track)
    return found


@lru_cache
def tracks(split: Split) -> tuple[Track, ...]:
    """The tracks of one split.

    The first two share their packages: every second track, masters of one recording kept together.
    """
    if split == "fresh":
        return tuple(fresh_tracks())
    if split == "release":
        return tuple(release_tracks())
    chosen: list[Track] = []
    parity = 0 if split == "develop" else 1
    for index, track in enumerate(all_tracks()):
        number = index
        for group in SAME_MUSIC:
            if track.name in group and track.artist == "warzone2100":
                number = SAME_MUSIC.index(group)
        if number % 2 == parity:
            chosen.append(track)
    return tuple(chosen)


def same_music(one: Track, other: Track) -> bool:
    """Whether two tracks are the same recording, perhaps in another master."""
    if one == other:
        return True
    return one.artist == other.artist and any(
        one.name in group and other.name in group for group in SAME_MUSIC
    )


def speech(split: Split, seconds: float, seed: int) -> Samples:
    """A talker at ``RATE``: recorded sentences with short pauses, at a root mean square of 0.1."""
    prompts = _prompts(LANGUAGES[split])
    random = np.random.default_rng(seed)
    pieces: list[Samples] = []
    length = 0
    while length < round(seconds * RATE):
        said = _as_float(_cached(prompts[int(random.integers(len(prompts)))], None, "mid"))
        pause = np.zeros(int(random.uniform(0.1, 0.7) * RATE), dtype=np.float32)
        pieces += [said, pause]
        length += len(said) + len(pause)
    whole = np.concatenate(pieces)[: round(seconds * RATE)]
    level = float(np.sqrt(np.mean(whole**2))) or 1.0
    return (whole * (0.1 / level)).astype(np.float32)


@lru_cache
def _prompts(language: str) -> Sequence[Path]:
    folder = music.unpack(f"asterisk-core-sounds-{language}-wav")
    return sorted(p for p in folder.rglob("*.wav") if p.stat().st_size > MIN_PROMPT_BYTES)


def _as_float(pcm: NDArray[np.int16]) -> Samples:
    return pcm.astype(np.float32) / np.float32(32768)


def cache_folder() -> Path:
    """Where decoded sound is kept between runs (``RETRACK_BENCHMARK_CACHE``)."""
    default = Path(tempfile.gettempdir()) / "retrack-benchmark"
    return Path(os.environ.get("RETRACK_BENCHMARK_CACHE", default))


@lru_cache(maxsize=12)
def _cached(path: Path, key: str | None, channel: Channel) -> NDArray[np.int16]:
    """Decoded sound, from the cache folder when ``key`` names a file there."""
    if key is None:
        return np.frombuffer(_decode(path, channel), dtype=np.int16)
    file = cache_folder() / f"{key}-{channel}-{RATE}.s16"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(_decode(path, channel))
        part.replace(file)
    return np.memmap(file, dtype=np.int16, mode="r")


def _decode(path: Path, channel: Channel) -> bytes:
    sign = "+" if channel == "mid" else "-"
    done = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-t", str(MAX_SECONDS),
            "-i", f"file:{path}",
            "-af", f"aformat=channel_layouts=stereo,pan=mono|c0=0.5*c0{sign}0.5*c1",
            "-ar", str(RATE), "-f", "s16le", "-",
        ],
        capture_output=True, check=True, timeout=300,
    )  # fmt: skip
    return done.stdout
