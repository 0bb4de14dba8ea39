"""How sound and picture share a limited size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import reasons
from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from pipeline.plan.size_limit import (
    LEAST_SIDE_PIXELS,
    MEGABYTE,
    copied_bytes,
    fit,
    least_megabytes,
)
from pipeline.reasons import RenderError
from tests.pipeline.plan.test_plan import frames, measurements, plan

FULL_HD = (1080, 1920)


def test_a_picture_is_made_smaller_only_where_bits_are_few() -> None:
    film = {"seconds": 60.0, "pictures": 1800, "size": FULL_HD}
    assert fit(48, **film).short_side == 1080  # type: ignore[arg-type]
    sides = [fit(limit, **film).short_side for limit in (3, 5, 10, 16)]  # type: ignore[arg-type]
    assert sides == sorted(set(sides)) and sides[-1] < 1080
    assert all(side % 2 == 0 for side in sides)
    sounds = [fit(limit, **film).sound_bps for limit in (3, 6, 48)]  # type: ignore[arg-type]
    assert sounds == sorted(set(sounds)) and sounds[-1] == 320_000
    # A small picture keeps its size, an odd one too.
    assert fit(10, seconds=60, pictures=1800, size=(321, 201)).short_side == 201


def test_a_limit_that_leaves_nothing_to_see_is_refused_and_the_least_is_named() -> None:
    film = {"seconds": 1200.0, "pictures": 36_000, "size": FULL_HD}
    with pytest.raises(RenderError, match="10 MB are too few for 1200 s") as caught:
        fit(10, **film)  # type: ignore[arg-type]
    assert caught.value.reason == reasons.SIZE_LIMIT
    least = least_megabytes(**film)  # type: ignore[arg-type]
    assert f"at least {least} MB" in str(caught.value)
    assert fit(least, **film).short_side >= LEAST_SIDE_PIXELS  # type: ignore[arg-type]
    with pytest.raises(RenderError):
        fit(least - 1, **film)  # type: ignore[arg-type]


@given(
    seconds=st.floats(1, 10_000), hertz=st.floats(5, 240), limit=st.integers(1, 4000),
    short=st.integers(100, 4320), shape=st.floats(1, 2.4),
)  # fmt: skip
def test_what_is_planned_fits(
    seconds: float, hertz: float, limit: int, short: int, shape: float
) -> None:
    pictures, size = max(1, round(seconds * hertz)), (round(short * shape), short)
    least = least_megabytes(seconds=seconds, pictures=pictures, size=size)
    if limit < least:
        return
    found = fit(limit, seconds=seconds, pictures=pictures, size=size)
    assert 2 <= found.short_side <= short
    assert found.sound_bps * seconds / 8 < limit * MEGABYTE


def test_a_plan_copies_what_is_small_enough_and_encodes_the_rest() -> None:
    """Of the same pictures, so that the file begins as the result does."""
    times = frames()
    large = measurements(times.__class__(**{**times.__dict__, "size": times.size + 20_000}))
    whole = plan(Segment(0.0, 20.0, 5.0), have=large)
    assert whole.picture.size == 600 * 20_000
    assert copied_bytes(whole.picture.size, 600, 20.0) > 12 * MEGABYTE
    small = plan(Segment(0.0, 20.0, 5.0), have=large, options=RenderOptions(at_most_mb=16))
    assert (small.picture.action, small.sound.bit_rate) == ("copy", 320_000)
    limited = plan(Segment(0.0, 20.0, 5.0), have=large, options=RenderOptions(at_most_mb=10))
    assert (limited.picture.action, limited.notes) == ("encode", ("picture_encoded",))
    assert limited.picture.start == whole.picture.start
    assert limited.picture.frames == whole.picture.frames
    assert limited.sound.action == "encode"
