"""Pictures with one time stamp: a result all the same, with every picture and its sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from tests.media import films, measure
from tests.media.clips import RATE, Clip, make_dance, write_sound
from tests.media.work import late_by, make_result, read_pair

OFFSET = 2.0
COUNT = 240


@pytest.fixture(scope="module")
def reference(song: NDArray[np.float32], media_folder: Path) -> Path:
    return write_sound(song, media_folder / "stamps-reference.flac")


def mkv(folder: Path, song: NDArray[np.float32]) -> Path:
    plain = make_dance(Clip("mkv", b_frames=2, extra=""), song[round(OFFSET * RATE) :], folder)
    return films.with_equal_stamps(plain, folder / "one.mkv", [70])


def four(folder: Path, song: NDArray[np.float32]) -> Path:
    plain = make_dance(Clip("mkv", gop=30), song[round(OFFSET * RATE) :], folder)
    return films.with_equal_stamps(plain, folder / "four.mkv", [100, 101, 102])


def mp4(folder: Path, song: NDArray[np.float32]) -> Path:
    plain = make_dance(Clip("mp4"), song[round(OFFSET * RATE) :], folder)
    return films.without_duration(plain, folder / "zero.mp4", 99)


def hidden(folder: Path, song: NDArray[np.float32]) -> Path:
    """VP9 of two passes, each hidden reference picture in a block of its own."""
    return films.vp9_with_hidden_pictures(folder, song[round(OFFSET * RATE) :])


@pytest.mark.parametrize("portable", [False, True], ids=["plain", "portable"])
@pytest.mark.parametrize("make", [mkv, four, mp4, hidden])
def test_equal_stamps_become_a_result(
    make: Callable[[Path, NDArray[np.float32]], Path],
    portable: bool,
    song: NDArray[np.float32],
    reference: Path,
    tmp_path: Path,
) -> None:
    dance = make(tmp_path, song)
    pair = read_pair(dance, reference, tmp_path / "scratch")
    result = make_result(
        pair,
        [Segment(0.0, 8.0, OFFSET)],
        tmp_path / "out.mp4",
        options=RenderOptions(portable=portable),
    )
    assert result.plan.picture.action == ("encode" if portable and make is hidden else "copy")
    got = measure.pictures(result.path)
    assert list(got.numbers) == list(range(COUNT))
    assert np.all(np.diff(got.times) > 0)
    late = late_by(measure.sound(result.path), song.mean(axis=1), OFFSET, seconds=6.0)
    assert abs(late) < 0.001
