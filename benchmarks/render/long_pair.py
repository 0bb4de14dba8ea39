"""Two hours of 4K, filmed and clean, and a run on them that is watched to its end.

    python -m benchmarks.render.long_pair [--folder DIR] [--bit-rate 0.5] [--make] [--keep]

One minute of picture is encoded and repeated by copying; the sound is two hours of different
pieces of music. The dance has them in mono, quieter, without its high notes and under
noise, and begins ``OFFSET_SECONDS`` seconds into the reference. About 14 GB for the pair and as
much for both results, so look at the disk first.

Watched ten times a second: every process of the run by name, with the largest resident set
that the kernel recorded for it, their sum at one moment, and how much of the disk was taken.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import psutil
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipeline.media import ffmpeg
from tests import music
from tests.media.clips import RATE

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "benchmarks"
DANCE_SECONDS = 7200
OFFSET_SECONDS = 12.345
MINUTE_SECONDS = 60
BIT_RATE_MBITS = 8.0
"""Of the picture (Mbit/s)."""
BLOCK_BYTES = 10 * RATE * 4
"""How much 16-bit stereo is handed on at a time (10 s)."""
LOW_PASS_HZ = 5000
NOISE_RMS = 0.03


def make(folder: Path, bit_rate: float = BIT_RATE_MBITS) -> tuple[Path, Path]:
    """The pair, made once: ``dance.mp4`` and ``reference.mp4``; ``bit_rate`` in Mbit/s."""
    dance, reference = folder / "dance.mp4", folder / "reference.mp4"
    if dance.exists() and reference.exists():
        return dance, reference
    folder.mkdir(parents=True, exist_ok=True)
    picture = _minute_of_picture(folder, bit_rate)
    clean, recorded = folder / "clean.m4a", folder / "recorded.m4a"
    _sounds(clean, recorded)
    _join(picture, recorded, DANCE_SECONDS, dance)
    _join(picture, clean, DANCE_SECONDS + OFFSET_SECONDS, reference)
    for part in (picture, clean, recorded):
        part.unlink()
    return dance, reference


def _run(*arguments: str) -> None:
    subprocess.run([ffmpeg.executable(), "-loglevel", "error", "-y", *arguments], check=True)


def _minute_of_picture(folder: Path, bit_rate: float) -> Path:
    target = folder / "minute.mp4"
    _run(
        *("-f", "lavfi", "-i", "testsrc2=s=3840x2160:r=30,noise=alls=4:allf=t"),
        *("-t", str(MINUTE_SECONDS), "-c:v", "libx264", "-preset", "ultrafast"),
        *("-b:v", f"{bit_rate}M", "-bf", "2", "-g", "60", "-pix_fmt", "yuv420p", str(target)),
    )
    return target


def _sounds(clean: Path, recorded: Path) -> None:
    """Streams the music into two encoders; nothing of it is held."""
    chance = np.random.default_rng(1)
    low = butter(2, LOW_PASS_HZ, fs=RATE, output="sos")
    state = np.zeros((low.shape[0], 2))  # two values for each section
    skip = round(OFFSET_SECONDS * RATE) * 4
    with _encoder(clean, 192) as one, _encoder(recorded, 128) as two:
        assert one.stdin is not None and two.stdin is not None  # noqa: S101 # asked for
        for block in _music(round((DANCE_SECONDS + OFFSET_SECONDS) * RATE) * 4):
            one.stdin.write(block)
            later = block[min(skip, len(block)) :]
            skip -= len(block) - len(later)
            if not later:
                continue
            wave = np.frombuffer(later, dtype="<i2").reshape(-1, 2).mean(axis=1) / 32768.0
            dull, state = sosfilt(low, wave, zi=state)
            dull = 0.5 * dull + NOISE_RMS * chance.standard_normal(len(dull))
            two.stdin.write(_pcm(dull))


def _pcm(mono: NDArray[np.float64]) -> bytes:
    return (np.clip(mono, -1, 1).repeat(2) * 32767).astype("<i2").tobytes()


def _encoder(target: Path, kilobits: int) -> subprocess.Popen[bytes]:
    raw = ["-f", "s16le", "-ar", str(RATE), "-ac", "2", "-i", "pipe:0"]
    return subprocess.Popen(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-y", *raw),
            *("-c:a", "aac", "-b:a", f"{kilobits}k", str(target)),
        ],
        stdin=subprocess.PIPE,
    )


def _music(size: int) -> Iterator[bytes]:
    """``size`` bytes of 16-bit stereo, track after track."""
    for track in music.tracks("warzone2100-music"):
        with subprocess.Popen(
            [
                *(
                    ffmpeg.executable(),
                    "-loglevel",
                    "quiet",
                    "-i",
                    str(track),
                    "-map",
                    "0:a:0",
                ),  # it is cut short
                *("-ar", str(RATE), "-ac", "2", "-f", "s16le", "pipe:1"),
            ],
            stdout=subprocess.PIPE,
        ) as running:
            assert running.stdout is not None  # noqa: S101 # asked for
            while size > 0 and (block := running.stdout.read(BLOCK_BYTES)):
                yield block[:size]
                size -= len(block)
        if size <= 0:
            return
    raise SystemExit("there is less than two hours of music in the cache")


def _join(picture: Path, sound: Path, seconds: float, target: Path) -> None:
    part = target.with_suffix(".part.mp4")
    _run(
        *("-stream_loop", "-1", "-i", str(picture), "-i", str(sound), "-map", "0:v"),
        *("-map", "1:a", "-c", "copy", "-t", str(seconds), str(part)),
    )
    part.rename(target)


@dataclass
class Watched:
    """What one run used."""

    wall: float = 0.0
    code: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    """By process name, the largest resident set of any (MiB)."""
    moments: list[tuple[float, float]] = field(default_factory=list)
    """The time (seconds) and the sum of all processes at it (MiB)."""
    disk: float = 0.0
    """The most that was taken of the disk during the run (MiB)."""


def watch(command: list[str], folder: Path) -> Watched:
    """Runs ``command``; looks at its processes and at ``folder``'s disk until it ends."""
    found = Watched()
    free = shutil.disk_usage(folder).free
    started = time.monotonic()
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=said) as running:
        root = psutil.Process(running.pid)
        while running.poll() is None:
            found.moments.append((time.monotonic() - started, _look(root, found)))
            found.disk = max(found.disk, (free - shutil.disk_usage(folder).free) / 2**20)
            time.sleep(0.1)
        found.wall = time.monotonic() - started
        found.code = running.returncode
        found.answer = _answer(said)
    return found


