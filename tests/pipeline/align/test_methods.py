"""What both methods have to get right, each alone, on real music."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.alignment.held_sound import HeldSound
from pipeline import reasons
from pipeline.align import METHODS, judge
from pipeline.model import LineMap, MethodAlignment, Samples
from tests.kinds import more
from tests.pipeline.align.sounds import (
    cut,
    filtered,
    noisy,
    resampled,
    silence,
    track,
    weak_direct,
)

pytestmark = pytest.mark.music
BOTH = pytest.mark.parametrize("name", list(METHODS))


def run(
    name: str, dance: Samples, reference: Samples, hint: LineMap | None = None
) -> MethodAlignment:
    return METHODS[name](HeldSound(dance), HeldSound(reference), hint=hint)


def worst_ms(answer: MethodAlignment, offset: float, speed: float = 1.0) -> float:
    """The largest error over the answer's segments."""
    assert answer.matched, answer.reason
    return max(
        1000 * abs((s.speed - speed) * t + s.offset - offset)
        for s in answer.segments
        for t in (s.dance_start, s.dance_end)
    )


@BOTH
@pytest.mark.parametrize("start", [12.3456, 0.0, *more(31.7)])
def test_a_part_of_the_song_is_found_to_the_sample(name: str, start: float) -> None:
    song = track(1)
    answer = run(name, noisy(cut(song, start, 25), 10), song)
    assert worst_ms(answer, round(start * 8000) / 8000) < 1.0
    assert answer.confidence >= 0.9 and not answer.ambiguous


@BOTH
def test_a_dance_that_starts_before_the_song_has_a_negative_offset(name: str) -> None:
    song = track(2)
    answer = run(name, np.concatenate([silence(6.5), cut(song, 0, 30)]), song)
    assert worst_ms(answer, -6.5) < 1.0
    [segment] = answer.segments
    assert segment.dance_start == pytest.approx(6.5, abs=0.1)


@BOTH
@pytest.mark.parametrize("ppm", [500, -500, *more(120)])
def test_clock_drift_is_followed(name: str, ppm: int) -> None:
    song = track(3)
    speed = 1 + ppm * 1e-6
    answer = run(name, noisy(resampled(cut(song, 8, 45), speed), 15), song)
    assert worst_ms(answer, 8.0, speed) < 2.0


@BOTH
@pytest.mark.parametrize("speed", [1.3, *more(0.93, 1.008, 1.05)])
def test_another_speed_with_the_pitch_moved(name: str, speed: float) -> None:
    song = track(1)
    answer = run(name, noisy(resampled(cut(song, 10, 40), speed), 15), song)
    assert worst_ms(answer, 10.0, speed) < 5.0
    assert all(s.pitch_moved for s in answer.segments)


@BOTH
@pytest.mark.parametrize("speed", [0.8, *more(1.06)])
def test_another_speed_with_the_pitch_kept(name: str, speed: float) -> None:
    song = track(2)
    dance = filtered(cut(song, 10, 40), f"aresample=44100,rubberband=tempo={speed},aresample=8000")
    answer = run(name, dance, song)
    assert worst_ms(answer, 10.0, speed) < 45.0
    assert not any(s.pitch_moved for s in answer.segments)


@BOTH
def test_each_take_is_aligned_for_itself(name: str) -> None:
    song = track(3)
    dance = np.concatenate([silence(3), cut(song, 0, 18), silence(5), cut(song, 0, 25), silence(2)])
    answer = run(name, noisy(dance, 20), song)
    first, second = answer.segments
    assert [first.offset, second.offset] == pytest.approx([-3, -26], abs=0.01)
    limits = (first.dance_start, first.dance_end, second.dance_start, second.dance_end)
    assert limits == pytest.approx((3, 21, 26, 51), abs=0.1)


@BOTH
def test_a_slow_take_whose_passage_comes_twice_is_not_passed_over(name: str) -> None:
    """It is in the answer, which is no surer than of that take."""
    song = track(3)
    passage = cut(song, 10, 18)
    reference = np.concatenate([cut(song, 0, 28), cut(song, 28, 30), passage, cut(song, 60, 15)])
    dance = [silence(2), resampled(passage, 0.85), silence(4), cut(song, 30, 26)]
    answer = run(name, noisy(np.concatenate(dance), 25), reference)
    slow = [s for s in answer.segments if s.speed == pytest.approx(0.85, abs=0.001)]
    assert [round(s.dance_start) for s in slow] == [2]
    assert len(answer.segments) == 2 and answer.confidence <= 0.6


