"""What a v2 take's limits are told from: where the reference stops predicting the dance.

Inside the take a short filter is estimated that makes the dance out of the reference (both
whitened; the causal Wiener filter in its frequency-domain form). Sample by sample, what it
predicts either takes power out of the dance, which speaks for the music, or adds power, which
speaks against it; where the reference is too soft to be heard it does neither. Where the limit then
lies is ``shared/change_point``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.align.shared import change_point
from pipeline.align.shared.change_point import Balance, Limit, Look
from pipeline.align.shared.signal import Array, read_warped
from pipeline.align.v2.phase import lag_curves
from pipeline.model import Sound

WINDOW_SECONDS = 0.2
INSIDE_SECONDS = 6.0
"""Seconds inside a rough limit that are looked at."""
BEFORE_SECONDS, AFTER_SECONDS = 0.004, 0.06
"""Seconds of the filter before and after the direct sound."""
CHANCE_SIGMAS = 2.0
"""Deviations of chance from which a value of the filter counts."""
LOW_HZ, HIGH_HZ = 150.0, 3400.0
MOMENT_SECONDS = 0.064
"""Seconds over which the power of the moment is taken."""
STEP_SECONDS = 0.008
"""Seconds of one value of the balance."""
INDEPENDENT_SHARE = 0.25
"""The share of samples that tell something of their own: whitening leaves peaks."""
EARLY_SECONDS = 0.012
"""Seconds after the direct sound that count as its arrival."""
SPARSE_SECONDS, WINDOWS_A_VALUE = 0.2, 5
"""Seconds between windows when a line is followed, and windows of one value."""
BELOW_SHARE = 0.45
"""Share of the usual evidence below which a value speaks against a line."""
LEAST_EVIDENCE = 0.8
"""Usual evidence below which a line is not followed."""
LEAST_PREDICTED = 0.02
"""Share of the dance's power that has to be predicted to tell limits."""

Doubles = NDArray[np.float64]


def early_energy(
    dance: Sound, reference: Sound, offset: float, speed: float, times: Array
) -> Array:
    """What arrives early in the windows centred at ``times``; 1 by chance."""
    starts = times - np.float32(WINDOW_SECONDS / 2)
    curves = lag_curves(dance, reference, offset, speed, starts, length=WINDOW_SECONDS)
    middle = curves.shape[1] // 2
    reach = int(EARLY_SECONDS * dance.rate)
    early = np.square(curves[:, middle - 3 : middle + reach]).mean(axis=1)
    return np.asarray(early, np.float32)


