"""The evidence for a v2 take's limits: where the reference stops predicting the dance.

Inside the take a short filter is estimated that makes the dance out of the reference (both
whitened; the causal Wiener filter in its frequency-domain form). Sample by sample, what it
predicts either takes power out of the dance, which speaks for the music, or adds power, which
speaks against it; where the reference is too soft to be heard it does neither. Where the limit then
lies is ``sounds/change_point``.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.sounds import change_point
from pipeline.align.sounds.change_point import Balance, Look
from pipeline.align.sounds.fourier import fast_size, rfft
from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import Doubles, in_band
from pipeline.model import Segment

INSIDE_SECONDS = 6.0
"""Seconds inside a rough limit that are looked at."""
BEFORE_SECONDS, AFTER_SECONDS = 0.004, 0.06
"""Seconds of the filter before and after the direct sound."""
CHANCE_SIGMAS = 2.0
"""Deviations of chance from which a value of the filter counts."""
BAND_HZ = (150.0, 3400.0)
"""Lowest and highest frequency that is compared."""
MOMENT_SECONDS = 0.064
"""Seconds over which the power of the moment is taken."""
STEP_SECONDS = 0.008
"""Seconds of one value of the balance."""
DISTINCT_SAMPLE_SHARE = 0.25
"""The share of samples that tell something of their own: whitening leaves peaks."""
MIN_PREDICTED_SHARE = 0.02
"""Share of the dance's power that has to be predicted to tell limits."""


def limited(pair: Pair, segment: Segment, free: tuple[float, float]) -> Segment:
    """A segment with its limits placed by what the reference predicts; see ``find_limits``. Which
    of them are sharp is not said: where the music drops out, one would be called so that is 1.1 s
    off (*dropouts-0* of the benchmark)."""
    return change_point.find_limits(learn, pair, segment, INSIDE_SECONDS, free)[0]


def learn(pair: Pair, rough: float, into: float) -> Look:
    """How much likelier the sound near a limit is with the music than without, after learning the
    room inside of it."""
    rate = pair.rate
    away = np.sign(into) * min(change_point.AGAIN_SECONDS, abs(into) / 2)
    inside = sorted((rough + into, rough + away))

    def look(low: float, high: float) -> Balance | None:
        own, other = whitened(pair, low, high)
        part = slice(*(max(round((t - low) * rate), 0) for t in inside))
        expected = predicted(own, other, part, rate)
        power = np.vdot(own[part], own[part])
        if np.vdot(own[part], expected[part]) < MIN_PREDICTED_SHARE * power:
            return None
        return Balance(balance(own, expected, part, rate), STEP_SECONDS)

    return look


def whitened(pair: Pair, low: float, high: float) -> tuple[Doubles, Doubles]:
    """Dance and reference between two times of the dance, by the dance's mean spectrum."""
    rate = pair.rate
    first, count = round(low * rate), round((high - low) * rate)
    own, other = pair.read(first, count)
    size = fast_size(count + int(0.1 * rate))
    spectra = [rfft(x.astype(np.float64), size) for x in (own, other)]
    power = smoothed(np.square(np.abs(spectra[0])), int(60 * size / rate))
    band = in_band(size, rate, BAND_HZ)
    floor = 1e-3 * float(power[band].mean()) + 1e-20
    gain = np.where(band, 1 / np.sqrt(power + floor), 0.0)
    here, there = (np.fft.irfft(x * gain, size)[:count] for x in spectra)
    return here, there


def predicted(own: Doubles, other: Doubles, part: slice, rate: int) -> Doubles:
    """The dance predicted from the reference by a Wiener filter estimated on ``part`` of both."""
    size = fast_size(len(own) + int((BEFORE_SECONDS + AFTER_SECONDS) * rate))
    here, there = (rfft(x[part], size) for x in (own, other))
    power = smoothed(np.square(np.abs(there)), int(30 * size / rate))
    whole = np.fft.irfft(here * np.conj(there) / (power + 0.02 * power.mean() + 1e-20), size)
    before, after = int(BEFORE_SECONDS * rate), int(AFTER_SECONDS * rate)
    # Values that noise alone makes would predict noise: they are those of all other lags.
    chance = 1.4826 * float(np.median(np.abs(whole[2 * after : size - 2 * after])))
    whole[np.abs(whole) < CHANCE_SIGMAS * chance] = 0
    whole[after : size - before] = 0
    expected: Doubles = np.fft.irfft(rfft(other, size) * rfft(whole), size)[: len(own)]
    return expected


def balance(own: Doubles, expected: Doubles, part: slice, rate: int) -> Doubles:
    """By how much what is predicted speaks for the music, in nats, a value each ``STEP_SECONDS``.

    Never less noise than usual in ``part``, nor than the power of the moment.
    """
    width, size = int(MOMENT_SECONDS * rate), int(STEP_SECONDS * rate)
    rest = smoothed(np.square(own - expected), width)[part]
    noise = (smoothed(np.square(own), width) + smoothed(np.square(expected), width)) / 2
    gains = (2 * own * expected - np.square(expected)) / (noise + float(np.median(rest)) + 1e-20)
    count = len(gains) // size
    sums: Doubles = DISTINCT_SAMPLE_SHARE * gains[: count * size].reshape(count, size).sum(axis=1)
    return sums


def smoothed(values: Doubles, width: int) -> Doubles:
    """The running mean over ``width`` values, zeros beyond the ends."""
    width = max(width, 1)
    sums = np.concatenate([[0.0], np.cumsum(np.pad(values, (width // 2, width - width // 2)))])
    return np.asarray((sums[width:] - sums[:-width])[: len(values)] / width, np.float64)
