"""The sync in the written videos, measured against the truth of the cases.

    python -m benchmarks.alignment.written

Takes the first case of every kind that has one right answer, makes a dance video of it whose
pictures carry their number, runs ``python -m pipeline run`` on it as a person would, and compares
the sound of each written video with the clean track at the place where the truth puts it, picture
by picture. Prints a row a video.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from benchmarks.cases import warp
from benchmarks.cases.case import Case
from benchmarks.cases.generate import generate
from benchmarks.cases.tracks import SPLITS
from pipeline.model import Samples, Segment
from tests.media import clips, measure

FPS = Fraction(15)
WINDOW_STEP_SECONDS, WINDOW_SECONDS = 4.0, 4.0
"""From one measured window to the next, and their length."""
STRETCHED_WINDOW_SECONDS = 12.0
"""Length of a window where the pitch was kept: onsets need more."""
EDGE_SECONDS = 0.15
"""What may be a cross-fade at the limits of a take."""
MAX_LAG_SECONDS = 0.25
"""By how much sound may be early or late."""
PART_SECONDS = 0.5
"""Length of a part that is the music or is not."""
MIN_CORRELATION = 0.5
"""Correlation from which a part is the music."""
MAX_DRIFT_RATIO = 2e-3
"""Speeds this near to 1 are clocks that drift."""
MIN_LEVEL = 0.003
"""Level of the clean track below which nothing is known."""


@dataclass(frozen=True)
class Written:
    """What was measured in one written video."""

    shown: float
    """Seconds of the truth's takes that the video shows."""
    lags: tuple[float, ...]
    """How late the music is in each window (seconds)."""
    without: float
    """Seconds shown in which the clean music should play and does not."""


@dataclass(frozen=True)
class Stretch:
    """Part of a take that a result shows without a cut."""

    segment: Segment
    result_start: float
    dance_start: float
    seconds: float


