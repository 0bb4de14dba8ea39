"""Whether players and editors that follow no edit list begin a result with the same picture.

    python -m benchmarks.render.first_pictures

Makes films as phones write them (a key frame about every second; H.264 and HEVC, with and without
B-frames, in several frame rates), cuts each at ``CUTS`` places by chance, and renders both variants
of each. ffmpeg then says which picture a result shows first, with its edit list and without
(``-ignore_editlist 1``); the pictures carry their numbers. Printed is the share of results in which
the two are at most one picture apart, with key frames up to 0.5 s before the cut taken as its start
(as it was) and with ``KEY_FRAME_SECONDS``.

Takes about a minute and a half on 2 cores.
"""

from __future__ import annotations

import random
import subprocess
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np

from pipeline.media import ffmpeg
from pipeline.model import BEST_FIRST, Segment
from pipeline.plan import make
from pipeline.plan.render_plan import RenderPlan
from tests.media.clips import HEIGHT, RATE, WIDTH, Clip, make_dance, read_barcode, write_sound
from tests.media.fixtures import make_song
from tests.media.work import make_result, read_pair

CUTS = 4
"""Places at which each film is cut."""
FILM_SECONDS = 8.0
BEFORE_SECONDS = 0.5
"""What ``KEY_FRAME_SECONDS`` was."""
OFFSET = 2.0

FILMS = [
    Clip("mp4", "h264", gop=30),
    Clip("mp4", "h264", gop=60, fps=Fraction(60)),
    Clip("mp4", "h264", gop=30, fps=Fraction(30), b_frames=2),
    Clip("mp4", "h264", gop=31, fps=Fraction(30000, 1001), extra="vfr"),
    Clip("mp4", "h264", gop=25, fps=Fraction(25), rotation=90),
    Clip("mp4", "hevc", gop=30),
    Clip("mp4", "hevc", gop=60, fps=Fraction(60000, 1001)),
    Clip("mov", "h264", gop=30, fps=Fraction(30000, 1001), rotation=90),
    Clip("mov", "hevc", gop=30, rotation=90, pixel_format="yuv420p10le"),
    Clip("mov", "hevc", gop=24, fps=Fraction(24), b_frames=2),
    Clip("mov", "hevc", gop=60, fps=Fraction(60), b_frames=3, extra="opengop"),
    Clip("mov", "hevc", gop=120, fps=Fraction(120)),
]


def first_picture(path: Path, *, follow: bool) -> int:
    """The number of the first picture that ffmpeg shows, by the edit list or without it."""
    done = subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-noautorotate"),
            *(() if follow else ("-ignore_editlist", "1")),
            *("-i", str(path), "-map", "0:v", "-frames:v", "1"),
            *("-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"),
        ],
        capture_output=True,
        timeout=60,
        check=True,
    )
    picture = np.frombuffer(done.stdout, dtype=np.uint8).reshape(HEIGHT, WIDTH)
    return read_barcode(picture)


def measure(folder: Path) -> dict[float, list[tuple[str, RenderPlan, int]]]:
    """How many pictures apart the two beginnings of each result are, by ``KEY_FRAME_SECONDS``."""
    song = make_song()
    reference = write_sound(song, folder / "reference.flac")
    chance = random.Random(3)  # the same at each run
    found: dict[float, list[tuple[str, RenderPlan, int]]] = {}
    now = make.KEY_FRAME_SECONDS
    for clip in FILMS:
        dance = make_dance(clip, song[round(OFFSET * RATE) :], folder)
        pair = read_pair(dance, reference, folder / "scratch")
        for cut in range(CUTS):
            start = chance.uniform(0.2, FILM_SECONDS - 3.0)
            # Half of the songs begin with the dance's part of them, so that nothing reaches back.
            offset = OFFSET if cut % 2 else -start
            segment = Segment(start, FILM_SECONDS - 0.5, offset)
            for variant in BEST_FIRST:
                for seconds in (BEFORE_SECONDS, now):
                    make.KEY_FRAME_SECONDS = seconds
                    out = folder / "out.mp4"
                    made = make_result(pair, [segment], out, variant=variant)
                    shown, first = (first_picture(out, follow=follow) for follow in (True, False))
                    case = f"{clip.name} {variant} {start:.2f}"
                    found.setdefault(seconds, []).append((case, made.plan, shown - first))
    make.KEY_FRAME_SECONDS = now
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    print("| key frame at most | results | copied | first picture within one |")
    print("|---|---|---|---|")
    for seconds, results in found.items():
        same = sum(abs(apart) <= 1 for _, _, apart in results)
        copied = sum(plan.picture.action == "copy" for _, plan, _ in results)
        share = 100 * same / len(results)
        print(f"| {seconds:g} s before | {len(results)} | {copied} | {share:.1f} % |")
    for case, _, apart in found[make.KEY_FRAME_SECONDS]:
        if abs(apart) > 1:
            print(f"{case}: {apart} pictures")


if __name__ == "__main__":
    main()
