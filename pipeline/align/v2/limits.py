"""Where a take of the v2 method starts and stops: where the reference stops telling the dance.

Inside the take a short filter is learnt that makes the dance out of the reference (both
whitened; the causal Wiener filter in its frequency-domain form). Sample by sample, what it
foretells either takes power out of the dance, which speaks for the music, or adds power,
which speaks against it; where the reference is too soft to be heard it does neither. The
balance from a place to the inside is the log likelihood of a limit there (Page, Biometrika
1954), and the limit is the median of what is likely. That the music plays to an end of the
file is as likely beforehand as all other places together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.align.shared.signal import Array, read_warped
from pipeline.align.v2.phase import lag_curves
from pipeline.model import Sound

LENGTH = 0.2
HOP = 0.025
"""Seconds."""
AROUND, INSIDE = 3.0, 6.0
"""Seconds outside and inside a rough limit that are looked at."""
FARTHEST = 24.0
"""Seconds outside up to which silence of the reference is followed."""
OFF = 1.0
"""Seconds by which rough limits are usually off: nothing is learnt there."""
BEFORE, AFTER = 0.004, 0.06
"""Seconds of the filter before and after the direct sound."""
CHANCE = 2.0
"""Deviations of chance from which a value of the filter counts."""
LOW, HIGH = 150.0, 3400.0
"""Hertz."""
LOCAL = 0.064
"""Seconds over which the power of the moment is taken."""
GRAIN = 0.008
"""Seconds of one value of the balance."""
INDEPENDENT = 0.25
"""The share of samples that tell something of their own: whitening leaves peaks."""
AT_END = 0.9
"""How likely it is beforehand that the music plays to the end of a file."""
EARLY = 0.012
"""Seconds after the direct sound that count as its arrival."""
SPARSE, PER_VALUE = 0.2, 5
"""Seconds between windows when a line is followed, and windows of one value."""
BELOW = 0.45
LEAST = 0.8
"""Usual evidence below which limits cannot be told this way."""
FORETOLD = 0.02
"""Share of the dance's power that has to be foretold to tell limits."""
UNDECIDED = 0.02
"""Likelihood of the outermost half second from which more is looked at."""
NEAR = 0.08
"""Seconds: a limit this near to an end of a file lies at that end."""
OUTER, WIDTH = 0.05, 0.3
"""Probability that is left out on either side, and seconds of what remains, of a limit that the
sound tells."""

Doubles = NDArray[np.float64]


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
    free: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float]:
    """Exact limits near rough ones; see ``told_limits``."""
    at = offset, speed
    (first, _), (last, _) = told_limits(dance, reference, *at, start, stop, ends, free)
    return first, last


