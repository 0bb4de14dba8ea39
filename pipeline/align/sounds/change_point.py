"""Where music starts or stops: the change point of a balance of evidence (Page, Biometrika 1954).

A method says, value by value, how much likelier the dance's sound is with the music than without
it. The sums of those from each place to the inside of the take are the log likelihood of a limit
there, and the limit is the median of the posterior. A recording is played from its beginning more
often than from elsewhere, and stopped at its end: most of the prior is given to them. So a take
whose line passes the reference's beginning in silence starts there, where the recording was
started, though nothing is heard yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import Doubles
from pipeline.model import Segment

AROUND_SECONDS, FARTHEST_SECONDS = 3.0, 24.0
"""Seconds outside a rough limit that are looked at, and up to which silence is followed."""
INSIDE_SHARE, MIN_INSIDE_SECONDS = 0.6, 1.0
"""Share of a take at most, and seconds at least, from which is learnt what is usual."""
MIN_LEFT_SHARE = 0.5
"""Share of a take that exact limits leave at least: else the line was not the right one."""
UNDECIDED_PROBABILITY = 0.02
"""Probability of a limit in the outermost half second that was looked at, from which more is."""
NEAR_SECONDS = 0.08
"""Seconds: a limit this near to an end of a file lies at that end."""
AGAIN_SECONDS = 1.0
"""Seconds from a rough limit beyond which what is usual was perhaps learnt outside the take."""
AT_END_PROBABILITY = 0.9
"""Prior that the music plays to the end of a file, where its line leads there."""
OUTER_PROBABILITY, SHARP_SECONDS = 0.05, 0.3
"""Probability that is left out on either side, and seconds of what remains, of a sharp limit."""
ENDED_NATS = 100.0
"""Nats lost to other music in a row, from which on the music has ended for good. Inside a take
that is heard well, losses came to 12 at most."""

EVERYWHERE = (-np.inf, np.inf)
"""All dance times."""


@dataclass(frozen=True)
class Limit:
    """Where a take starts or ends."""

    time: float
    """Seconds of the dance."""
    sharp: bool
    """Whether the sound shows it, and not only what is likely beforehand."""


@dataclass(frozen=True)
class Balance:
    """What the sound of a stretch says for the music, in the dance's order."""

    nats: Doubles
    """How much likelier each value is with the music than without."""
    step: float
    """Seconds between two values."""
    centred: float = 0.0
    """Where in its step a value lies, as a share of it."""
    other: NDArray[np.bool_] | None = None
    """In which values other sound plays instead of the music."""
    known_well: bool = True
    """Whether enough is known of the take to call a limit sharp."""


Look = Callable[[float, float], Balance | None]
"""The balance between two dance times (seconds); None where it is unknown."""
Learn = Callable[[Pair, float, float], Look]
"""``learn(pair, rough, into)``: a look at the balance, after learning what is usual on the way from
a rough limit to ``into`` seconds later."""


def find_limits(
    learn: Learn,
    pair: Pair,
    segment: Segment,
    inside: float,
    free: tuple[float, float] = EVERYWHERE,
) -> tuple[Segment, frozenset[float]]:
    """A segment on the line of ``pair`` with exact limits near its rough ones, which stay where
    there is no evidence; and those of them that are sharp.

    What is usual is learnt from ``inside`` seconds of the take at most. ``free``: the dance times
    that other takes leave, by about a second.
    """
    rough, ends = pair.clipped(segment), pair.overlap()
    inside = min(inside, INSIDE_SHARE * rough.length)
    if inside < MIN_INSIDE_SECONDS:
        return rough, frozenset()
    low, high = max(ends[0], free[0] - AROUND_SECONDS), min(ends[1], free[1] + AROUND_SECONDS)
    look = partial(learn, pair)
    first = _settled(look, rough.dance_start, inside, low, ends[0])
    last = _settled(look, rough.dance_end, -inside, high, ends[1])
    if last.time - first.time <= MIN_LEFT_SHARE * rough.length:
        return rough, frozenset()
    sharp = frozenset(limit.time for limit in (first, last) if limit.sharp)
    return replace(rough, dance_start=first.time, dance_end=last.time), sharp


def _settled(
    learn: Callable[[float, float], Look], rough: float, into: float, bound: float, end: float
) -> Limit:
    """A limit near a rough one, looked for again from where it was found if that is far away."""
    found = find_limit(learn(rough, into), rough, into, bound, end)
    if found is not None and abs(found.time - rough) > AGAIN_SECONDS:
        again = find_limit(learn(found.time, into), found.time, into, bound, end)
        return again or replace(found, sharp=False)
    return found or Limit(rough, sharp=False)


def find_limit(look: Look, rough: float, into: float, bound: float, end: float) -> Limit | None:
    """One limit near a rough one: between ``into`` seconds from it, which is inside the take, and
    ``bound``; ``end`` is where the line leaves a file."""
    rising, inner, reach = into > 0, rough + into, AROUND_SECONDS
    while True:
        outer = max(rough - reach, bound) if rising else min(rough + reach, bound)
        balance = look(*sorted((outer, inner)))
        if balance is None:
            return None
        step = balance.step
        order = slice(None, None, 1 if rising else -1)
        nats = balance.nats[order]
        other = None if balance.other is None else balance.other[order]
        odds = posterior(nats, other, at_end=abs(outer - end) < step)
        open_ended = odds[: int(0.5 / step)].sum() >= UNDECIDED_PROBABILITY
        if outer == bound or reach >= FARTHEST_SECONDS or not open_ended:
            break
        reach *= 2
    place = int(np.searchsorted(np.cumsum(odds), 0.5)) - balance.centred
    found = outer + (place if rising else -place) * step
    sums = np.cumsum(posterior(nats, other, at_end=False))
    width = step * float(
        np.diff(np.searchsorted(sums, [OUTER_PROBABILITY, 1 - OUTER_PROBABILITY]))[0]
    )
    sharp = balance.known_well and width <= SHARP_SECONDS
    return Limit(float(end if abs(found - end) < NEAR_SECONDS else found), sharp)


def posterior(nats: Doubles, other: NDArray[np.bool_] | None = None, *, at_end: bool) -> Doubles:
    """Probability of each limit ``k``: the values from ``k`` on have the music.

    None beyond values of ``other`` that surely speak against it: another part of a song shares
    drums and chords with this one, whose match would make up for all that differs.
    ``at_end``: whether ``k = 0`` is the end of a file.
    """
    sums = np.concatenate([np.cumsum(nats[::-1])[::-1], [0.0]])
    if other is not None:
        against = np.cumsum(np.where(other, nats, np.maximum(nats, 0.0))[::-1])
        lost = np.maximum.accumulate(np.concatenate([[0.0], against]))[1:] - against > ENDED_NATS
        if lost.any():
            sums[: len(nats) - int(lost.argmax())] = -np.inf
    odds = np.exp(sums - sums.max())
    if at_end:
        odds[1:] *= (1 - AT_END_PROBABILITY) / (AT_END_PROBABILITY * len(odds))
    return np.asarray(odds / odds.sum(), np.float64)
