"""How far a line of waveforms may be off, by how the parts of a take scatter about it."""

from __future__ import annotations

import numpy as np

from pipeline.align.sounds.signal import Array, robust_sigma, slant_stack, vertex

MAX_PARTS, LOCAL_SECONDS, STATED_SIGMAS = 8, 0.006, 3.0
"""Parts of a take that say where its line is, seconds about it that they look at, and standard
errors that are stated."""
FITTED_SIGMAS, MIN_WINDOWS = 2.0, 4
"""Standard errors that are stated of a line of features, windows that tell them."""
LINE_PARAMETERS = 2
"""What a line is fitted by, offset and slope: so many parts tell nothing of its error."""


def scatter_error(curves: Array, shifts: Array, middles: Array, lag: float, rate: int) -> float:
    """Seconds by which a line through the arrivals of a take's parts may be off at its ends.

    ``curves``: windows by lags in samples, each read its shift further on; ``middles``: of the
    windows (s). ``MAX_PARTS`` stretches at most, one after the other, each say where the arrival at
    ``lag`` (from the middle column) is in them; ``STATED_SIGMAS`` standard errors of the regression
    (Draper and Smith, "Applied Regression Analysis", 1998, chapter 1) at the end that is farther
    from the middle. Where the parts say nothing, they scatter over all of ``LOCAL_SECONDS``.
    """
    number = int(np.clip(len(curves) // 2, LINE_PARAMETERS, MAX_PARTS))
    reach, centre = int(LOCAL_SECONDS * rate), round(lag) + curves.shape[1] // 2
    if len(curves) <= 1 or not reach < centre < curves.shape[1] - reach - 1:
        return LOCAL_SECONDS
    late, times = [], []
    for part in np.array_split(np.arange(len(curves)), number):
        near = np.abs(slant_stack(curves[part], shifts[part])[centre - reach : centre + reach + 1])
        top = int(near.argmax())
        late.append((top - reach + vertex(near, top) - (lag - round(lag))) / rate)
        times.append(float(middles[part].mean()))
    rest, away = np.array(late), np.array(times) - np.mean(times)
    span = float(middles.max() - middles.mean()) + float(middles[1] - middles[0])
    spread = float(np.square(away).sum()) + 1e-9
    if number > LINE_PARAMETERS:
        rest = rest - rest.mean() - (away * rest).sum() / spread * away
    sigma = float(np.sqrt(np.square(rest).sum() / max(number - LINE_PARAMETERS, 1)))
    return STATED_SIGMAS * sigma * float(np.sqrt(1 / number + span**2 / spread))


def frames_off(middles: Array, late: Array, stop: int, unknown: float) -> float:
    """Frames by which a line of features may be off at its end ``stop``: ``FITTED_SIGMAS`` standard
    errors, from how windows that are ``late`` by so many frames scatter about it; ``unknown`` where
    there are too few.
    """
    if len(late) < MIN_WINDOWS:
        return unknown
    away = middles - middles.mean()
    end = float(np.square(stop - middles.mean()) / np.square(away).sum())
    return FITTED_SIGMAS * float(robust_sigma(late)) * float(np.sqrt(1 / len(late) + end))
