"""Containers, codecs, rates, rotation and start times: pictures and sync in the result files.

A dozen clips cover every value once in ``make test``; all pairs of values are behind the
marker ``media``. Each clip is cut in its middle, where nothing is on a key frame.
"""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction as F
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.model import Segment
from pipeline.plan.make import KEY_FRAME_SECONDS
from tests.media import measure
from tests.media.clips import HEIGHT, RATE, WIDTH, Clip, make_dance, write_sound
from tests.media.work import kept, late_by, make_result, read_pair

OFFSET = 2.0
START, END = 3.11, 6.3
"""What both have (seconds of dance time), on no frame of any rate."""

DOZEN = [
    Clip(),
    Clip(codec="hevc", b_frames=3, fps=F(30000, 1001), rotation=90),
    Clip("mov", "hevc", pixel_format="yuv420p10le", b_frames=2, extra="hdr"),
    Clip("mov", rotation=270, extra="data", fps=F(25)),
    Clip("mkv", b_frames=2, start=3.3, extra="vfr"),
    Clip("mkv", "hevc", b_frames=4, gop=40, extra="opengop"),
    Clip("webm", "vp9", fps=F(24)),
    Clip("mp4", "av1", fps=F(50)),
    Clip("mp4", fps=F(240), b_frames=3),
    Clip("avi", b_frames=2),
    Clip("avi", "mjpeg", pixel_format="yuvj420p"),
    Clip("m4v", fps=F(60), start=1.5, b_frames=2, extra="opengop"),
    Clip(extra="odd", pixel_format="yuv444p"),
    Clip("webm", "vp8"),
    Clip("ts", b_frames=2, start=33.3),
    Clip("m2ts", "hevc", b_frames=3, extra="opengop", fps=F(50)),
    Clip("flv", b_frames=2),
    Clip("flv", "flv"),
    Clip("vob", "mpeg2video", fps=F(25)),
    Clip("mpg", "mpeg2video", fps=F(25), start=7.0),
    Clip("wmv", "wmv2"),
]


def all_pairs() -> list[Clip]:
    """Clips in which every two values of the five properties meet at least once (greedy)."""
    carried = [
        *(("mp4", c) for c in ("h264", "hevc", "vp9", "av1", "mpeg4")),
        *(("mov", c) for c in ("h264", "hevc", "prores")),
        *(("m4v", c) for c in ("h264",)),
        *(("mkv", c) for c in ("h264", "hevc", "vp9", "av1", "vp8")),
        *(("webm", c) for c in ("vp9", "av1", "vp8")),
        *(("avi", c) for c in ("h264", "mjpeg", "mpeg4")),
        *(("ts", c) for c in ("h264", "hevc", "mpeg2video")),
    ]
    rates = [F(24000, 1001), F(25), F(30), F(60), F(240)]
    starts = [0.0, 0.7, 100.0]
    rows = []
    for (container, codec), fps, turn, start, b in product(
        carried, rates, (0, 90, 180), starts, (0, 3)
    ):
        if container in {"avi", "webm", "mkv", "ts"} and turn:
            continue  # our way of writing a rotation exists in MP4 and MOV only
        if container == "avi" and start:
            continue  # AVI has no start time
        if b and codec not in {"h264", "hevc"}:
            continue
        rows.append(((container, codec), fps, turn, start, b))
    wanted = {(i, row[i], j, row[j]) for row in rows for i, j in combinations(range(5), 2)}
    chosen = []
    while wanted:
        best = max(
            rows,
            key=lambda row: sum(
                (i, row[i], j, row[j]) in wanted for i, j in combinations(range(5), 2)
            ),
        )
        wanted -= {(i, best[i], j, best[j]) for i, j in combinations(range(5), 2)}
        chosen.append(best)
    pixel = {"mjpeg": "yuvj420p", "prores": "yuv422p10le"}
    return [
        Clip(c[0], c[1], fps, turn, start, b, pixel_format=pixel.get(c[1], "yuv420p"))
        for c, fps, turn, start, b in chosen
    ]


@pytest.fixture(scope="module")
def reference(song: NDArray[np.float32], media_folder: Path) -> Path:
    return write_sound(song, media_folder / "reference.flac")


def check(clip: Clip, song: NDArray[np.float32], reference: Path, folder: Path) -> None:
    dance = make_dance(clip, song[round(OFFSET * RATE) :], folder)
    pair = read_pair(dance, reference, folder / f"scratch-{clip.name}")
    segment = Segment(START, END, OFFSET)
    result = make_result(pair, [segment], folder / f"{clip.name}-out.mp4", variant="modular")
    source = measure.pictures(dance)
    if clip.container == "avi":  # its stamps are guesses; a picture is shown in its slot
        times = tuple(number / float(clip.fps) for number in source.numbers)
        source = measure.Pictures(source.numbers, times, source.hashes, source.rotation)
        begins = 0.0
    else:
        begins = pair.dance_info.start_time
    got, begin = kept(result, source)
    assert len(got.numbers) == result.plan.picture.frames
    if result.plan.picture.action == "copy":
        assert got.rotation == source.rotation
        odd = int(clip.extra == "odd")
        numbers, first = measure.pictures_by_ffmpeg(result.path, WIDTH + odd, HEIGHT + odd)
        assert numbers == got.numbers
        assert abs(first) < 1e-3
    # Cut as wished: not before what both have (but for a key frame), not after, little less.
    dance_time = source.times[begin] - begins
    assert START - KEY_FRAME_SECONDS - 0.01 <= dance_time <= START + 1.1 / float(clip.fps) + 0.05
    end = dance_time + result.plan.duration
    assert END - 0.35 <= end <= END + 1e-3
    for heard in (measure.sound(result.path), measure.sound_by_pyav(result.path)):
        late = late_by(heard, song.mean(axis=1), OFFSET + dance_time, seconds=2.5)
        assert abs(late) <= 0.002, f"{late * 1000:.3f} ms"


@pytest.mark.parametrize("clip", DOZEN, ids=lambda clip: clip.name)
def test_a_dozen(
    clip: Clip, song: NDArray[np.float32], reference: Path, media_folder: Path
) -> None:
    check(clip, song, reference, media_folder)


@pytest.mark.media
@pytest.mark.parametrize("clip", all_pairs(), ids=lambda clip: clip.name)
def test_all_pairs(
    clip: Clip, song: NDArray[np.float32], reference: Path, media_folder: Path
) -> None:
    check(clip, song, reference, media_folder)


@pytest.mark.media
@pytest.mark.parametrize("clip", DOZEN, ids=lambda clip: clip.name)
def test_a_dozen_through_the_command_line(
    clip: Clip, song: NDArray[np.float32], reference: Path, media_folder: Path
) -> None:
    """Aligned by the methods themselves: both results, to 2 ms."""
    folder = media_folder / "cli"
    dance = make_dance(clip, song[round(OFFSET * RATE) :], folder)
    out = folder / f"out-{clip.name}"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline", "run", str(dance), str(reference)),
            *("--out", str(out), "--variant", "both"),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    source = measure.pictures(dance)
    for variant in ("v2", "modular"):
        path = Path(answer[f"{variant}_output"])
        got = measure.pictures(path)
        begin = source.numbers.index(got.numbers[0])
        assert got.numbers == source.numbers[begin : begin + len(got.numbers)]
        # The sound of the picture with this number, as it was put into the dance.
        truth = OFFSET + got.numbers[0] / float(clip.fps)
        late = late_by(measure.sound(path), song.mean(axis=1), truth, seconds=4)
        assert abs(late) <= 0.002, f"{variant}: {late * 1000:.3f} ms"
