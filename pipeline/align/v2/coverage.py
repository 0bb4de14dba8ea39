"""Does the reference explain the dance on a line everywhere, or only where a loop is shared?

Windows of a second are regressed on the reference through the room response: in each band the
cross spectrum over the auto spectrum is a gain, with a standard error that holds whatever the
noise is like (White, "A heteroskedasticity-consistent covariance matrix estimator",
Econometrica 1980). In the right place all gains are alike. Where two parts of a song share a
loop, they are nil wherever the reference has something else.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.shared.confidence import Ramp
from pipeline.align.sounds.fourier import rfft
from pipeline.align.sounds.odd_cells import Gains, worst_share
from pipeline.align.sounds.pair import Pair, transfer
from pipeline.align.sounds.signal import Complex, Doubles, window
from pipeline.model import Segment

WINDOW_SECONDS = 1.0
"""Seconds of a window; windows follow each other at half of that."""
MAX_WINDOWS = 90
"""Windows that are looked at, spread evenly over a longer stretch."""
BAND_EDGES_HZ = 150.0 * 2 ** (np.arange(10) / 2)
"""Edges in hertz, half an octave apart."""
RESPONSE_SECONDS = (0.010, 0.100)
"""Seconds of the impulse response before and after the line that are the room's."""
MERGED_WINDOWS = (1, 4, 8)
"""Windows taken together."""
MIN_SIGMAS = 4.0
"""Deviations by which a band has to be present."""
WHOLE_SHARE = 0.04
"""Up to this share nothing is missing."""
LACK = Ramp((0.08, 0.15), (1.0, 0.5))
"""Over the missing share: up to the first a line lacks nothing; from the second on it is as likely
an echo."""
SCORE, SCORE_SECONDS = Ramp((22.0, 52.0), (0.5, 0.85)), 40.0
"""Over the score of so many seconds: from the first on lacking weighs less, from the second little.
Chosen; three answers neither confirm nor refute it
(``python -m benchmarks.rules.calibrate``)."""


def confidence_cap(lack: float | None, score: float, seconds: float) -> float:
    """The highest confidence that a piece which lacks such a share allows: 1 to 0.5.

    Lacking weighs less where bits agree (``score``, deviations of chance over ``seconds``) as
    they hardly do by a shared loop.
    """
    usual = score / max(1.0, float(np.sqrt(seconds / SCORE_SECONDS)))
    return max(LACK.at(lack or 0.0), SCORE.at(usual))


def through_room(own: Complex, other: Complex, rate: int) -> Complex:
    """The reference's spectra through the room, by an impulse response of limited length."""
    response = np.fft.irfft(transfer(own, other, 0.05))
    before, after = (int(seconds * rate) for seconds in RESPONSE_SECONDS)
    response[after : len(response) - before] = 0
    result: Complex = other * rfft(response)
    return result


def missing_share(pair: Pair, segment: Segment) -> float | None:
    """The share of the reference, 0 to 1, that a segment promises and the dance surely lacks.

    None where that is unknown: a very short stretch, or deep noise.
    """
    span = segment.length - WINDOW_SECONDS
    if span < WINDOW_SECONDS:
        return None
    number = int(min(span / (WINDOW_SECONDS / 2) + 1, MAX_WINDOWS))
    times = (segment.dance_start + np.linspace(0, span, number)).astype(np.float32)
    size = int(WINDOW_SECONDS * pair.rate)
    sounds = (pair.read(round(float(time) * pair.rate), size) for time in times)
    spectra = [[rfft(sound * window(size)) for sound in both] for both in sounds]
    own, other = np.array(spectra).swapaxes(0, 1)
    expected = through_room(own, other, pair.rate)
    edges = np.rint(BAND_EDGES_HZ * WINDOW_SECONDS).astype(int)
    product, power = np.real(own * np.conj(expected)), np.square(np.abs(expected))
    values = (product, power, product * product, product * power, power * power)
    cells = [np.add.reduceat(v, edges, axis=1)[:, :-1].astype(np.float64) for v in values]
    loud = np.add.reduceat(np.square(np.abs(own)).sum(axis=0), edges)[:-1]
    bands = loud > 1e-5 * loud.sum()
    return worst_share([cell[:, bands] for cell in cells], MERGED_WINDOWS, gains_of)


def gains_of(cells: list[Doubles]) -> Gains:
    """Gains of cells relative to that of their band, White's variances, and which are of use.

    ``cells``: sums, over the bins of each cell, of cross spectrum and power, of the former's
    square, of their product and of the latter's square.
    """
    cross, power, cross2, both, power2 = cells
    power = power + 1e-20
    # Of a whole band the gain is 1, but for what keeps the division in order.
    level = cross.sum(axis=0) / power.sum(axis=0)
    usual = np.where(level > 0, level, 1.0)
    # White's error of a slope; windows and bins overlap by half (Hann).
    error = 1.5 * (cross2 - 2 * usual * both + usual**2 * power2) / np.square(power * usual)
    sure = np.square(cross.sum(axis=0)) > MIN_SIGMAS**2 * 1.5 * cross2.sum(axis=0)
    of_use = (level > 0) & sure & (power > 0.05 * power.mean(axis=0))
    return cross / power / usual, error, of_use
