"""A song in another key at the same tempo, as karaoke machines and short-video apps play it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import signal

from benchmarks.alignment.held_sound import HeldSound
from benchmarks.cases import warp
from pipeline.align import METHODS, judge
from pipeline.align.shared.whole_dance import unmatched
from pipeline.align.sounds.feature_frames import FeatureFrames, FramedPair
from pipeline.align.sounds.speeds import SpeedPeak
from pipeline.align.v2.method import ESTIMATOR
from pipeline.model import LineMap, Samples, Sound
from tests.kinds import more
from tests.pipeline.align.sounds import (
    cut,
    noisy,
    track,
)

pytestmark = pytest.mark.music
BOTH = pytest.mark.parametrize("name", list(METHODS))
KEYS = (-1, 2, *more(-6, -4, -3, -2, 1, 3, 5))


@cache
def in_key(semitones: int, engine: warp.Engine, number: int = 2) -> Samples:
    """30 s of a song from its second 10 on, so much higher, the stretcher's delay taken out."""
    shifted = warp.stretch(track(number, 16000), 16000, 10.0, 30.0, 1.0, engine, semitones)
    return np.asarray(signal.resample_poly(shifted, 1, 2), np.float32)


@BOTH
@pytest.mark.parametrize("semitones", KEYS)
def test_a_song_in_another_key_is_found(name: str, semitones: int) -> None:
    engine: warp.Engine = "atempo" if semitones % 2 else "rubberband"
    answer = METHODS[name](HeldSound(noisy(in_key(semitones, engine), 20)), HeldSound(track(2)))
    assert answer.matched and answer.confidence > 0.9
    for segment in answer.segments:
        assert segment.semitones == semitones
        assert not segment.pitch_moved  # the reference is put under the dance as it is
        for time in (segment.dance_start, segment.dance_end):
            late = (segment.speed - 1) * time + segment.offset - 10.0
            assert abs(late) < min(0.02, (answer.error_ms or 0.0) / 1000 + 0.004)
    assert sum(s.dance_end - s.dance_start for s in answer.segments) > 25


@BOTH
@pytest.mark.parametrize("semitones", [-5, *more(6)])
def test_a_placing_by_hand_is_refined_in_another_key(name: str, semitones: int) -> None:
    dance = HeldSound(noisy(in_key(semitones, "rubberband"), 10))
    answer = METHODS[name](dance, HeldSound(track(2)), hint=LineMap(10.2, 1.0))
    assert answer.refined
    for segment in answer.segments:
        assert segment.semitones == semitones and not segment.pitch_moved
        assert abs((segment.speed - 1) * 15 + segment.offset - 10.0) < 0.02


@BOTH
def test_a_song_in_its_own_key_says_so(name: str) -> None:
    answer = METHODS[name](HeldSound(noisy(cut(track(2), 10, 30), 10)), HeldSound(track(2)))
    assert answer.matched and {s.semitones for s in answer.segments} == {0.0}


def test_a_key_is_looked_at_at_the_songs_own_speed() -> None:
    """A key is found by a line that may slant, and 12 s in noise are lost at that line's speed."""
    frames, asked = FeatureFrames(np.zeros((40, 4), np.float32)), []

    def extract(sound: Sound, speed: float, pitch: float) -> FeatureFrames:
        asked.append((speed, pitch))
        return frames

    peak = SpeedPeak(1.004, False, 3, offset=0.0, start=0.0, stop=1.0, score=9.0, next_score=1.0)
    sound = HeldSound(np.zeros(8000, np.float32))
    estimator = replace(
        ESTIMATOR,
        extract=extract,
        search=lambda dance, reference, trials: [peak],
        at_speed=lambda pair: unmatched("v2"),
    )
    estimator.in_other_key(FramedPair(sound, sound, frames, frames))
    assert asked == [(1.0, peak.pitch)]


@pytest.mark.parametrize("semitones", [3, *more(-2)])
def test_another_song_in_another_key_is_no_match(semitones: int) -> None:
    dance = HeldSound(noisy(in_key(semitones, "rubberband", 1), 20))
    answers = {name: METHODS[name](dance, HeldSound(track(3))) for name in METHODS}
    assert not any(answer.matched for answer in answers.values())
    assert not judge(answers).matched
