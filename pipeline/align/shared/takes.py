"""Takes in frames: what both methods do with them, whatever they found them by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from pipeline.align.shared.pauses import levels, paused
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.signal import duration
from pipeline.model import Segment

CERTAIN_SECONDS, CLEARED_SECONDS = 6.0, 1.0
"""Seconds of a take from which it can be said to have all of the reference, and between two takes
that rough limits do not make up."""
SNAP_SECONDS = 1.5
"""Seconds: a take that ends this near to an end of either file ends there."""
WEAK_SHARE = 0.6
"""Share of another take's length, or of its evidence, below which a take may be an echo."""
ALIKE_SHARE = 0.25
"""Share of its usual evidence that a repeat's line has where another take is."""


@dataclass(frozen=True)
class Take:
    """A stretch of the dance, in frames, with its line and its evidence."""

    line: Line
    start: int
    stop: int
    strength: float
    """Evidence of the whole take in standard deviations of chance."""


AnyTake = TypeVar("AnyTake", bound=Take)


def snapped(pair: FramedPair, line: Line, start: int, stop: int) -> tuple[int, int]:
    """Limits on a line, put at the ends of its overlap where they are near."""
    low, high = pair.overlap(line)
    near = SNAP_SECONDS * pair.dance_frames.per_second
    return low if start - low < near else start, high if high - stop < near else stop


def joined(takes: Iterable[AnyTake]) -> list[AnyTake]:
    """Takes in the order of the dance; a pause within one line is no end of the take."""
    result: list[AnyTake] = []
    for take in sorted(takes, key=lambda take: take.start):
        if result and result[-1].line == take.line:
            old = result.pop()
            strength = float(np.hypot(old.strength, take.strength))
            take = replace(old, stop=max(old.stop, take.stop), strength=strength)  # noqa: PLW2901
        result.append(take)
    return result


def segment_of(pair: FramedPair, take: Take) -> Segment:
    """A take as a segment, in seconds of the dance's own clock."""
    start, stop = pair.seconds(take.start), min(pair.seconds(take.stop), duration(pair.dance))
    line, moved = pair.map(take.line), pair.dance_frames.pitch != 1.0
    return Segment(start, stop, line.offset, line.speed, pitch_moved=moved)


def free_span(pair: FramedPair, takes: Sequence[Take], index: int) -> tuple[float, float]:
    """The dance times (seconds) that the neighbours of a take leave free."""
    before = pair.seconds(takes[index - 1].stop) if index else 0.0
    return before, pair.seconds(takes[index + 1].start) if index + 1 < len(takes) else np.inf


def genuine(
    pair: FramedPair,
    takes: list[AnyTake],
    evidence: Callable[[AnyTake, AnyTake], float],
    certain: Collection[Take] = (),
) -> list[AnyTake]:
    """The takes that are no echoes of a repetitive song, in the order of the dance.

    Where the reference lacks a part of what was danced to, that part may fit another place that
    sounds the same. Such a piece is short or weak, its line also fits where a stronger take is, and
    the music goes on without a pause in between; a real take starts after one.

    The strongest is none, but the ``certain`` ones, in which nothing of the reference is missing,
    come first; and such a one apart from the others is none either, since noise may hide the pause.
    ``evidence(one, two)``: the mean of the frames on one's line where the other is.
    """
    level = levels(pair.dance) if len(takes) > 1 else np.zeros(0, np.float32)

    def times(take: Take) -> tuple[float, float]:
        return pair.seconds(take.start), pair.seconds(take.stop)

    def is_echo(one: AnyTake, two: AnyTake) -> bool:
        """Whether a take is an echo beside a better one."""
        (start, stop), (first, last) = times(one), times(two)
        apart = max(start, first) - min(stop, last)
        length, middle = stop - start, (start + stop) / 2
        if one in certain and length >= CERTAIN_SECONDS and apart >= CLEARED_SECONDS:
            return False
        low, high = (pair.seconds(frame) for frame in pair.overlap(two.line))
        beyond = (middle < low and first - low < SNAP_SECONDS) or (
            middle > high and high - last < SNAP_SECONDS
        )
        usual, usual_there = evidence(one, one), evidence(two, two)
        weak = length < WEAK_SHARE * (last - first) or usual < WEAK_SHARE * usual_there
        if not beyond and not weak:
            return False
        alike = beyond or max(evidence(one, two), evidence(two, one)) > ALIKE_SHARE * usual
        return alike and not paused(level, (start, stop), (first, last))

    kept: list[AnyTake] = []
    for take in sorted(takes, key=lambda take: (take not in certain, -take.strength)):
        if not any(is_echo(take, other) for other in kept):
            kept.append(take)
    return sorted(kept, key=lambda take: take.start)
