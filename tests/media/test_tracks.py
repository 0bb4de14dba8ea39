"""Which of several picture tracks is the dance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.media import ffmpeg
from pipeline.media.probe import probe
from tests.media.clips import Clip, make_dance
from tests.media.work import SETTINGS


@pytest.mark.parametrize(
    ("marks", "wanted"),
    [
        (["-disposition:v:0", "0", "-disposition:v:1", "default"], 1),
        (["-disposition:v:0", "default", "-disposition:v:1", "default"], 1),
        (["-disposition:v:0", "0", "-disposition:v:1", "0"], 1),
        (["-disposition:v:0", "default", "-disposition:v:1", "0"], 1),
    ],
    ids=["default", "both", "neither", "slow"],
)
def test_the_default_or_the_largest_picture_is_taken(
    marks: list[str], wanted: int, song: NDArray[np.float32], tmp_path: Path
) -> None:
    film, out = make_dance(Clip("mkv"), song, tmp_path), tmp_path / "two.mkv"
    small = ["-f", "lavfi", "-i", "testsrc=size=160x90:rate=1:duration=8"]
    tracks = ["-map", "1:v", "-map", "0:v", "-map", "0:a", "-c:v:0", "mjpeg", "-c:v:1", "copy"]
    ffmpeg.run(["-i", str(film), *small, *tracks, "-c:a", "copy", *marks, "-y", str(out)])
    info = probe(out, role="dance", settings=SETTINGS)
    assert info.video is not None
    assert info.video.index == wanted
    assert info.other == ("video",)


def test_of_two_films_the_default_is_taken_and_a_large_photograph_is_not(
    song: NDArray[np.float32], tmp_path: Path
) -> None:
    film, out = make_dance(Clip("mp4"), song, tmp_path), tmp_path / "three.mp4"
    large = ["-f", "lavfi", "-i", "testsrc=size=640x360:rate=30:duration=8"]
    photograph = ["-f", "lavfi", "-i", "testsrc=size=1280x720:rate=1:duration=1"]
    tracks = ["-map", "0:v", "-map", "1:v", "-map", "2:v", "-map", "0:a", "-c", "copy"]
    encoded = ["-c:v:1", "libx264", "-c:v:2", "libx264", "-preset", "ultrafast"]
    for default, wanted in ((0, 0), (1, 1)):
        marks = [f"-disposition:v:{n}" for n in range(3)]
        marks = [
            word for n in range(3) for word in (marks[n], "default" if n in (default, 2) else "0")
        ]
        ffmpeg.run(
            ["-i", str(film), *large, *photograph, *tracks, *encoded, *marks, "-y", str(out)]
        )
        info = probe(out, role="dance", settings=SETTINGS)
        assert info.video is not None and info.video.index == wanted