def told_limits(
    dance: Sound,
    reference: Sound,
    offset: float,
    speed: float,
    start: float,
    stop: float,
    ends: tuple[float, float],
    free: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[tuple[float, bool], tuple[float, bool]]:
    """Exact limits near rough ones, and whether the sound tells them; the rough ones where the
    reference foretells too little.

    ``ends``: the dance times between which both files have sound on this line; ``free``: those
    that other pieces leave, by about a second.
    """
    inside = min(INSIDE, 0.6 * (stop - start))
    if inside < 1.0:
        return (start, False), (stop, False)
    line = Line(dance, reference, offset, speed)
    found = []
    for rough, into, bound, end in (
        (start, inside, max(ends[0], free[0] - AROUND), ends[0]),
        (stop, -inside, min(ends[1], free[1] + AROUND), ends[1]),
    ):
        place, told = limit(line, rough, rough + into, bound, end)
        if abs(place - rough) > OFF:  # the filter was perhaps learnt outside the piece
            place, told = limit(line, place, place + into, bound, end)
        found.append((place, told))
    first, last = found
    if last[0] - first[0] > 0.5 * (stop - start):
        return first, last
    return (start, False), (stop, False)


@dataclass(frozen=True)
class Line:
    """Two sounds and the map between them."""

    dance: Sound
    reference: Sound
    offset: float
    speed: float

    def whitened(self, low: float, high: float) -> tuple[Doubles, Doubles]:
        """Dance and reference between two times of the dance, by the dance's mean spectrum."""
        rate = self.dance.rate
        first, count = round(low * rate), round((high - low) * rate)
        own = self.dance.read(first, first + count)
        at = self.speed * first / rate + self.offset
        other = read_warped(self.reference, at, self.speed / rate, count)
        size = fft.next_fast_len(count + int(0.1 * rate), real=True)
        spectra = [fft.rfft(x.astype(np.float64), size) for x in (own, other)]
        power = smoothed(np.square(np.abs(spectra[0])), int(60 * size / rate))
        frequency = np.arange(len(power)) * rate / size
        band = (frequency > LOW) & (frequency < min(HIGH, 0.45 * rate))
        floor = 1e-3 * float(power[band].mean()) + 1e-20
        gain = np.where(band, 1 / np.sqrt(power + floor), 0.0)
        here, there = (fft.irfft(x * gain, size)[:count] for x in spectra)
        return here, there


def limit(line: Line, rough: float, inner: float, bound: float, end: float) -> tuple[float, bool]:
    """One limit near a rough one: its median, walking from ``inner`` to ``bound`` at most; and
    whether the sound alone tells it.

    ``end`` is where the line leaves a file.
    """
    rising, reach, rate = inner > rough, AROUND, line.dance.rate
    sign = 1.0 if rising else -1.0
    while True:
        outer = max(rough - reach, bound) if rising else min(rough + reach, bound)
        low, high = sorted((outer, inner))
        own, other = line.whitened(low, high)
        known = sorted((inner, rough + sign * min(OFF, abs(inner - rough) / 2)))
        part = slice(*(max(round((t - low) * rate), 0) for t in known))
        told = foretold(own, other, part, rate)
        if np.vdot(own[part], told[part]) < FORETOLD * np.vdot(own[part], own[part]):
            return rough, False
        gains = balance(own, told, part, rate)
        odds = likely(gains if rising else gains[::-1], at_end=abs(outer - end) < GRAIN)
        if outer == bound or reach >= FARTHEST or odds[: int(0.5 / GRAIN)].sum() < UNDECIDED:
            break
        reach *= 2
    place = int(np.searchsorted(np.cumsum(odds), 0.5))
    found = outer + sign * place * GRAIN
    sums = np.cumsum(likely(gains if rising else gains[::-1], at_end=False))
    width = GRAIN * float(np.diff(np.searchsorted(sums, [OUTER, 1 - OUTER]))[0])
    return end if abs(found - end) < NEAR else found, width <= WIDTH


def foretold(own: Doubles, other: Doubles, part: slice, rate: int) -> Doubles:
    """The dance as the reference tells it through a filter learnt from a part of both."""
    size = fft.next_fast_len(len(own) + int((BEFORE + AFTER) * rate), real=True)
    here, there = (fft.rfft(x[part], size) for x in (own, other))
    power = smoothed(np.square(np.abs(there)), int(30 * size / rate))
    whole = fft.irfft(here * np.conj(there) / (power + 0.02 * power.mean() + 1e-20), size)
    before, after = int(BEFORE * rate), int(AFTER * rate)
    # Values that noise alone makes would foretell noise: they are those of all other lags.
    chance = 1.4826 * float(np.median(np.abs(whole[2 * after : size - 2 * after])))
    whole[np.abs(whole) < CHANCE * chance] = 0
    whole[after : size - before] = 0
    told: Doubles = fft.irfft(fft.rfft(other, size) * fft.rfft(whole), size)[: len(own)]
    return told


def balance(own: Doubles, told: Doubles, part: slice, rate: int) -> Doubles:
    """By how much what is foretold speaks for the music, in nats, a value each ``GRAIN``.

    Never less noise than usual in ``part``, nor than the power of the moment.
    """
    width, size = int(LOCAL * rate), int(GRAIN * rate)
    rest = smoothed(np.square(own - told), width)[part]
    noise = (smoothed(np.square(own), width) + smoothed(np.square(told), width)) / 2
    gains = (2 * own * told - np.square(told)) / (noise + float(np.median(rest)) + 1e-20)
    count = len(gains) // size
    sums: Doubles = INDEPENDENT * gains[: count * size].reshape(count, size).sum(axis=1)
    return sums


def likely(gains: Doubles, *, at_end: bool) -> Doubles:
    """The probability that the music plays from each value on, those after it included."""
    sums = np.concatenate([np.cumsum(gains[::-1])[::-1], [0.0]])
    odds = np.exp(sums - sums.max())
    if at_end:
        odds[1:] *= (1 - AT_END) / (AT_END * len(odds))
    return np.asarray(odds / odds.sum(), np.float64)


def smoothed(values: Doubles, width: int) -> Doubles:
    """The running mean over ``width`` values, by cumulative sums."""
    width = max(width, 1)
    sums = np.concatenate([[0.0], np.cumsum(np.pad(values, (width // 2, width - width // 2)))])
    return np.asarray((sums[width:] - sums[:-width])[: len(values)] / width, np.float64)
