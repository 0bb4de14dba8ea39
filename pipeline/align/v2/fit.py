"""Fitting a line to onset bits where waveforms do not match (time-stretched music).

Windows of two seconds each say how late they are; the line through them is Theil and
Sen's (the median of the slopes of all pairs; Sen, JASA 1968), which a third of wrong
windows does not move. It starts where the line was found and doubles its span.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.shared.feature_frames import FeatureFrames
from pipeline.align.shared.signal import Array, vertex
from pipeline.align.v2.onset_bits import FRAMES_PER_SECOND

REACH_FRAMES = 8
"""Frames on either side of the line that are looked at."""
WINDOW_FRAMES = int(2 * FRAMES_PER_SECOND)
"""Frames of a window (2 s)."""
MAX_WINDOWS = 160
"""Windows that are looked at, spread evenly."""
MIN_SLOPE_WINDOWS = 3
"""Windows from which there is a slope."""
STATED_SIGMAS, MIN_WINDOWS, UNKNOWN_FRAMES = 2.0, 4, 1.0
"""Standard errors that are stated, windows that tell them, frames where there are fewer."""


def lateness(
    dance: FeatureFrames, reference: FeatureFrames, lag: float, drift: float, start: int, stop: int
) -> tuple[Array, Array]:
    """Middles (frames) of the windows that tell something, and how many frames late each is."""
    number = int(np.clip((stop - start - WINDOW_FRAMES) / (WINDOW_FRAMES / 2) + 1, 1, MAX_WINDOWS))
    starts = np.rint(np.linspace(start, max(stop - WINDOW_FRAMES, start), number)).astype(int)
    middles, late, sure = [], [], []
    for first in starts:
        frames = np.arange(first, min(first + WINDOW_FRAMES, stop))
        at = np.rint(frames * (1 + drift) + lag).astype(np.int64)
        block = reference.part(int(at[0]) - REACH_FRAMES, int(at[-1]) + REACH_FRAMES + 1)
        own = dance.part(int(frames[0]), int(frames[-1]) + 1)
        shifts = range(2 * REACH_FRAMES + 1)
        curve = np.array([float(np.vdot(own, block[at - at[0] + k])) for k in shifts])
        smooth = np.convolve(curve, [0.25, 0.5, 0.25], "same")
        top = int(smooth[1:-1].argmax()) + 1
        middles.append(float(frames.mean()))
        late.append(top - REACH_FRAMES + vertex(smooth, top))
        sure.append(float(smooth[top] / np.sqrt(np.count_nonzero(own) + 1.0)))
    good = np.array(sure, np.float32) >= max(0.4 * float(np.quantile(sure, 0.9)), 2.0)
    return np.array(middles, np.float32)[good], np.array(late, np.float32)[good]


def half_width(
    dance: FeatureFrames, reference: FeatureFrames, lag: float, drift: float, start: int, stop: int
) -> float:
    """Frames by which a line may be off at its ends, from how its windows scatter about it.

    ``STATED_SIGMAS`` standard errors of a median line's ends, the deviation taken from the inner
    half of the windows, which lie over each other by half.
    """
    middles, late = lateness(dance, reference, lag, drift, start, stop)
    if len(late) < MIN_WINDOWS:
        return UNKNOWN_FRAMES
    low, high = np.quantile(late, [0.25, 0.75])
    away = middles - middles.mean()
    ends = (stop - start) ** 2 / 4 / float(np.square(away).sum() / 2 + 1e-9)
    error = float(high - low) / 1.35 * float(np.sqrt(2 / len(late) + ends))
    return STATED_SIGMAS * error


def theil_sen(x: Array, y: Array, limit: float) -> tuple[float, float]:
    """Slope within ``limit`` and value at the mean of ``x`` of the median line."""
    if len(x) < MIN_SLOPE_WINDOWS:
        return 0.0, float(np.median(y))
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    far = np.abs(apart) >= 0.3 * float(x.max() - x.min())
    slopes = (y[second] - y[first])[far] / apart[far]
    slope = float(np.clip(np.median(slopes), -limit, limit)) if len(slopes) else 0.0
    return slope, float(np.median(y - slope * (x - x.mean())))


def fit_bits(
    dance: FeatureFrames,
    reference: FeatureFrames,
    lag: float,
    drift: float,
    start: int,
    stop: int,
    *,
    slack: float,
    limits: tuple[int, int] | None = None,
) -> tuple[float, float]:
    """Lag and drift of the line that fits best, from ``start`` to ``stop`` and outwards.

    ``slack`` is how far the drift may be off at first; with ``limits`` the line is
    followed until it covers them.
    """
    low, high = limits or (start, stop)
    while True:
        x, y = lateness(dance, reference, lag, drift, start, stop)
        if len(x) > 1:
            slope, value = theil_sen(x, y, slack)
            lag += value - slope * float(x.mean())
            drift += slope
        if start <= low and stop >= high:
            return lag, drift
        half = stop - start
        slack = min(slack, 4.0 / half)
        start, stop = max(low, start - half // 2), min(high, stop + half // 2)
