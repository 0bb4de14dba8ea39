"""The estimate for the preview says what a revised plan does, without its frames."""

from __future__ import annotations

from itertools import product

import pytest

from pipeline.media.info import NO_TRACK
from pipeline.model import Segment, VariantName
from pipeline.plan.estimate import estimate, kept_span
from pipeline.plan.make import KEY_FRAME_SECONDS, revise
from pipeline.plan.options import RenderOptions
from pipeline.plan.render_plan import RenderPlan
from tests.pipeline.plan.test_plan import frames, measurements, plan

SEGMENTS = (Segment(3.03, 9.0, 12.0), Segment(12.0, 17.4, 7.5))
OPTIONS = [
    RenderOptions(loudness=loud, room_sound=room, keep_all=whole, nudge_ms=nudge)
    for loud, room, whole, nudge in product(
        (True, False), (0.0, 0.4), (True, False), (0.0, -300.0, 120.0)
    )
]


def at(sounds: RenderPlan, time: float) -> tuple[str, float, float, float] | None:
    """Source, its time, speed and gain at a dance time; None outside."""
    begin, _ = kept_span(sounds)
    for piece in sounds.sound.pieces:
        if piece.start + piece.fade_in < time - begin < piece.end - piece.fade_out:
            source_time = piece.source_start + piece.speed * (time - begin - piece.start)
            return piece.source, source_time, piece.speed, piece.gain_db
    return None


@pytest.mark.parametrize("variant", ["modular", "v2"])
@pytest.mark.parametrize("made", [RenderOptions(), RenderOptions(keep_all=True, nudge_ms=120.0)])
def test_an_outline_is_what_a_revision_makes(variant: VariantName, made: RenderOptions) -> None:
    finished = plan(*SEGMENTS, variant=variant, options=made)
    for wanted in OPTIONS:
        estimated = estimate(finished, wanted)
        assert estimated is not None
        real = revise(finished, wanted, frames=frames())
        start, end = kept_span(real)
        near = KEY_FRAME_SECONDS + 0.04
        assert (estimated.start, estimated.end) == pytest.approx((start, end), abs=near)
        if estimated.exact:
            assert (estimated.start, estimated.end) == (start, end)
        assert estimated.room_gain == real.sound.room_gain
        compared = 0
        for piece in estimated.pieces:
            middle = (piece.start + piece.end) / 2
            found = at(real, middle)
            if found is None or piece.end - piece.start < 1.1:
                continue  # beside a cut that only the frames tell
            compared += 1
            source_time = piece.source_start + piece.speed * (middle - piece.start)
            source, time, speed, gain = found
            assert time == pytest.approx(source_time, abs=1e-6)
            assert (source, speed, gain) == (piece.source, piece.speed, piece.gain_db)
        assert compared >= 3, "two stretches of music and the original between them"


def test_what_is_made_already_is_told_exactly() -> None:
    finished = plan(*SEGMENTS)
    estimated = estimate(finished, finished.options)
    assert estimated is not None and estimated.exact
    assert (estimated.start, estimated.end) == kept_span(finished)


def test_a_mute_dance_has_no_sound_to_give() -> None:
    finished = plan(*SEGMENTS, have=measurements(dance_stream=NO_TRACK))
    estimated = estimate(finished, RenderOptions(keep_all=True, room_sound=0.5))
    assert estimated is not None
    assert {piece.source for piece in estimated.pieces} == {"reference"}
    assert estimated.room_gain == 0.0


def test_music_that_a_nudge_moves_away_is_none() -> None:
    finished = plan(Segment(0.0, 20.0, 59.6))
    assert estimate(finished, RenderOptions(nudge_ms=-500)) is None
