"""The answer that no method gives: a person's place alone."""

from __future__ import annotations

from pipeline import reasons
from pipeline.model import LineMap, MethodAlignment, Segment


def answer_by_hand(name: str, hint: LineMap, dance: float, reference: float) -> MethodAlignment:
    """The place that a person gave, where there is no sound to refine it by; ``dance`` and
    ``reference`` are the files' durations (seconds)."""
    start, end = hint.overlap(dance, reference)
    if end <= start:
        return MethodAlignment(method=name, reason=reasons.NO_SHARED_MUSIC)
    # Half: nothing speaks against the place, and nothing but a person for it.
    return MethodAlignment(
        method=name,
        matched=True,
        confidence=0.5,
        segments=(Segment(start, end, hint.offset, hint.speed),),
        refined=False,
    )
