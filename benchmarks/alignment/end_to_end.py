"""What finding the place costs from the files on: decoding, both methods, and the judge.

    python -m benchmarks.alignment.end_to_end
    python -m benchmarks.alignment.end_to_end --hours 2

Each pair is measured in a process of its own, which reports its processor time (imports left
out) and the most memory it has had. With ``--hours`` the two files are that long, made of all
tracks one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np

from benchmarks.alignment.peers import peak_bytes, processor_seconds
from benchmarks.cases import degrade, warp
from benchmarks.cases.case import Case
from benchmarks.cases.generate import generate
from benchmarks.cases.tracks import RATE, SPLITS, all_tracks
from pipeline.model import Samples

KINDS = {
    "same speed": ("clean", "phone", "noise", "reverb", "talker"),
    "drift": ("drift",),
    "speed changed": ("mild_moved", "mild_kept", "full_moved", "full_kept"),
    "takes": ("takes",),
    "no shared music": ("unrelated", "same_tempo"),
}
EACH = 2
"""Cases of each kind."""


@dataclass(frozen=True)
class Cost:
    """What one pair cost."""

    decoding: float
    """Processor seconds."""
    methods: float
    """Processor seconds, both methods and the judge."""
    memory: int
    """Bytes."""
    seconds: float
    """Of both sounds together."""
    answer: dict[str, Any]


def encode(sound: Iterator[bytes], file: Path, options: Sequence[str]) -> None:
    """Raw 16-bit mono blocks at ``RATE`` into a file, as 44.1 kHz stereo as phones have it."""
    process = subprocess.Popen(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "s16le", "-ar", str(RATE),
         "-ac", "1", "-i", "-", "-ac", "2", "-ar", "44100", *options, f"file:{file}"],
        stdin=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None  # noqa: S101
    for block in sound:
        process.stdin.write(block)
    process.stdin.close()
    if process.wait() != 0:
        raise RuntimeError(f"{file.name} could not be encoded")


def pcm(sound: Samples) -> bytes:
    """16-bit samples."""
    return np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16).tobytes()


def cost(dance: Path, reference: Path, seconds: float) -> Cost:
    """Runs a process of its own over two files."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    module = "benchmarks.alignment.end_to_end"
    done = subprocess.run(
        [sys.executable, "-m", module, "--measure", str(dance), str(reference)],
        capture_output=True, text=True, check=True, env={**os.environ, **one}, timeout=3600,
    )  # fmt: skip
    said = json.loads(done.stdout)
    return Cost(said["decoding"], said["methods"], said["memory"], seconds, said["answer"])


def measure(dance: Path, reference: Path) -> None:
    """The measured process: prints its costs as JSON."""
    from pipeline.align import METHODS, judge
    from pipeline.media.probe import probe
    from pipeline.settings import Settings
    from pipeline.sound.decode import decode_sound

    settings = Settings(max_duration=6 * 3600)
    with tempfile.TemporaryDirectory() as scratch:
        before = processor_seconds()
        sounds = []
        for path in (dance, reference):
            info = probe(path, role="reference", settings=settings)
            folder = Path(scratch) / path.stem
            folder.mkdir()
            sounds.append(decode_sound(path, info, folder, settings=settings))
        decoded = processor_seconds()
        answers = {name: method(sounds[0], sounds[1]) for name, method in METHODS.items()}
        answer = judge(answers)
        after = processor_seconds()
    print(json.dumps({
        "decoding": decoded - before,
        "methods": after - decoded,
        "memory": peak_bytes(),
        "answer": {
            "matched": answer.matched,
            "confidence": answer.confidence,
            "segments": [(s.dance_start, s.dance_end, s.offset, s.speed) for s in answer.segments],
        },
    }, default=float))  # fmt: skip


def _case_cost(case: Case, folder: Path) -> Cost:
    dance, reference = folder / "dance.m4a", folder / "reference.ogg"
    encode(iter([pcm(case.dance)]), dance, ["-c:a", "aac", "-b:a", "128k"])
    encode(iter([pcm(case.reference)]), reference, ["-c:a", "libvorbis", "-b:a", "160k"])
    return cost(dance, reference, (len(case.dance) + len(case.reference)) / case.rate)


def long_pair(folder: Path, hours: float) -> tuple[Path, Path, float]:
    """Two long files: all music in a row, and its recording by a phone, 40 s later, with drift."""
    wanted = round(hours * 3600)
    drift = 1.0002
    pieces = [t.samples() for t in all_tracks()]
    music = np.concatenate(pieces).astype(np.float16)
    while len(music) < (wanted + 60) * RATE:
        music = np.concatenate((music, music[::-1]))

    def reference() -> Iterator[bytes]:
        for start in range(0, wanted, 60):
            yield pcm(music[start * RATE : (start + 60) * RATE].astype(np.float32))

    def dance() -> Iterator[bytes]:
        response = degrade.room_response(RATE, 0.5, 3.0, 1)
        for start in range(0, wanted - 100, 60):
            at = (40 + drift * (start + np.arange(60 * RATE) / RATE)) * RATE
            first = max(0, int(at[0]) - 64)
            near = music[first : int(at[-1]) + 64].astype(np.float32)
            recorded = degrade.reverberate(warp.resample_at(near, at - first), response)
            yield pcm(degrade.noise(recorded, 15, "pink", start) * np.float32(0.5))

    encode(reference(), folder / "reference.m4a", ["-c:a", "aac", "-b:a", "96k"])
    encode(dance(), folder / "dance.m4a", ["-c:a", "aac", "-b:a", "96k"])
    return folder / "dance.m4a", folder / "reference.m4a", 2.0 * wanted


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints one line a group of kinds, or one for the long pair."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alignment.end_to_end", description=__doc__
    )
    parser.add_argument("--split", choices=SPLITS, default="develop")
    parser.add_argument("--hours", type=float, help="measure one pair of files that long")
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        measure(*options.measure)
        return
    if options.hours:
        with tempfile.TemporaryDirectory() as scratch:
            dance, reference, seconds = long_pair(Path(scratch), options.hours)
            began = time.monotonic()
            print(_line(f"two files of {options.hours:g} h", [cost(dance, reference, seconds)]))
            print(f"{time.monotonic() - began:.0f} s of wall time")
        return
    print("| pairs | number | decoding | methods | together, CPU s a minute | memory, MB |")
    print("|---|---|---|---|---|---|")
    for group, kinds in KINDS.items():
        costs = []
        for case in generate(options.split, kinds, limit=EACH):
            with tempfile.TemporaryDirectory() as scratch:
                costs.append(_case_cost(case, Path(scratch)))
        print(_line(group, costs), flush=True)


def _line(name: str, costs: Sequence[Cost]) -> str:
    minutes = sum(c.seconds for c in costs) / 60
    decoding = sum(c.decoding for c in costs) / minutes
    methods = sum(c.methods for c in costs) / minutes
    memory = max(c.memory for c in costs) / 1e6
    return (
        f"| {name} | {len(costs)} | {decoding:.3f} | {methods:.3f} | {decoding + methods:.3f} "
        f"| {memory:.0f} |"
    )


if __name__ == "__main__":
    main()
