"""Music that is moved by hand or follows another speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.model import Segment
from pipeline.plan.make import revise
from pipeline.plan.options import RenderOptions
from pipeline.render.result import render
from tests.media import measure
from tests.media.clips import RATE, write_sound
from tests.media.work import SETTINGS, Pair, late_by, make_result, read_pair
from tests.pipeline.pairs import OFFSET, SECONDS


@pytest.mark.parametrize("nudge", [-500.0, 40.0, 500.0])
def test_a_nudge_moves_the_music_and_not_the_pictures(
    nudge: float, pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    base = make_result(pair, [Segment(1.0, 6.0, OFFSET)], tmp_path / "base.mp4", variant="modular")
    options = RenderOptions(nudge_ms=nudge)
    plan = revise(base.plan, options, frames=pair.measurements.frames)
    out = tmp_path / "nudged.mp4"
    render(plan, pair.dance, pair.reference, out, settings=SETTINGS)
    assert plan.picture == base.plan.picture
    begin = float(plan.picture.start * plan.picture.time_base)
    late = late_by(measure.sound(out), song.mean(axis=1), OFFSET + begin - nudge / 1000)
    assert abs(late) < 1e-4


@pytest.mark.parametrize(
    ("speed", "moved"),
    [(1.0004, False), (1.04, True), (0.96, True), (0.75, True), (1.25, True)],
)
def test_a_speed_that_moves_the_pitch_is_exact(
    speed: float, moved: bool, pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    segment = Segment(0, SECONDS, OFFSET, speed, pitch_moved=moved)
    result = make_result(pair, [segment], tmp_path / "speed.mp4")
    assert result.plan.sound.pieces[0].stretch == "resample"
    heard, mono = measure.sound(result.path), song.mean(axis=1)
    for at in (0.5, 3.0, 6.0):
        times = OFFSET + speed * (at + np.arange(RATE) / RATE)
        wanted = np.interp(times * RATE, np.arange(len(mono)), mono).astype(np.float32)
        first = round(at * RATE)
        assert abs(measure.lag(heard[first : first + RATE], wanted, 0.1)) < 1e-4


@pytest.mark.parametrize(
    ("speed", "offset"),
    [(0.9, OFFSET), (1.08, OFFSET), (0.75, OFFSET), (0.75, 0.0), (1.25, OFFSET)],
)
def test_a_speed_that_keeps_the_pitch_stays_within_ten_milliseconds(
    speed: float, offset: float, pair: Pair, tmp_path: Path
) -> None:
    """Measured on onsets of clicks, since a stretched wave has no exact lag."""
    wave = np.zeros((14 * RATE, 2), dtype=np.float32)
    beats = np.arange(0.35, 13.5, 0.61)
    t = np.arange(1200) / RATE
    tick = (0.7 * np.sin(2 * np.pi * 1500 * t) * np.exp(-t * 200)).astype(np.float32)
    for beat in beats:
        wave[round(beat * RATE) : round(beat * RATE) + 1200] += tick[:, None]
    reference = write_sound(wave, tmp_path / "beats.flac")
    segment = Segment(0, SECONDS, offset, speed, pitch_moved=False)
    result = make_result(
        read_pair(pair.dance, reference, tmp_path / "s"), [segment], tmp_path / "kept.mp4"
    )
    assert result.plan.sound.pieces[0].stretch == "pitch_kept"
    heard = np.abs(measure.sound(result.path))
    errors = []
    for beat in beats:
        at = (beat - offset) / speed
        if 0.1 < at < SECONDS - 0.2:
            low = round((at - 0.1) * RATE)
            window = heard[low : low + round(0.2 * RATE)]
            onset = int(np.argmax(window > 0.3 * window.max()))
            errors.append(low / RATE + onset / RATE - at)
    assert len(errors) > 8
    assert max(map(abs, errors)) < 0.010
    assert abs(np.mean(errors)) < 0.003  # nothing systematic is left
