"""Time stamps of many pictures: what they cost, and what is left of a torn end."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from pipeline.media.frame_times import Stamps, build
from tests.pipeline.plan.test_plan import FRAME, dance


def stamps(order: list[int] | range) -> Stamps:
    made = Stamps()
    for number in order:
        made.add(number * FRAME, number % 60 == 0, False, FRAME)
    return made


def test_a_picture_takes_few_bytes() -> None:
    """Two hours at 240 pictures a second are 1.7 million of them."""
    count = 50_000
    info = dance()
    tracemalloc.start()
    try:
        build(stamps(range(count)), info)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * count


@pytest.mark.parametrize(
    ("end", "kept"),
    [([3, 1, 2, 6, 4, 5], 6), ([3, 1, 2, 6, 4], 3), ([3, 1, 2, 6], 3), ([3, 1], 0), ([3], 0)],
)
def test_no_picture_stays_before_which_others_are_missing(end: list[int], kept: int) -> None:
    """Each third picture is stored before the two that are shown before it."""
    order = [*range(21), *(20 + number for number in end)]
    found = build(stamps(order), replace(dance(), cut_off=True))
    shown = np.sort(found.pts) // FRAME
    assert np.array_equal(shown, np.arange(21 + kept))
