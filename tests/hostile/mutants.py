"""Real files of each format, damaged by a seeded hand, described and made into tasks."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import reasons
from pipeline.child.budget import opening_seconds
from pipeline.media.ffmpeg import executable
from tests.hostile.measured import Answer, describe, make_task

SECONDS = 3
FILMS: Mapping[str, Sequence[str]] = {
    "mp4": ("-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-movflags", "+faststart"),
    "mov": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "mkv": ("-c:v", "libx264", "-c:a", "flac"),
    "webm": ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"),
    "avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "ts": ("-c:v", "libx264", "-c:a", "aac"),
    "flv": ("-c:v", "flv", "-c:a", "libmp3lame"),
    "mpg": ("-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2"),
}
SOUNDS: Mapping[str, Sequence[str]] = {
    "mp3": ("-c:a", "libmp3lame"),
    "m4a": ("-c:a", "aac"),
    "wav": ("-c:a", "pcm_s16le"),
    "flac": ("-c:a", "flac"),
    "ogg": ("-c:a", "libvorbis"),
    "aiff": ("-c:a", "pcm_s16be"),
}
FORMATS = (*FILMS, *SOUNDS)
TASK_CPU_SECONDS = 60.0
"""More than ten times what the task of an undamaged file of these takes."""
LATE_CPU_SECONDS = 4.0
"""What a child may use before its parent looks, on a loaded machine."""
_EXTREMES = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0")
_HEAD_BYTES = 4096
"""Half of the damage is done here or at the end, where the indexes are."""


@dataclass(frozen=True)
class Verdict:
    """How a mutant was answered."""

    name: str
    stage: str
    """``describe`` or ``task``."""
    answer: Answer
    allowed_seconds: float

    @property
    def crashed(self) -> bool:
        return self.answer.reason == reasons.CRASHED

    @property
    def beyond(self) -> bool:
        """Whether it took more than it may."""
        return self.answer.cpu_seconds > self.allowed_seconds


def make_bases(folder: Path) -> dict[str, Path]:
    """An undamaged file of each format, three seconds of two tones and a small picture."""
    tone = "aevalsrc='0.3*sin(2*PI*(440+110*floor(4*t))*t)':s=44100:d=3"
    picture = ["-f", "lavfi", "-i", f"testsrc2=s=96x64:r=25:d={SECONDS}"]
    sound = ["-f", "lavfi", "-i", tone]
    made = {}
    for name, codecs in {**FILMS, **SOUNDS}.items():
        path = made[name] = folder / f"base.{name}"
        inputs = [*picture, *sound] if name in FILMS else sound
        subprocess.run(
            [executable(), "-v", "error", "-y", *inputs, *codecs, "-fflags", "+bitexact", path],
            timeout=120,
            check=True,
        )
    return made


def mutated(data: bytes, seed: int) -> bytes:
    """``data`` with one to eight damages, the same ones for the same seed."""
    chance = random.Random(seed)
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        _damage(made, chance)
    return bytes(made)


def _damage(data: bytearray, chance: random.Random) -> None:
    if len(data) < 64:
        return
    at = _place(len(data), chance)
    length = min(chance.choice((1, 4, 16, 256, 4096)), len(data) - at)
    match chance.randrange(7):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            data[at : at + 4] = chance.choice(_EXTREMES)
        case 2:
            data[at : at + length] = chance.randbytes(length)
        case 3:
            del data[at : at + length]
        case 4:
            data[at:at] = data[at : at + length]
        case 5:
            other = _place(len(data), chance)
            data[at : at + length] = data[other : other + length]
        case _:
            del data[max(64, at) :]


def _place(length: int, chance: random.Random) -> int:
    edge = min(_HEAD_BYTES, length)
    if chance.random() < 0.5:
        return chance.choice((0, length - edge)) + chance.randrange(edge)
    return chance.randrange(length)


def try_mutant(seed: int, bases: Mapping[str, Path], folder: Path) -> Verdict:
    """One mutant, described as an upload and, where that is accepted, made into a task."""
    name = FORMATS[seed % len(FORMATS)]
    path = folder / f"{seed}.{name}"
    path.write_bytes(mutated(bases[name].read_bytes(), seed))
    try:
        answer = describe(path, "dance" if name in FILMS else "reference")
        if answer.reason is not None:
            allowed = opening_seconds([path]) + LATE_CPU_SECONDS
            return Verdict(path.name, "describe", answer, allowed)
        pair = (path, bases["wav"]) if name in FILMS else (bases["mp4"], path)
        answer = make_task(*pair, folder / str(seed), by_hand=True)
        return Verdict(path.name, "task", answer, TASK_CPU_SECONDS)
    finally:
        path.with_suffix(".facts").unlink(missing_ok=True)
        path.unlink()
