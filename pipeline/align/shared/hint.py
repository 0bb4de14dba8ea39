"""A place given by a person, which a method refines instead of searching."""

from __future__ import annotations

from dataclasses import replace

from pipeline.align.shared.feature_frames import SAME_PITCH_RATIO
from pipeline.align.shared.signal import duration
from pipeline.model import LineMap, MethodAlignment, Segment, Sound

REACH_SECONDS = 0.3
"""Seconds on either side of a hint within which the methods look for a better place."""


def as_given(method: str, dance: Sound, reference: Sound, hint: LineMap) -> MethodAlignment:
    """The answer that is just the hint, whose error is the hint's reach: nothing was found to
    refine it by."""
    low, high = hint.overlap(duration(dance), duration(reference))
    if high <= low:  # no common time: still a person's word, over the whole dance
        low, high = 0.0, duration(dance)
    pitch_moved = abs(hint.speed - 1) > SAME_PITCH_RATIO
    return MethodAlignment(
        method=method,
        matched=True,
        confidence=0.5,
        segments=(Segment(low, high, hint.offset, hint.speed, pitch_moved=pitch_moved),),
        error_ms=REACH_SECONDS * 1000,
        refined=False,
    )


def refined(answer: MethodAlignment) -> MethodAlignment:
    """An answer near a hint: a person said where, so it is the one place there is."""
    return replace(
        answer,
        matched=True,
        ambiguous=False,
        confidence=max(answer.confidence, 0.9),
        confidence_cap=1.0,
        candidates=(),
        reason=None,
        refined=True,
    )
