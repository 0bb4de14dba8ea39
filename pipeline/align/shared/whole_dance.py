"""From answers at single speeds to one for the whole dance: which wins, and what fills its gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from pipeline.align.shared.pauses import is_own_take
from pipeline.align.shared.segments import moved, part_of
from pipeline.align.shared.signal import Array
from pipeline.model import MethodAlignment, Sound

FASTER = 1.25
"""How much more evidence another speed or key needs to replace the same one."""
SURE = 0.9
"""Confidence that a take in a gap needs, or trust where it is surely heard."""
MOST_GAPS = 3
"""Gaps that are searched."""
UNLOCKED = 0.85
"""The most confidence in a line at the same pitch on which waveforms do not agree."""


def ignore_progress(_: float) -> None:
    """Default progress callback; does nothing."""


def weight(answer: MethodAlignment) -> float:
    """All the evidence for an answer, to compare answers at different speeds."""
    return float(answer.evidence.details.get("weight", 0.0)) if answer.matched else 0.0


def is_better(other: MethodAlignment, answer: MethodAlignment) -> bool:
    """Whether an answer at another speed or key replaces the one at the same."""
    return other.matched and weight(other) > FASTER * weight(answer)


def waveforms_disagree(answer: MethodAlignment) -> bool:
    """Whether an answer is none, or one on which waveforms do not agree at the same speed: then
    the music may be in another key, or another player's version."""
    return not answer.matched or answer.evidence.details["trust"] <= UNLOCKED


def with_gaps_filled(
    answer: MethodAlignment,
    dance: Sound,
    level: Array,
    gaps: Sequence[tuple[float, float]],
    search: Callable[[Sound], MethodAlignment],
    surely_heard: float,
) -> MethodAlignment:
    """An answer with the takes that ``search`` finds in its gaps (seconds of the dance).

    The answer is no surer than any of its takes. ``surely_heard``: the score that chance, and
    other songs, hardly come to.
    """
    for low, high in gaps[:MOST_GAPS] if answer.matched else ():
        piece = search(part_of(dance, low, high))
        if not worth_adding(piece, surely_heard):
            continue
        found = [moved(segment, low) for segment in piece.segments]
        found = [s for s in found if is_own_take(level, s, answer.segments)]
        answer = replace(
            answer,
            segments=(*answer.segments, *found),
            confidence=min(answer.confidence, piece.confidence) if found else answer.confidence,
            told=answer.told | {time + low for time in piece.told},
        )
    return answer


def worth_adding(piece: MethodAlignment, surely_heard: float) -> bool:
    """Whether a take was found in a gap.

    It may be surely heard and have a rival, where the song comes back nearly alike: to leave it
    out would say that nothing is there. What lacks a part of the reference is only a loop.
    """
    if not piece.matched or piece.confidence >= SURE:
        return piece.matched
    details = piece.evidence.details
    return details["score"] >= surely_heard and details["trust"] >= SURE
