"""Fitting a line to onset bits where waveforms do not match (time-stretched music).

Windows of two seconds each say how late they are; the line through them is Theil and
Sen's (the median of the slopes of all pairs; Sen, JASA 1968), which a third of wrong
windows does not move. It starts where the line was found and doubles its span.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.line_error import FITTED_SIGMAS, MIN_WINDOWS
from pipeline.align.sounds.signal import Array, vertex
from pipeline.align.v2.onset_bits import FRAMES_PER_SECOND

REACH_FRAMES = 8
"""Frames on either side of the line that are looked at."""
WINDOW_FRAMES = int(2 * FRAMES_PER_SECOND)
"""Frames of a window (2 s)."""
MAX_WINDOWS = 160
"""Windows that are looked at, spread evenly."""
GOOD_SHARE, MIN_SIGMAS = 0.4, 2.0
"""A window tells something from this share of the surest tenth's evidence on, and from so much."""
MIN_SLOPE_WINDOWS, FAR_SHARE = 3, 0.3
"""Windows from which there is a slope; of all pairs those are looked at that lie this share of the
stretch apart."""
UNKNOWN_FRAMES = 1.0
"""Frames by which a line of few windows may be off."""


def lateness(pair: FramedPair, line: Line, start: int, stop: int) -> tuple[Array, Array]:
    """Middles (frames) of the windows that tell something, and how many frames late each is."""
    number = int(np.clip((stop - start - WINDOW_FRAMES) / (WINDOW_FRAMES / 2) + 1, 1, MAX_WINDOWS))
    starts = np.rint(np.linspace(start, max(stop - WINDOW_FRAMES, start), number)).astype(int)
    middles, late, sure = [], [], []
    for first in starts:
        last = min(first + WINDOW_FRAMES, stop)
        curve = pair.products(line, first, last, REACH_FRAMES).sum(axis=1)
        smooth = np.convolve(curve, [0.25, 0.5, 0.25], "same")
        top = int(smooth[1:-1].argmax()) + 1
        middles.append((first + last - 1) / 2)
        late.append(top - REACH_FRAMES + vertex(smooth, top))
        used = np.count_nonzero(pair.dance_frames.part(first, last))
        sure.append(float(smooth[top] / np.sqrt(used + 1.0)))
    good = np.array(sure, np.float32) >= max(GOOD_SHARE * float(np.quantile(sure, 0.9)), MIN_SIGMAS)
    return np.array(middles, np.float32)[good], np.array(late, np.float32)[good]


def half_width(pair: FramedPair, line: Line, start: int, stop: int) -> float:
    """Frames by which a line may be off at its ends, from how its windows scatter about it.

    ``FITTED_SIGMAS`` standard errors of a median line's ends, the deviation taken from the inner
    half of the windows, which lie over each other by half.
    """
    middles, late = lateness(pair, line, start, stop)
    if len(late) < MIN_WINDOWS:
        return UNKNOWN_FRAMES
    low, high = np.quantile(late, [0.25, 0.75])
    away = middles - middles.mean()
    ends = (stop - start) ** 2 / 4 / float(np.square(away).sum() / 2 + 1e-9)
    return FITTED_SIGMAS * float(high - low) / 1.35 * float(np.sqrt(2 / len(late) + ends))


def theil_sen(x: Array, y: Array, limit: float) -> tuple[float, float]:
    """Slope within ``limit`` and value at the mean of ``x`` of the median line."""
    if len(x) < MIN_SLOPE_WINDOWS:
        return 0.0, float(np.median(y))
    first, second = np.triu_indices(len(x), 1)
    apart = x[second] - x[first]
    far = np.abs(apart) >= FAR_SHARE * float(x.max() - x.min())
    slopes = (y[second] - y[first])[far] / apart[far]
    slope = float(np.clip(np.median(slopes), -limit, limit)) if len(slopes) else 0.0
    return slope, float(np.median(y - slope * (x - x.mean())))


def fit_bits(
    pair: FramedPair, line: Line, span: tuple[int, int], limits: tuple[int, int], *, slack: float
) -> Line:
    """The line that fits best in a ``span`` of frames, and outwards from it.

    ``slack`` is how far the drift may be off at first; the line is followed until it covers
    ``limits``.
    """
    (start, stop), (low, high) = span, limits
    while True:
        x, y = lateness(pair, line, start, stop)
        if len(x) > 1:
            slope, value = theil_sen(x, y, slack)
            line = Line(line.lag + (value - slope * float(x.mean())), line.drift + slope)
        if start <= low and stop >= high:
            return line
        half = stop - start
        slack = min(slack, 4.0 / half)
        start, stop = max(low, start - half // 2), min(high, stop + half // 2)
