"""Where a take of the v2 method starts and stops, by phase correlation of short windows.

Quarter-second windows are correlated on the take's line; the energy that arrives within a
room's early reflections stands far above chance while the music plays. The limit is where
the running balance of evidence turns.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.signal import Array
from pipeline.align.v2_phase import lag_curves
from pipeline.model import Sound

LENGTH = 0.2
HOP = 0.025
"""Seconds."""
AROUND, INSIDE = 3.0, 6.0
"""Seconds outside and inside a rough limit that are looked at."""
EARLY = 0.012
"""Seconds after the direct sound that count as its arrival."""
SPARSE, PER_VALUE = 0.2, 5
"""Seconds between windows when a line is followed, and windows of one value."""
BELOW = 0.45
LEAST = 0.8
"""Usual evidence below which limits cannot be told this way."""
NEAR = 0.08
"""Seconds: a limit this near to an end of a file lies at that end."""


def arrivals(dance: Sound, reference: Sound, offset: float, speed: float, times: Array) -> Array:
    """Evidence of the windows centred at ``times``: early energy over chance, 0 for none."""
    early = early_energy(dance, reference, offset, speed, times)
    return np.asarray(np.sqrt(np.maximum(early - 1.0, 0.0)), np.float32)


def early_energy(
    dance: Sound, reference: Sound, offset: float, speed: float, times: Array
) -> Array:
    """What arrives early in the windows centred at ``times``; 1 by chance."""
    starts = times - np.float32(LENGTH / 2)
    curves = lag_curves(dance, reference, offset, speed, starts, length=LENGTH)
    middle = curves.shape[1] // 2
    reach = int(EARLY * dance.rate)
    early = np.square(curves[:, middle - 3 : middle + reach]).mean(axis=1)
    return np.asarray(early, np.float32)


def turn(values: Array, usual: float) -> int:
    """The first of the values, walking backwards from the end, from which evidence holds."""
    balance = np.cumsum(values - BELOW * usual)
    if balance.min() >= 0:
        return 0
    return int(len(balance) - balance[::-1].argmin())


def gone_on(
    dance: Sound,
    reference: Sound,
    offset: float,
    speed: float,
    start: float,
    stop: float,
    ends: tuple[float, float],
) -> tuple[float, float]:
    """Limits after following a line outwards, over stretches where little is heard.

    A limit goes to where the balance of evidence by seconds is highest, at most the piece's
    own length (and eight seconds) away.
    """
    length = stop - start
    middle, half = (start + stop) / 2, min(length, 2 * INSIDE) / 2
    grid = np.arange(middle - half, middle + half, SPARSE).astype(np.float32)
    usual = float(np.median(seconds_of(dance, reference, offset, speed, grid)))
    if length < 2.0 or usual < LEAST / 2:
        return start, stop
    reach = max(length, 8.0)
    before = np.arange(start - SPARSE, max(start - reach, ends[0]), -SPARSE)
    after = np.arange(stop + SPARSE, min(stop + reach, ends[1]), SPARSE)
    found = []
    for times in (before, after):
        values = seconds_of(dance, reference, offset, speed, times.astype(np.float32))
        balance = np.cumsum(values - BELOW * usual)
        best = int(balance.argmax()) if len(balance) else 0
        won = len(balance) > 0 and balance[best] > usual
        found.append((best + 1) * PER_VALUE * SPARSE if won else 0.0)
    return max(start - found[0], ends[0]), min(stop + found[1], ends[1])


def seconds_of(dance: Sound, reference: Sound, offset: float, speed: float, times: Array) -> Array:
    """Evidence of groups of windows, each about a second."""
    count = len(times) // PER_VALUE * PER_VALUE
    if not count:
        return np.zeros(0, np.float32)
    values = early_energy(dance, reference, offset, speed, times[:count])
    mean = values.reshape(-1, PER_VALUE).mean(axis=1)
    return np.asarray(np.sqrt(np.maximum(mean - 1.0, 0.0)), np.float32)


def limits(
    dance: Sound,
    reference: Sound,
    offset: float,
    speed: float,
    start: float,
    stop: float,
    ends: tuple[float, float],
) -> tuple[float, float]:
    """Exact limits near rough ones; the rough ones where phases say too little.

    ``ends``: the dance times between which both files have sound on this line.
    """
    inside = min(INSIDE, 0.6 * (stop - start))
    if inside < 1.0:
        return start, stop
    low = np.arange(max(start - AROUND, ends[0]), start + inside, HOP).astype(np.float32)
    high = np.arange(stop - inside, min(stop + AROUND, ends[1]), HOP).astype(np.float32)[::-1]
    found = [start, stop]
    for place, times in enumerate((low, high)):
        values = arrivals(dance, reference, offset, speed, times)
        usual = float(np.median(values[len(values) // 2 :]))
        if usual >= LEAST:
            index = turn(values, usual)
            step = HOP / 2 if place == 0 else -HOP / 2
            found[place] = float(times[min(index, len(times) - 1)]) - step
    first = ends[0] if found[0] - ends[0] < NEAR else found[0]
    last = ends[1] if ends[1] - found[1] < NEAR else found[1]
    return (first, last) if last - first > 0.5 * (stop - start) else (start, stop)
