"""How well joints of a reference are found, and what that costs where there is none.

    python -m benchmarks.alignment.joints

Songs of the develop split are cut at 30 s, encoded as two MP3 files and joined byte by byte; the
dances begin 4 to 26 s before the joint and are filmed in a room. Prints a row a method, with its
own lines and with those of ``with_joints``. Then, for develop cases (two of a kind; none has a
joint), the segments divided all the same, the processor time, and how many windows are more than
5 ms off the true line by the height of their peaks: what ``WINDOW_SIGMAS`` goes by.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import signal

from benchmarks.alignment.held_sound import HeldSound
from benchmarks.cases import degrade
from benchmarks.cases.generate import generate
from benchmarks.cases.tracks import tracks
from pipeline.align import METHODS
from pipeline.align.shared import joints
from pipeline.model import MethodAlignment, Samples
from tests.media.clips import RATE, read_music, write_sound
from tests.pipeline.align.sounds import RATE as LOW_RATE

JOINT, LENGTH = 30.0, 60.0
"""Where the songs are cut, and how much of them is taken (seconds)."""
BEGINS = (4.0, 10.0, 16.0, 22.0, 26.0)
"""Where dances begin (seconds of the song)."""
NEAR = 0.05
"""Seconds around the joint that are not counted."""
ELSEWHERE = 0.5
"""Seconds from the true line from which another place of the song is meant."""
EDGES = (0.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 14.0, 20.0, np.inf)
"""Heights of windows' peaks (deviations of chance)."""


def low(samples: Samples, rate: int = RATE) -> Samples:
    """Mono sound at the rate that methods are given."""
    mono = samples.mean(axis=1) if samples.ndim > 1 else samples
    return np.asarray(signal.resample_poly(mono, LOW_RATE, rate), np.float32)


def joined_pairs(songs: int) -> Iterator[tuple[float, HeldSound, HeldSound]]:
    """(begin, dance, reference) of every dance."""
    room = degrade.room_response(LOW_RATE, 0.4, 3.0, 1)
    for track in [t for t in tracks("develop") if t.seconds >= LENGTH][:songs]:
        song = read_music(track.path, 0.0, LENGTH)
        halves = np.split(song, [round(JOINT * RATE)])
        with tempfile.TemporaryDirectory() as name:
            files = [
                write_sound(half, Path(name) / f"{number}.mp3", "-b:a", "192k")
                for number, half in enumerate(halves)
            ]
            joined = Path(name) / "joined.mp3"
            joined.write_bytes(b"".join(file.read_bytes() for file in files))
            reference = HeldSound(low(read_music(joined, 0.0, 2 * LENGTH)))
        filmed = degrade.noise(degrade.reverberate(low(song), room), 20.0, "pink", 2)
        for begin in BEGINS:
            yield begin, HeldSound(filmed[round(begin * LOW_RATE) :]), reference


def worst_ms(answer: MethodAlignment, begin: float, lost: float) -> float:
    """The largest error of an answer's lines, those left out that lie elsewhere: some songs repeat
    sample for sample."""
    errors = [0.0]
    for segment in answer.segments:
        times = np.linspace(segment.dance_start, segment.dance_end, 200)
        true = times + begin
        found = segment.speed * times + segment.offset - true - lost * (true > JOINT)
        if np.abs(found).min() < ELSEWHERE:
            errors += list(np.abs(found[np.abs(true - JOINT) > NEAR]))
    return 1000 * max(errors)


def at_joints(songs: int) -> None:
    """Prints the answers over joints."""
    rows: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for begin, dance, reference in joined_pairs(songs):
        lost = reference.frames / LOW_RATE - LENGTH
        for name, method in METHODS.items():
            own = method(dance, reference)
            for kind, answer in (
                ("own lines", own),
                ("divided", joints.with_joints(own, dance, reference, method)),
            ):
                covered = sum(s.dance_end - s.dance_start for s in answer.segments)
                row = (worst_ms(answer, begin, lost), answer.error_ms or 0.0, covered)
                rows.setdefault((name, kind), []).append(row)
    print("| method | lines | dances | > 5 ms off | of these stated | largest | s covered |")
    print("|---|---|---|---|---|---|---|")
    for (name, kind), found in rows.items():
        wrong = [
            (error, stated) for error, stated, _ in found if error > joints.APART_SECONDS * 1000
        ]
        admitted = sum(stated >= error for error, stated in wrong)
        largest, covered = max(error for error, _, _ in found), sum(s for _, _, s in found)
        counts = f"{len(found)} | {len(wrong)} | {admitted}"
        print(f"| {name} | {kind} | {counts} | {largest:.1f} ms | {covered:.0f} |", flush=True)


def without_joints(limit: int) -> None:
    """Prints what develop cases cost, and the heights of their windows."""
    peaks: list[tuple[float, float]] = []
    spent, divided, cases = np.zeros(2), 0, 0
    for case in generate("develop", limit=limit):
        dance, reference = (
            HeldSound(low(sound, case.rate)) for sound in (case.dance, case.reference)
        )
        cases += 1
        for method in METHODS.values():
            begin = time.process_time()
            own = method(dance, reference)
            between = time.process_time()
            answer = joints.with_joints(own, dance, reference, method)
            spent += between - begin, time.process_time() - between
            divided += len(answer.segments) > len(own.segments)
        for segment in case.truth or ():
            for start in np.linspace(segment.dance_start, segment.dance_end - 1, 16):
                peaks.append(
                    _peak(joints.curve_around(segment, dance, reference, start, start + 1))
                )
    print(f"\n{cases} cases: {divided} divided; {spent[1] / spent[0]:.1%} of the methods' time\n")
    print("| height | windows | off |\n|---|---|---|")
    height, lag = np.array(peaks).T
    for least, most in pairwise(EDGES):
        here = (height >= least) & (height < most)
        off = float(np.mean(np.abs(lag[here]) > joints.APART_SECONDS)) if here.any() else 0.0
        print(f"| {least:g} to {most:g} | {here.sum()} | {off:.0%} |")


def _peak(curve: joints.Curve) -> tuple[float, float]:
    return float(curve.max()), (int(curve.argmax()) - len(curve) // 2) / LOW_RATE


def main(argv: Sequence[str] | None = None) -> None:
    """Prints both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--songs", type=int, default=12)
    parser.add_argument("--limit", type=int, default=2)
    args = parser.parse_args(argv)
    at_joints(args.songs)
    without_joints(args.limit)


if __name__ == "__main__":
    main()
