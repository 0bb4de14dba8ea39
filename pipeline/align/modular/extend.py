"""Following an exact line beyond a take, where features were too noisy to see it go on.

Once the line is exact, the waveform through the room tells in single seconds whether the
music still plays on it. A take grows outwards as long as the balance of evidence does (the
largest partial sum; Page, 1954), so that a noisy stretch is bridged when the music comes back
on the same line.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.modular.limits import Ear
from pipeline.align.shared.signal import Array

STEP = 0.1
"""Seconds between the frames that are looked at."""
GROUP = 10
"""Frames of one value: a second."""
BELOW = 0.4
"""Share of the usual coherence below which a second speaks against the line."""
LEAST = 0.04
"""Usual coherence below which nothing can be told."""
GAIN = 1.5
"""Seconds of usual evidence that have to be won."""
INSIDE = 20.0
"""Seconds of the take that tell what is usual."""


def coherences(ear: Ear, start: float, stop: float, room: Array) -> Array:
    """Coherence of each whole second from ``start`` on."""
    count = max(int((stop - start) / STEP) // GROUP, 0)
    values = np.empty(count, np.float32)
    for index in range(count):
        first = start + (index * GROUP + 0.5) * STEP
        values[index] = ear.matched(first, first + (GROUP - 1) * STEP, room, STEP).coherence.mean()
    return values


def farthest(values: Array, usual: float) -> int:
    """How many seconds outwards the balance of evidence is highest; 0 for none."""
    balance = np.cumsum(values - BELOW * usual)
    best = int(balance.argmax()) if len(balance) else 0
    if not len(balance) or balance[best] < GAIN * (1 - BELOW) * usual:
        return 0
    return best + 1


def extended(
    ear: Ear, start: float, stop: float, floor: float, ceiling: float
) -> tuple[float, float]:
    """A take's limits after following its line, at most by the take's own length each way."""
    middle, length = (start + stop) / 2, stop - start
    if length < 2.0:
        return start, stop
    room = ear.room(max(middle - 5.0, start), min(middle + 5.0, stop))
    half = min(INSIDE, length) / 2
    usual = float(np.median(coherences(ear, middle - half, middle + half, room)))
    if usual < LEAST:
        return start, stop
    reach = max(length, 8.0)
    before = coherences(ear, max(start - reach, floor), start, room)[::-1]
    after = coherences(ear, stop, min(stop + reach, ceiling), room)
    return start - farthest(before, usual), stop + farthest(after, usual)