def _look(root: psutil.Process, found: Watched) -> float:
    total = 0.0
    with suppress(psutil.NoSuchProcess):
        for process in (root, *root.children(recursive=True)):
            with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                name = process.name()[:12]
                lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                sizes = {
                    key: int(rest.split()[0]) / 1024
                    for key, _, rest in (line.partition(":") for line in lines)
                    if key in {"VmHWM", "VmRSS"}
                }
                total += sizes.get("VmRSS", 0.0)
                found.peaks[name] = max(found.peaks.get(name, 0.0), sizes.get("VmHWM", 0.0))
    return total


def by_stage(found: Watched) -> dict[str, int]:
    """The largest sum in each stage of the run (MiB); the stages follow one another."""
    peaks: dict[str, int] = {}
    end = found.wall - sum(found.answer["seconds"].values())  # starting Python
    for stage, seconds in found.answer["seconds"].items():
        inside = [size for at, size in found.moments if end <= at <= end + seconds]
        peaks[stage] = round(max(inside, default=0.0))
        end += seconds
    return peaks


def _answer(said: IO[bytes]) -> dict[str, Any]:
    said.seek(0)
    text = said.read()
    return dict(json.loads(text)) if text else {}


def run(folder: Path) -> Watched:
    """``run --variant both`` on the pair, its scratch folder on the same disk."""
    dance, reference = folder / "dance.mp4", folder / "reference.mp4"
    out = folder / "results"
    shutil.rmtree(out, ignore_errors=True)
    files = [str(dance), str(reference), "--out", str(out), "--variant", "both", "--json"]
    return watch([sys.executable, "-m", "pipeline", "run", *files], folder)


def main() -> None:
    """Makes the pair, runs, and prints what was seen as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=CACHE / "long")
    parser.add_argument(
        "--bit-rate",
        type=float,
        default=BIT_RATE_MBITS,
        help="of the picture (Mbit/s); 0.5 takes 1.3 GB",
    )
    parser.add_argument("--make", action="store_true", help="only make the pair")
    parser.add_argument("--keep", action="store_true", help="keep the results")
    arguments = parser.parse_args()
    folder = arguments.folder
    # In a process of its own: a child's recorded peak begins with its parent's.
    if arguments.make:
        make(folder, arguments.bit_rate)
        return
    maker = [sys.executable, "-m", "benchmarks.render.long_pair", "--make", "--folder", str(folder)]
    subprocess.run([*maker, "--bit-rate", str(arguments.bit_rate)], check=True)
    sizes = {p.name: p.stat().st_size / 2**20 for p in sorted(folder.glob("*.mp4"))}
    found = run(folder)
    (folder / "answer.json").write_text(json.dumps(found.answer, indent=2))
    results = {p.name: p.stat().st_size / 2**20 for p in sorted((folder / "results").glob("*"))}
    print(
        json.dumps(
            {
                "code": found.code,
                "wall_s": round(found.wall, 1),
                "stages_s": found.answer.get("seconds"),
                "peak_mib": {k: round(v) for k, v in found.peaks.items()},
                "together_mib": round(max(size for _, size in found.moments)),
                "together_by_stage_mib": by_stage(found),
                "disk_taken_mib": round(found.disk),
                "inputs_mib": {k: round(v) for k, v in sizes.items()},
                "results_mib": {k: round(v) for k, v in results.items()},
            },
            indent=2,
        )
    )
    if not arguments.keep:
        shutil.rmtree(folder / "results", ignore_errors=True)


if __name__ == "__main__":
    main()