@BOTH
@pytest.mark.parametrize("direct_db", [-12.0, *more(-8.0)])
def test_the_first_arrival_counts_and_not_the_strongest(name: str, direct_db: float) -> None:
    song = track(1)
    answer = run(name, noisy(weak_direct(cut(song, 20, 40), direct_db), 30), song)
    assert worst_ms(answer, 20.0) < 3.0


@BOTH
def test_an_exact_repeat_is_ambiguous_and_lists_both_places(name: str) -> None:
    song = track(2)
    passage = cut(song, 20, 15)
    reference = np.concatenate([cut(song, 0, 10), passage, cut(song, 40, 12), passage])
    answer = run(name, noisy(passage[16000:100000], 20), reference)
    assert answer.matched and answer.ambiguous and answer.confidence <= 0.5
    places = {round(c.offset, 1) for c in answer.candidates}
    assert {12.0, 39.0} <= places


@BOTH
def test_another_song_is_no_match(name: str) -> None:
    answer = run(name, cut(track(1), 10, 30), track(3))
    assert not answer.matched and answer.reason == reasons.NO_SHARED_MUSIC
    assert answer.segments == ()


def metronome(seconds: float) -> Samples:
    time = np.arange(round(seconds * 8000)) / 8000
    phase = time % 0.5
    return (np.sin(2 * np.pi * 1000 * phase) * np.exp(-phase * 80)).astype(np.float32)


@BOTH
@pytest.mark.parametrize("kind", ["metronome", "noise", "empty", *more("silence")])
def test_what_is_no_music_is_no_match(name: str, kind: str) -> None:
    dance = {
        "metronome": metronome(30),
        "noise": noisy(np.full(96000, 1e-6, np.float32), -80),
        "silence": np.zeros(96000, np.float32),
        "empty": np.zeros(0, np.float32),
    }[kind]
    assert not run(name, dance, track(3)).matched


@BOTH
def test_a_hint_is_refined(name: str) -> None:
    song = track(1)
    answer = run(name, noisy(cut(song, 14, 25), 5), song, LineMap(14.21, 1.0))
    assert worst_ms(answer, 14.0) < 2.0
    assert answer.refined


@BOTH
def test_a_hint_without_anything_to_refine_by_is_taken_as_it_is(name: str) -> None:
    answer = run(name, silence(20), track(1), LineMap(7.5, 1.1))
    [segment] = answer.segments
    assert (segment.offset, segment.speed) == (7.5, 1.1)
    assert answer.refined is False and answer.error_ms == 300.0


def test_deep_noise_is_searched_by_waveform() -> None:
    song = track(1)
    answers = {name: run(name, noisy(cut(song, 16, 45), -18), song) for name in METHODS}
    together = judge(answers)
    assert together.matched
    [segment] = together.segments
    assert segment.offset == pytest.approx(16, abs=0.002)


def test_two_rates_lie_on_one_time_line() -> None:
    song = track(1)
    high = track(1, 11025)
    answer = METHODS["modular"](HeldSound(cut(high, 10, 25, 11025), 11025), HeldSound(song))
    assert answer.matched
    assert answer.segments[0].offset == pytest.approx(10, abs=0.005)


def test_same_inputs_same_outputs() -> None:
    song = track(2)
    dance = noisy(cut(song, 5, 20), 5)
    for name in METHODS:
        assert run(name, dance, song) == run(name, dance, song)


def test_evidence_is_made_of_plain_numbers() -> None:
    song = track(2)
    for name in METHODS:
        evidence = run(name, cut(song, 5, 20), song).evidence
        assert 10 < len(evidence.offsets) == len(evidence.scores) <= 400
        assert max(evidence.scores) == pytest.approx(1.0)
        assert all(type(x) is float and math.isfinite(x) for x in evidence.scores)
        assert all(type(x) is float for x in evidence.details.values())


@pytest.mark.parametrize("name", METHODS)
def test_a_dance_of_a_second_and_a_half_is_placed_by_hand(name: str) -> None:
    """Found by a damaged film whose sound ended early: evidence of two seconds was taken for
    three."""
    song = np.random.default_rng(1).normal(0, 0.2, 8 * 8000).astype(np.float32)
    answer = METHODS[name](HeldSound(song[8000:19200]), HeldSound(song), hint=LineMap(1.0, 1.0))
    assert answer.matched
    assert answer.segments[0].offset == pytest.approx(1.0, abs=0.005)
