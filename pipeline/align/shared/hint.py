"""A placing given by a person, which a method refines instead of searching."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.align.shared.signal import duration
from pipeline.model import Evidence, MethodAlignment, Segment, Sound


@dataclass(frozen=True)
class Hint:
    """Where a person put the music: ``reference_time = speed * dance_time + offset``."""

    offset: float
    """Seconds."""
    speed: float = 1.0


REACH = 0.3
"""Seconds on either side of a hint within which the methods look for a better place."""


def as_given(method: str, dance: Sound, reference: Sound, hint: Hint) -> MethodAlignment:
    """The answer that is just the hint: nothing was found to refine it by, and it says so.

    ``evidence.details`` has ``refined`` 0; the error is the hint's reach.
    """
    low = max(-hint.offset / hint.speed, 0.0)
    high = min((duration(reference) - hint.offset) / hint.speed, duration(dance))
    if high <= low:  # no common time: still a person's word, over the whole dance
        low, high = 0.0, duration(dance)
    segment = Segment(low, high, hint.offset, hint.speed, abs(hint.speed - 1) > 2e-3)
    details = {"hint": 1.0, "refined": 0.0}
    evidence = Evidence(details=details)
    return MethodAlignment(method, True, False, 0.5, (segment,), (), REACH * 1000, None, evidence)


def refined(answer: MethodAlignment) -> MethodAlignment:
    """An answer near a hint: a person said where, so it is the one place there is."""
    details = {**answer.evidence.details, "hint": 1.0, "refined": 1.0, "trust": 1.0}
    return replace(
        answer,
        matched=True,
        ambiguous=False,
        confidence=max(answer.confidence, 0.9),
        candidates=(),
        reason=None,
        evidence=replace(answer.evidence, details=details),
    )
