"""The answers that no method gives: a person's place alone, and none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import reasons
from pipeline.model import Evidence, MethodAlignment, Segment

if TYPE_CHECKING:
    from pipeline.align import Hint


def answer_by_hand(name: str, hint: Hint, dance: float, reference: float) -> MethodAlignment:
    """The place that a person gave, where there is no sound to refine it by; ``dance`` and
    ``reference`` are the files' durations (seconds)."""
    start = max(0.0, -hint.offset / hint.speed)
    end = min(dance, (reference - hint.offset) / hint.speed)
    if end <= start:
        return no_answer(name, reasons.NO_SHARED_MUSIC)
    segment = Segment(start, end, hint.offset, hint.speed)
    # Half: nothing speaks against the place, and nothing but a person for it.
    evidence = Evidence(details={"hint": 1.0, "refined": 0.0})
    return MethodAlignment(
        method=name,
        matched=True,
        ambiguous=False,
        confidence=0.5,
        segments=(segment,),
        evidence=evidence,
    )


def no_answer(name: str, reason: str) -> MethodAlignment:
    """The answer of a method that found nothing, or broke."""
    return MethodAlignment(
        method=name, matched=False, ambiguous=False, confidence=0.0, segments=(), reason=reason
    )
