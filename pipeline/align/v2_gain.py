"""Does the reference explain the dance on a line everywhere, or only where a loop is shared?

Windows of a second are regressed on the reference as heard through the room: in each band the
cross spectrum over the auto spectrum is a gain, with a standard error that holds whatever the
noise is like (White, "A heteroskedasticity-consistent covariance matrix estimator",
Econometrica 1980). In the right place all gains are alike. Where two parts of a song share a
loop, they are nil wherever the reference has something else.
"""

from __future__ import annotations

import numpy as np
from scipy import fft
from scipy.special import ndtr

from pipeline.align.signal import Array, Complex, read_warped, window
from pipeline.model import Sound

LENGTH = 1.0
"""Seconds of a window; windows follow each other at half of that."""
MOST = 90
"""Windows that are looked at, spread evenly over a longer stretch."""
BANDS = 150.0 * 2 ** (np.arange(10) / 2)
"""Edges in hertz, half an octave apart."""
ROOM = (0.010, 0.100)
"""Seconds of the impulse response before and after the line that are the room's."""
TOGETHER = (1, 4, 8)
"""Windows taken together."""
LOW = 0.5
"""Share of the usual gain from which music is missing."""
UNKNOWN = 0.3
"""Relative variance of a gain that tells nothing."""
LEAST = 8
NOTHING, MUCH = 0.04, 0.08
"""Up to the first a piece is beyond suspicion; from the second on another one then is an echo."""
FULL, NONE = 0.09, 0.16
"""Up to the first a line lacks nothing; from the second on it is as likely an echo."""


def ceiling(lacks: list[float | None]) -> float:
    """The highest confidence that pieces which lack such shares allow: 1 to 0.5."""
    worst = max((share for share in lacks if share is not None), default=0.0)
    return float(np.interp(worst, [FULL, NONE], [1.0, 0.5]))


def cross_and_auto(
    dance: Sound, reference: Sound, offset: float, speed: float, times: Array
) -> tuple[Complex, Complex]:
    """Spectra of the windows of both, ``(windows, bins)``."""
    rate = dance.rate
    size = int(LENGTH * rate)
    shape = window(size)
    own = np.empty((len(times), size // 2 + 1), np.complex64)
    other = np.empty_like(own)
    for row, time in enumerate(times):
        first = round(float(time) * rate)
        own[row] = fft.rfft(dance.read(first, first + size) * shape)
        start = speed * first / rate + offset
        other[row] = fft.rfft(read_warped(reference, start, speed / rate, size) * shape)
    return own, other


def through_room(own: Complex, other: Complex, rate: int) -> Complex:
    """The reference's spectra as heard in the dance, by an impulse response of limited length."""
    power = np.square(np.abs(own)).sum(axis=1, keepdims=True)
    weight = 1 / (power + 0.05 * power.mean() + 1e-12)
    auto = (np.square(np.abs(other)) * weight).sum(axis=0)
    ratio = (own * np.conj(other) * weight).sum(axis=0) / (auto + 0.01 * auto.mean() + 1e-12)
    response = fft.irfft(ratio)
    before, after = (int(seconds * rate) for seconds in ROOM)
    response[after : len(response) - before] = 0
    result: Complex = other * fft.rfft(response)
    return result


def unexplained(
    dance: Sound, reference: Sound, offset: float, speed: float, start: float, stop: float
) -> float | None:
    """The share of the reference, 0 to 1, that a line promises and the dance surely lacks.

    None where that cannot be told: a very short stretch, or deep noise.
    """
    span = stop - start - LENGTH
    if span < LENGTH:
        return None
    number = int(min(span / (LENGTH / 2) + 1, MOST))
    times = (start + np.linspace(0, span, number)).astype(np.float32)
    own, other = cross_and_auto(dance, reference, offset, speed, times)
    heard = through_room(own, other, dance.rate)
    edges = np.rint(BANDS * LENGTH).astype(int)
    product = np.real(own * np.conj(heard))
    power = np.square(np.abs(heard))
    loud = np.add.reduceat(np.square(np.abs(own)).sum(axis=0), edges)[:-1]
    bands = loud > 1e-5 * loud.sum()
    if not bands.any():
        return None
    said: list[float] = []
    for together in TOGETHER:
        groups = np.arange(0, number - together + 1, together)
        if not len(groups):
            break
        rows = groups[-1] + together

        def sums(values: Array, groups: np.ndarray = groups, rows: int = rows) -> Array:
            """Cells of a group of windows and a band."""
            columns = np.add.reduceat(values[:rows], edges, axis=1)[:, :-1][:, bands]
            return np.add.reduceat(columns, groups, axis=0)

        expected = sums(power) + 1e-20
        gain = sums(product) / expected
        usual = typical(gain, expected)
        if usual <= 0:
            continue
        # Residuals about the usual gain; windows and bins overlap by half (Hann).
        error = 1.5 * sums(np.square(product - usual * power)) / np.square(expected)
        share = lacking(gain / usual, error / usual**2, expected)
        if share is not None:
            said.append(share)
    return max(said, default=None)


def typical(gain: Array, weight: Array) -> float:
    """The gain of most of the music: its median, cells counted by the reference's power."""
    order = np.argsort(gain, axis=None)
    sums = np.cumsum(np.sqrt(weight).ravel()[order])
    return float(gain.ravel()[order[int(np.searchsorted(sums, 0.6 * sums[-1]))]])


def lacking(gain: Array, error: Array, expected: Array) -> float | None:
    """The share of known cells with less than half the gain, less chance and one error."""
    known = (expected > 0.05 * expected.mean(axis=0)) & (error < UNKNOWN)
    if np.count_nonzero(known) < LEAST:
        return None
    spread = error[known] + 0.02
    trust = 1 / (spread + 0.1)
    below = (gain[known] < LOW) - ndtr(-LOW / np.sqrt(spread))
    mean = float((trust * below).sum() / trust.sum())
    deviation = float(np.sqrt((trust**2 * np.maximum(below**2, 0.02)).sum()) / trust.sum())
    return max(mean - deviation, 0.0)
