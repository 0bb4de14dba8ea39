"""Properties of any alignment: shifts, swaps, gain, polarity, silence and cuts."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.alignment.held_sound import HeldSound
from pipeline.align import METHODS
from pipeline.model import Samples, Segment
from tests.pipeline.align.sounds import (
    cut,
    noisy,
    silence,
    track,
)

pytestmark = pytest.mark.music
BOTH = pytest.mark.parametrize("name", list(METHODS))
few = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
samples_of = st.integers(min_value=1, max_value=80_000)


def placed(name: str, dance: Samples, reference: Samples) -> Segment:
    answer = METHODS[name](HeldSound(dance), HeldSound(reference))
    assert answer.matched
    return max(answer.segments, key=lambda s: s.dance_end - s.dance_start)


def pair() -> tuple[Samples, Samples]:
    song = track(1)
    return noisy(cut(song, 15, 22), 12), cut(song, 5, 55)


@cache
def unchanged(name: str) -> Segment:
    """What the changed pairs are compared with."""
    return placed(name, *pair())


@BOTH
@given(count=samples_of)
@few
def test_shifting_the_reference_shifts_the_answer(name: str, count: int) -> None:
    dance, reference = pair()
    before = unchanged(name)
    after = placed(name, dance, np.concatenate([silence(count / 8000), reference]))
    assert after.offset - before.offset == pytest.approx(count / 8000, abs=0.001)


@BOTH
@given(count=samples_of)
@few
def test_shifting_the_dance_shifts_the_answer(name: str, count: int) -> None:
    dance, reference = pair()
    before = unchanged(name)
    after = placed(name, np.concatenate([silence(count / 8000), dance]), reference)
    assert after.offset - before.offset == pytest.approx(-count / 8000, abs=0.001)
    assert after.dance_start == pytest.approx(before.dance_start + count / 8000, abs=0.1)


@BOTH
def test_swapping_the_files_inverts_the_map(name: str) -> None:
    dance, reference = pair()
    there, back = unchanged(name), placed(name, reference, dance)
    assert back.speed * there.speed == pytest.approx(1.0, abs=1e-4)
    for time in (0.0, 20.0):
        there_time = there.speed * time + there.offset
        assert back.speed * there_time + back.offset == pytest.approx(time, abs=0.002)


@BOTH
@given(gain=st.floats(0.02, 20.0), sign=st.sampled_from([1, -1]))
@few
def test_gain_and_polarity_change_nothing(name: str, gain: float, sign: int) -> None:
    dance, reference = pair()
    before = unchanged(name)
    after = placed(name, (dance * gain * sign).astype(np.float32), reference)
    assert after.offset == pytest.approx(before.offset, abs=0.0005)


@BOTH
@given(start=st.floats(0.0, 9.0), seconds=st.floats(10.0, 13.0))
@few
def test_cutting_the_dance_changes_nothing(name: str, start: float, seconds: float) -> None:
    dance, reference = pair()
    before = unchanged(name)
    first = round(start * 8000)
    after = placed(name, dance[first : first + round(seconds * 8000)], reference)
    assert after.offset - first / 8000 == pytest.approx(before.offset, abs=0.002)


@BOTH
@given(before=samples_of, after=samples_of)
@few
def test_silence_around_both_files_only_shifts(name: str, before: int, after: int) -> None:
    dance, reference = pair()
    plain = unchanged(name)
    around = placed(
        name,
        np.concatenate([silence(after / 8000), dance, silence(before / 8000)]),
        np.concatenate([silence(before / 8000), reference, silence(after / 8000)]),
    )
    lead = len(silence(before / 8000)) - len(silence(after / 8000))
    assert around.offset == pytest.approx(plain.offset + lead / 8000, abs=0.001)
    assert around.dance_end - around.dance_start == pytest.approx(
        plain.dance_end - plain.dance_start, abs=0.2
    )


@BOTH
@given(gain=st.floats(0.02, 20.0), sign=st.sampled_from([1, -1]))
@few
def test_gain_and_polarity_of_the_reference_change_nothing(
    name: str, gain: float, sign: int
) -> None:
    dance, reference = pair()
    before = unchanged(name)
    after = placed(name, dance, (reference * gain * sign).astype(np.float32))
    assert after.offset == pytest.approx(before.offset, abs=0.0005)
