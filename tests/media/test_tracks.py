"""Which of several picture tracks is the dance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import ffmpeg
from pipeline.probe import probe
from tests.media.clips import Clip, make_dance
from tests.media.work import SETTINGS


@pytest.mark.parametrize(
    ("marks", "wanted"),
    [
        (["-disposition:v:0", "0", "-disposition:v:1", "default"], 1),
        (["-disposition:v:0", "default", "-disposition:v:1", "default"], 1),
        (["-disposition:v:0", "0", "-disposition:v:1", "0"], 1),
        (["-disposition:v:0", "default", "-disposition:v:1", "0"], 0),
    ],
    ids=["default", "both", "neither", "small"],
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
