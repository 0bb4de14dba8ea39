"""Echoes of a repetitive song: takes that only sound like what the reference lacks.

Where the reference lacks a part of what was danced to, that part may fit another place that sounds
the same. Such a piece is short or weak, its line also fits where a stronger take is, and the music
goes on without a pause in between; a real take starts after one. How alike two takes are is for
the methods to say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pipeline.align.shared.pauses import levels, paused
from pipeline.model import Sound

CERTAIN_SECONDS, CLEARED_SECONDS = 6.0, 1.0
"""Seconds of a take from which it can be said to have all of the reference, and between two takes
that rough limits do not make up."""
SNAP_SECONDS = 1.5
"""Seconds: a take that ends this near to an end of either file ends there."""
WEAK_SHARE = 0.6
"""Share of another take's length, or of its evidence, below which a take may be an echo."""
LOW_GAIN, HIGH_GAIN = 0.5, 2.0
"""Gains, relative to the band's usual one, beyond which a cell is not heard like the others."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class RoughTake:
    """What this rule needs to know of a method's take; times are seconds of the dance."""

    start: float
    stop: float
    low: float
    """From here on the take's line lies in the reference."""
    high: float
    strength: float
    """Evidence of the whole take, in standard deviations of chance."""
    usual: float
    """Mean evidence of its frames."""
    certain: bool = False
    """Whether nothing of the reference is missing in it."""


def without_echoes(
    dance: Sound, takes: Sequence[RoughTake], alike: Callable[[int, int], bool]
) -> list[int]:
    """Which takes are no echoes.

    The strongest is none, but those in which nothing of the reference is missing come first; and
    such a one apart from the others is none either, since noise may hide the pause. ``alike(i, j)``
    says whether the line of take ``i`` also fits where take ``j`` is, or the other way round.
    """
    level = levels(dance) if len(takes) > 1 else np.zeros(0, np.float32)

    def is_echo(index: int, other: int) -> bool:
        """Whether a take is an echo beside a better one."""
        one, two = takes[index], takes[other]
        apart = max(one.start, two.start) - min(one.stop, two.stop)
        length = one.stop - one.start
        if one.certain and length >= CERTAIN_SECONDS and apart >= CLEARED_SECONDS:
            return False
        middle = (one.start + one.stop) / 2
        beyond = (middle < two.low and two.start - two.low < SNAP_SECONDS) or (
            middle > two.high and two.high - two.stop < SNAP_SECONDS
        )
        weak = length < WEAK_SHARE * (two.stop - two.start) or one.usual < WEAK_SHARE * two.usual
        return (beyond or (weak and alike(index, other))) and not paused(
            level, (one.start, one.stop), (two.start, two.stop)
        )

    kept: list[int] = []
    for index in sorted(
        range(len(takes)), key=lambda i: (not takes[i].certain, -takes[i].strength)
    ):
        if not any(is_echo(index, other) for other in kept):
            kept.append(index)
    return sorted(kept, key=lambda i: takes[i].start)


def odd_share(gain: Doubles, variance: Doubles) -> float:
    """The share of cells whose gain is not 1, at least, 0 to 1.

    ``gain``: relative to the usual one of the cell's band; ``variance``: its squared standard
    error. What chance explains is taken off, and one standard error, so that what is unknown
    raises no doubt.
    """
    spread = variance + 0.02
    trust, deviation = 1 / (spread + 0.1), np.sqrt(spread)
    odd = (gain < LOW_GAIN).astype(np.float64) - ndtr(-LOW_GAIN / deviation)
    odd += (gain > HIGH_GAIN) - ndtr((1 - HIGH_GAIN) / deviation)
    mean = float((trust * odd).sum() / trust.sum())
    error = float(np.sqrt((trust**2 * np.maximum(odd**2, 0.02)).sum()) / trust.sum())
    return max(mean - error, 0.0)