def run(case: Case, folder: Path) -> tuple[dict[str, Path], str]:
    """The videos that the command line writes for a case, by method; and why not."""
    dance = clips.make_dance(
        clips.Clip(fps=FPS, seconds=len(case.dance) / case.rate), stereo(case.dance, case), folder
    )
    reference = clips.write_sound(stereo(case.reference, case), folder / "reference.wav")
    out = folder / "out"
    command = [sys.executable, "-m", "pipeline", "run", str(dance), str(reference)]
    done = subprocess.run(
        [*command, "--out", str(out), "--json"],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    found = {name: path for name in ("v2", "modular") for path in out.glob(f"*_{name}.mp4")}
    reason = (
        "" if found else str(json.loads(done.stdout or "{}").get("reason") or done.stderr[-80:])
    )
    return found, reason


def stereo(sound: Samples, case: Case) -> NDArray[np.float32]:
    """48 kHz, both channels alike."""
    mono = signal.resample_poly(sound, clips.RATE, case.rate).astype(np.float32)
    return np.stack([mono, mono], axis=1)


def stretches(pictures: measure.Pictures, truth: Sequence[Segment]) -> Iterator[Stretch]:
    """Where takes are shown: runs of pictures without a cut, each inside one take."""
    numbers, times = np.array(pictures.numbers), np.array(pictures.times)
    cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
    for run_of in np.split(np.arange(len(numbers)), cuts):
        first, last = run_of[0], run_of[-1]
        begin = numbers[first] / float(FPS)
        end = (numbers[last] + 1) / float(FPS)
        for segment in truth:
            low, high = max(begin, segment.dance_start), min(end, segment.dance_end)
            if high - low > 2 * EDGE_SECONDS + PART_SECONDS:
                at = float(times[first] + low - begin)
                yield Stretch(segment, at, float(low), float(high - low))


def measure_video(path: Path, case: Case) -> Written:
    """Compares a written video with the truth."""
    sound = measure.sound(path)
    song = stereo(case.reference, case)[:, 0]
    shown, without = 0.0, 0.0
    lags: list[float] = []
    for part in stretches(measure.pictures(path), case.truth or ()):
        shown += part.seconds
        own = piece(sound, part.result_start, part.seconds)
        segment = part.segment
        start = segment.speed * part.dance_start + segment.offset
        kept = abs(segment.speed - 1) > MAX_DRIFT_RATIO and not segment.pitch_moved
        length = STRETCHED_WINDOW_SECONDS if kept else WINDOW_SECONDS
        if kept:
            source = song[round(start * clips.RATE) :]
            lags += late_onsets(own, source, segment.speed, length)
            continue
        wanted = warp.play(song, clips.RATE, start, len(own) / clips.RATE, segment.speed)
        lags += late(own, wanted, length)
        without += absent(own, wanted)
    return Written(shown, tuple(lags), without)


def piece(sound: Samples, start: float, seconds: float) -> Samples:
    """A stretch of a sound, silent beyond its end."""
    first, count = round(start * clips.RATE), round(seconds * clips.RATE)
    cut = sound[first : first + count]
    return np.pad(cut, (0, count - len(cut)))


def windows(seconds: float, length: float) -> list[tuple[int, int]]:
    """First and last sample of the windows of a stretch, at least one."""
    length = min(length, seconds - 2 * EDGE_SECONDS)
    last = seconds - EDGE_SECONDS - length
    count = max(1, round((last - EDGE_SECONDS) / WINDOW_STEP_SECONDS) + 1)
    starts = np.linspace(EDGE_SECONDS, max(last, EDGE_SECONDS), count)
    return [(round(s * clips.RATE), round((s + length) * clips.RATE)) for s in starts]


def late(own: Samples, wanted: Samples, length: float) -> list[float]:
    """How late each window is, by correlation: both sounds are clean, so that it is near 1 at the
    right lag. (Phase correlation gives bands without music the same weight, in which the rounding
    of two sounds that were made alike agrees at no lag.)"""
    found = []
    for first, last in windows(len(own) / clips.RATE, length):
        if np.sqrt(np.mean(wanted[first:last] ** 2)) >= MIN_LEVEL:
            found.append(correlation_lag(wanted[first:last], own[first:last]))
    return found


def correlation_lag(wanted: Samples, own: Samples) -> float:
    """How late ``own`` is (seconds, ``MAX_LAG_SECONDS`` either way), to a fraction of a sample."""
    curve = signal.correlate(own, wanted, mode="full", method="fft")
    middle, width = len(wanted) - 1, round(MAX_LAG_SECONDS * clips.RATE)
    near = np.abs(curve[middle - width : middle + width + 1])
    peak = int(np.argmax(near[1:-1])) + 1
    left, top, right = near[peak - 1 : peak + 2]
    part = 0.5 * (left - right) / (left - 2 * top + right)
    return float((peak - width + part) / clips.RATE)


def late_onsets(own: Samples, source: Samples, speed: float, length: float) -> list[float]:
    """The same where the pitch was kept, by onsets."""
    found = []
    for first, last in windows(len(own) / clips.RATE, length):
        try:
            found.append(
                warp.envelope_lag(
                    source[round(first * speed) :], own[first:last], clips.RATE, speed
                )
            )
        except ValueError:  # too short or too even
            continue
    return found


def absent(own: Samples, wanted: Samples) -> float:
    """Seconds in which the clean music should play and does not, whatever its lag."""
    size, slack = round(PART_SECONDS * clips.RATE), round(0.05 * clips.RATE)
    missing = 0.0
    first = round(EDGE_SECONDS * clips.RATE)
    for at in range(first, len(own) - size - first + 1, size):
        expected, here = wanted[at : at + size], own[max(at - slack, 0) : at + size + slack]
        if np.sqrt(np.mean(expected**2)) < MIN_LEVEL:
            continue
        curve = signal.correlate(here, expected, mode="valid", method="fft")
        sums = np.concatenate(([0.0], np.cumsum(np.square(here, dtype=np.float64))))
        energy = sums[size:] - sums[:-size]
        like = np.abs(curve) / np.sqrt(np.maximum(energy, 1e-9) * np.sum(expected**2))
        if float(like.max()) < MIN_CORRELATION:
            missing += PART_SECONDS
    return missing


def row(case: Case, name: str, written: Written) -> str:
    """A line of the table."""
    whole = sum(s.dance_end - s.dance_start for s in case.truth or ())
    lags = 1000 * np.array(written.lags or (np.nan,))
    return (
        f"| {case.name.split('-', 1)[1]} | {name} | {written.shown:.1f} of {whole:.1f} "
        f"| {len(written.lags)} | {np.median(lags):.2f} | {np.abs(lags).max():.2f} "
        f"| {written.without:.1f} |"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.alignment.written", description=__doc__
    )
    parser.add_argument("--split", choices=SPLITS, default="develop")
    parser.add_argument("--classes", nargs="+", help="only these kinds of cases")
    parser.add_argument("--limit", type=int, default=1, help="at most so many cases of a kind")
    options = parser.parse_args(arguments)
    print(
        "| case | video | music shown, s | windows | median, ms | largest, ms | without music, s |"
    )
    print("|---|---|---|---|---|---|---|")
    for case in generate(options.split, options.classes, limit=options.limit):
        if case.truth is None or case.ambiguous:
            continue
        with tempfile.TemporaryDirectory() as scratch:
            videos, reason = run(case, Path(scratch))
            for name, path in videos.items():
                print(row(case, name, measure_video(path, case)), flush=True)
            if not videos:
                print(f"| {case.name.split('-', 1)[1]} | none: {reason} | | | | | |", flush=True)


if __name__ == "__main__":
    main()
