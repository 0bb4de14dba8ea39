"""The share of cells of time and frequency in which the music is not heard as in the others.

Where two parts of a song share a loop, the gain is right where the loop plays alone and wrong where
the reference has something else. How gains are measured is the methods' own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from pipeline.align.sounds.signal import Doubles

LOW_GAIN, HIGH_GAIN = 0.5, 2.0
"""Gains, relative to the band's usual one, beyond which a cell is not heard like the others."""
MAX_GAIN_VARIANCE, MIN_CELLS = 0.3, 8
"""A gain with a larger relative variance is unknown; known cells from which there is a share."""

chance_below = np.vectorize(lambda sigmas: erfc(sigmas / sqrt(2)) / 2, otypes=[float])
"""The share of a normal distribution that lies more than so many sigmas below its mean."""

Gains = tuple[Doubles, Doubles, NDArray[np.bool_]]


def worst_share(
    cells: Sequence[Doubles], merged: Sequence[int], gains: Callable[[list[Doubles]], Gains]
) -> float | None:
    """The largest share of cells whose gain is odd, of cells ``(windows, bands)`` as they are and
    so many of them ``merged``; None where too few are known.

    ``gains``: of sums of cells, the gain relative to the usual one of the band, its squared
    standard error, and which are of use.
    """
    shares = []
    for number in merged:
        rows = len(cells[0]) // number * number
        grouped = [c[:rows].reshape(-1, number, c.shape[1]).sum(axis=1) for c in cells]
        if not grouped[0].size:
            continue
        gain, variance, of_use = gains(grouped)
        known = of_use & (variance < MAX_GAIN_VARIANCE)
        if np.count_nonzero(known) >= MIN_CELLS:
            shares.append(odd_share(gain[known], variance[known]))
    return max(shares, default=None)


def odd_share(gain: Doubles, variance: Doubles) -> float:
    """The share of cells whose gain is not 1, at least, 0 to 1.

    What chance explains is taken off, and one standard error, so that what is unknown raises no
    doubt.
    """
    spread = variance + 0.02
    trust, deviation = 1 / (spread + 0.1), np.sqrt(spread)
    odd = (gain < LOW_GAIN).astype(np.float64) - chance_below(LOW_GAIN / deviation)
    odd += (gain > HIGH_GAIN) - chance_below((HIGH_GAIN - 1) / deviation)
    mean = float((trust * odd).sum() / trust.sum())
    error = float(np.sqrt((trust**2 * np.maximum(odd**2, 0.02)).sum()) / trust.sum())
    return max(mean - error, 0.0)
