"""Honesty about repetitive music: a loop that two places share is not the place."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.align import METHODS, judge
from pipeline.model import LineMap, Samples
from tests.pipeline.align.sounds import RATE, cut, noisy, resampled, track
from tests.pipeline.align.test_methods import run, worst_ms

pytestmark = pytest.mark.music
BOTH = pytest.mark.parametrize("name", list(METHODS))


def bars(seconds: float, on: tuple[int, ...], of: int = 4, bar: float = 2.0) -> Samples:
    """1 in some bars of each group of bars, 0 in the others."""
    time = np.arange(round(seconds * RATE)) / RATE
    return np.isin((time // bar) % of, on).astype(np.float32)


def with_voice(backing: Samples, voice: Samples, on: tuple[int, ...]) -> Samples:
    """A backing over which something else plays in some bars, 6 dB louder."""
    seconds = len(backing) / RATE
    level = float(np.std(backing) / np.std(voice[: len(backing)]))
    mixed = 0.5 * backing + level * voice[: len(backing)] * bars(seconds, on)
    return np.asarray(mixed, np.float32)


def bright(song: Samples) -> Samples:
    """A song with its treble as strong as its bass, so that it is heard in all bands."""
    return np.diff(song, prepend=song[:1]).astype(np.float32)


@pytest.fixture(scope="module")
def other_part() -> tuple[Samples, Samples]:
    """A dance and a reference that share a backing track, but neither melody nor voice."""
    backing, first, second = (bright(track(n)) for n in (1, 2, 3))
    backing = cut(backing, 10, 30)
    dance = with_voice(backing, cut(first, 20, 30), (1, 2))
    reference = with_voice(backing, cut(second, 15, 30), (0, 1))
    around = cut(second, 46, 25)
    return noisy(dance, 25), np.concatenate([around, reference, around[::-1]])


@BOTH
def test_a_shared_backing_alone_is_never_sure(
    name: str, other_part: tuple[Samples, Samples]
) -> None:
    answer = run(name, *other_part)
    assert not answer.matched or answer.confidence <= 0.6


def test_a_backing_that_both_methods_doubt_is_no_match(
    other_part: tuple[Samples, Samples],
) -> None:
    together = judge({name: run(name, *other_part) for name in METHODS})
    assert not together.matched or together.confidence <= 0.5


def test_a_person_who_says_where_is_believed(other_part: tuple[Samples, Samples]) -> None:
    together = judge({name: run(name, *other_part, LineMap(25.1)) for name in METHODS})
    assert together.matched and together.confidence >= 0.9
    assert together.segments[0].offset == pytest.approx(25.0, abs=0.01)


@BOTH
def test_a_talker_over_the_right_place_raises_no_doubt(name: str) -> None:
    song = track(2)
    other = with_voice(cut(song, 30, 40), cut(track(3), 30, 40), (1, 2))
    answer = run(name, noisy(other, 20), song)
    assert worst_ms(answer, 30.0) < 1.0 and answer.confidence >= 0.9


@BOTH
def test_a_short_exact_overlap_beats_a_longer_one_that_only_sounds_alike(name: str) -> None:
    song, other = track(2), track(3)
    start, end = cut(song, 10, 30), cut(song, 40, 9)
    dance = noisy(np.concatenate([start, end]), 25)
    alike = with_voice(start, cut(other, 20, 30), (0, 2, 3))
    reference = np.concatenate([end, cut(song, 62, 12), alike, cut(other, 60, 8)])
    answer = run(name, dance, reference)
    assert any(abs(s.offset + 30.0) < 0.005 for s in answer.segments)
    assert len(answer.segments) == 1 or answer.confidence <= 0.6


@BOTH
def test_a_line_is_bridged_over_wind(name: str) -> None:
    song = track(2)
    random = np.random.default_rng(5)
    dance = noisy(cut(song, 15, 45), 20)
    wind = np.convolve(random.standard_normal(len(dance)), np.ones(24) / 24, "same")
    loud = bars(45, (1, 2, 3), 4, 5.0)
    wind *= loud * 7 * float(np.std(dance)) / float(np.std(wind))
    answer = run(name, np.asarray(dance + wind, np.float32), song)
    assert worst_ms(answer, 15.0) < 2.0
    assert sum(s.dance_end - s.dance_start for s in answer.segments) > 38


@BOTH
def test_a_reflection_ten_decibels_above_the_direct_sound_is_not_taken(name: str) -> None:
    song = track(1)
    dance = cut(song, 10, 37)
    late = round(0.041 * RATE)
    heard = dance.copy()
    heard[late:] += 4.0 * dance[:-late]
    assert worst_ms(run(name, noisy(heard, 20), song), 10.0) < 3.0


def test_a_long_dance_with_drift_is_one_take_without_echoes() -> None:
    song = np.concatenate([cut(track(1), 0, 40), cut(track(2), 0, 60), cut(track(1), 0, 47)])
    dance = noisy(resampled(cut(song, 3, 140), 1.0005), 20)
    answer = run("modular", dance, song)
    assert worst_ms(answer, 3.0, 1.0005) < 3.0
    assert sum(s.dance_end - s.dance_start for s in answer.segments) > 133