def extended_outwards(
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
    middle, half = (start + stop) / 2, min(length, 2 * INSIDE_SECONDS) / 2
    grid = np.arange(middle - half, middle + half, SPARSE_SECONDS).astype(np.float32)
    usual = float(np.median(seconds_of(dance, reference, offset, speed, grid)))
    if length < 2.0 or usual < LEAST_EVIDENCE / 2:
        return start, stop
    reach = max(length, 8.0)
    before = np.arange(start - SPARSE_SECONDS, max(start - reach, ends[0]), -SPARSE_SECONDS)
    after = np.arange(stop + SPARSE_SECONDS, min(stop + reach, ends[1]), SPARSE_SECONDS)
    found = []
    for times in (before, after):
        values = seconds_of(dance, reference, offset, speed, times.astype(np.float32))
        balance = np.cumsum(values - BELOW_SHARE * usual)
        best = int(balance.argmax()) if len(balance) else 0
        won = len(balance) > 0 and balance[best] > usual
        found.append((best + 1) * WINDOWS_A_VALUE * SPARSE_SECONDS if won else 0.0)
    return max(start - found[0], ends[0]), min(stop + found[1], ends[1])


def seconds_of(dance: Sound, reference: Sound, offset: float, speed: float, times: Array) -> Array:
    """Evidence of groups of windows, each about a second."""
    count = len(times) // WINDOWS_A_VALUE * WINDOWS_A_VALUE
    if not count:
        return np.zeros(0, np.float32)
    values = early_energy(dance, reference, offset, speed, times[:count])
    mean = values.reshape(-1, WINDOWS_A_VALUE).mean(axis=1)
    return np.asarray(np.sqrt(np.maximum(mean - 1.0, 0.0)), np.float32)


def limits(
    dance: Sound,
    reference: Sound,
    offset: float,
    speed: float,
    span: tuple[float, float],
    ends: tuple[float, float],
    free: tuple[float, float] = change_point.EVERYWHERE,
) -> tuple[Limit, Limit]:
    """Exact limits near rough ones (``span``); see ``find_limits``."""
    rate = dance.rate

    def learn(rough: float, into: float) -> Look:
        inside = sorted(
            (rough + into, rough + np.sign(into) * min(change_point.AGAIN_SECONDS, abs(into) / 2))
        )

        def look(low: float, high: float) -> Balance | None:
            own, other = whitened(dance, reference, offset, speed, low, high)
            part = slice(*(max(round((t - low) * rate), 0) for t in inside))
            told = predicted(own, other, part, rate)
            if np.vdot(own[part], told[part]) < LEAST_PREDICTED * np.vdot(own[part], own[part]):
                return None
            return Balance(balance(own, told, part, rate), STEP_SECONDS)

        return look

    return change_point.find_limits(learn, span, INSIDE_SECONDS, ends, free)


def whitened(
    dance: Sound, reference: Sound, offset: float, speed: float, low: float, high: float
) -> tuple[Doubles, Doubles]:
    """Dance and reference between two times of the dance, by the dance's mean spectrum."""
    rate = dance.rate
    first, count = round(low * rate), round((high - low) * rate)
    own = dance.read(first, first + count)
    other = read_warped(reference, speed * first / rate + offset, speed / rate, count)
    size = fft.next_fast_len(count + int(0.1 * rate), real=True)
    spectra = [fft.rfft(x.astype(np.float64), size) for x in (own, other)]
    power = smoothed(np.square(np.abs(spectra[0])), int(60 * size / rate))
    frequency = np.arange(len(power)) * rate / size
    band = (frequency > LOW_HZ) & (frequency < min(HIGH_HZ, 0.45 * rate))
    floor = 1e-3 * float(power[band].mean()) + 1e-20
    gain = np.where(band, 1 / np.sqrt(power + floor), 0.0)
    here, there = (fft.irfft(x * gain, size)[:count] for x in spectra)
    return here, there


def predicted(own: Doubles, other: Doubles, part: slice, rate: int) -> Doubles:
    """The dance predicted from the reference by a Wiener filter estimated on ``part`` of both."""
    size = fft.next_fast_len(len(own) + int((BEFORE_SECONDS + AFTER_SECONDS) * rate), real=True)
    here, there = (fft.rfft(x[part], size) for x in (own, other))
    power = smoothed(np.square(np.abs(there)), int(30 * size / rate))
    whole = fft.irfft(here * np.conj(there) / (power + 0.02 * power.mean() + 1e-20), size)
    before, after = int(BEFORE_SECONDS * rate), int(AFTER_SECONDS * rate)
    # Values that noise alone makes would predict noise: they are those of all other lags.
    chance = 1.4826 * float(np.median(np.abs(whole[2 * after : size - 2 * after])))
    whole[np.abs(whole) < CHANCE_SIGMAS * chance] = 0
    whole[after : size - before] = 0
    told: Doubles = fft.irfft(fft.rfft(other, size) * fft.rfft(whole), size)[: len(own)]
    return told


def balance(own: Doubles, told: Doubles, part: slice, rate: int) -> Doubles:
    """By how much what is predicted speaks for the music, in nats, a value each ``STEP_SECONDS``.

    Never less noise than usual in ``part``, nor than the power of the moment.
    """
    width, size = int(MOMENT_SECONDS * rate), int(STEP_SECONDS * rate)
    rest = smoothed(np.square(own - told), width)[part]
    noise = (smoothed(np.square(own), width) + smoothed(np.square(told), width)) / 2
    gains = (2 * own * told - np.square(told)) / (noise + float(np.median(rest)) + 1e-20)
    count = len(gains) // size
    sums: Doubles = INDEPENDENT_SHARE * gains[: count * size].reshape(count, size).sum(axis=1)
    return sums


def smoothed(values: Doubles, width: int) -> Doubles:
    """The running mean over ``width`` values, by cumulative sums."""
    width = max(width, 1)
    sums = np.concatenate([[0.0], np.cumsum(np.pad(values, (width // 2, width - width // 2)))])
    return np.asarray((sums[width:] - sums[:-width])[: len(values)] / width, np.float64)
