"""Lines of answers that mean the same place: how far apart they are, whose is most exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

from pipeline.model import MethodAlignment, Segment

VISIBLE_MS = 45.0
"""Methods further apart than this do not agree."""
SAME_LINE_MS = 3.0
"""Milliseconds up to which two methods follow the same exact line: on another, or one that
drifts, what should be heard is not, and limits are those of that mistake."""
CONFIRMED_MS = 1.0
"""Methods no further apart than this (milliseconds) found the same arrival."""
MIN_COMMON_SECONDS, COMMON_SHARE = 1.0, 0.25
"""Seconds that two segments share at least when they are the same one; the share of a short one
from which their distance can be told."""


def distance(first: Sequence[Segment], second: Sequence[Segment]) -> float | None:
    """The largest difference of two maps where both have one, in milliseconds.

    A segment is compared with the one it shares most time with; None without common time.
    """
    nearest = [(one, max(second, key=one.shared)) for one in first if second]
    apart_ms = [
        1000 * abs((one.speed - two.speed) * time + one.offset - two.offset)
        for one, two in nearest
        if one.shared(two) > min(MIN_COMMON_SECONDS, COMMON_SHARE * one.length)
        for time in (max(one.dance_start, two.dance_start), min(one.dance_end, two.dance_end))
    ]
    return max(apart_ms, default=None)


def agree(agreement: float | None) -> TypeGuard[float]:
    """Whether two methods so many milliseconds apart name one place; None is said without common
    time, and of one method alone."""
    return agreement is not None and agreement <= VISIBLE_MS


def paired(one: Segment, others: Sequence[Segment], within: float = VISIBLE_MS) -> list[Segment]:
    """The segments that share time with this one, on the same line ``within`` milliseconds."""
    return [
        two
        for two in others
        if one.shared(two) >= MIN_COMMON_SECONDS and (distance([one], [two]) or 0.0) <= within
    ]


def counterpart(one: Segment, own: Sequence[Segment], others: Sequence[Segment]) -> Segment | None:
    """The segment that is meant by one of ``own``, where neither is two of the others."""
    same = paired(one, others)
    return same[0] if len(same) == 1 and paired(same[0], own) == [one] else None


def own_error(answer: MethodAlignment, agreement: float) -> float:
    """Milliseconds by which a method's line may be off, as far as it knows itself.

    Methods less apart than ``CONFIRMED_MS`` found the same arrival, each its own way: then what it
    adds for the chance that it is none is left out (``confirmed_error_ms``).
    """
    said = float("inf") if answer.error_ms is None else answer.error_ms
    if agreement > CONFIRMED_MS:
        return said
    confirmed = answer.confirmed_error_ms
    return said if confirmed is None else min(said, confirmed)


def most_exact(matched: Sequence[MethodAlignment], agreement: float | None) -> MethodAlignment:
    """The answer whose lines are taken: the first, or where both name one place, the one that
    states the smaller error of them."""
    if agree(agreement):
        return min(matched, key=lambda answer: own_error(answer, agreement))
    return matched[0]


def on_lines(segments: Sequence[Segment], exact: Sequence[Segment]) -> tuple[Segment, ...]:
    """Segments on the lines of the method that knows them more exactly, where it found the same
    ones."""
    return tuple(s.on((counterpart(s, segments, exact) or s).line) for s in segments)


def exacter(
    answer: MethodAlignment, exact: MethodAlignment, agreement: float | None
) -> MethodAlignment:
    """A method's own answer on the more exact lines of the other, where its own say clearly less:
    as those of features do beside those of waveforms."""
    if agree(agreement) and answer.error_ms is not None and answer.matched:
        better = own_error(exact, agreement)
        if answer.error_ms - better > SAME_LINE_MS:
            lines = on_lines(answer.segments, exact.segments)
            return replace(answer, segments=lines, error_ms=better)
    return answer


def stated_error(
    exact: MethodAlignment, matched: Sequence[MethodAlignment], agreement: float | None
) -> float | None:
    """Milliseconds by which the answer may be off: what the method whose lines it has says of
    them, but not less than their distance from another's and what the surest says on top."""
    if exact.error_ms is None or agreement is None:
        return exact.error_ms
    stated = own_error(exact, agreement)
    least = min(stated, *(a.error_ms for a in matched if a.error_ms is not None))
    return max(stated, min(agreement + least, VISIBLE_MS))
