"""Following one line through the sound: its exact place, its drift, and where it holds.

A line is ``reference_frame = dance_frame * (1 + drift) + lag``. It is fitted first around
the place where it was found, then over twice as much, and so on: the longer the stretch,
the finer the drift has to be known, and the stretch before has just given it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.align.modular.features import FRAMES_PER_SECOND
from pipeline.align.modular.search import CHANCE_RATIO, MAX_DRIFT, Peak
from pipeline.align.sounds.feature_frames import CHUNK_FRAMES, FramedPair, Line
from pipeline.align.sounds.signal import Array, best_slant, spans, totals, vertex

REACH_FRAMES = 8
"""Frames on either side of the line that are looked at."""
SECOND_FRAMES = int(FRAMES_PER_SECOND)
"""Frames of a second."""
FIRST_FRAMES = 1600
"""Frames on either side of the peak in the first fit."""
HOLDS_SHARE = 0.4
"""Share of the evidence around the middle from which a line goes on."""
UNKNOWN_FRAMES = 1.5
"""Frames by which a line of few blocks may be off."""


def line_of(peak: Peak) -> Line:
    """The line through a peak of the search."""
    return Line(peak.lag - peak.middle * peak.drift, peak.drift)


def block_sums(
    pair: FramedPair, line: Line, start: int, block: int, count: int, reach: int
) -> Array:
    """``products`` of ``count`` blocks from ``start`` on, summed, ``(2 * reach + 1, count)``.

    A few blocks at a time: of two hours the products alone would be 50 MB.
    """
    result = np.zeros((2 * reach + 1, count), np.float32)
    for low, high in spans(count, max(CHUNK_FRAMES // block, 1)):
        near = pair.products(line, start + low * block, start + high * block, reach)
        result[:, low:high] = near.reshape(2 * reach + 1, high - low, block).sum(axis=2)
    return result


def chance(pair: FramedPair, start: int, stop: int) -> Array:
    """The standard deviation of chance products, frame by frame."""
    energy = np.zeros(stop - start, np.float32)
    for low, high in spans(stop - start, CHUNK_FRAMES):
        part = pair.dance_frames.part(start + low, start + high)
        energy[low:high] = np.einsum("tb,tb->t", part, part)
    return np.asarray(CHANCE_RATIO * np.sqrt(energy), np.float32)


def fit(pair: FramedPair, line: Line, middle: float) -> Line:
    """The line that fits best near a given one, from ``middle`` outwards.

    It grows on either side as long as the evidence there is like that around the middle:
    beyond the end of a take there is nothing to fit to but chance and repeats.
    """
    low, high = pair.overlap(line)
    start, stop = max(low, int(middle) - FIRST_FRAMES), min(high, int(middle) + FIRST_FRAMES)
    slack = MAX_DRIFT
    while stop - start >= SECOND_FRAMES // 2:
        line = fit_stretch(pair, line, start, stop, slack)
        low, high = pair.overlap(line)
        half = stop - start
        further = (max(low, start - half // 2), min(high, stop + half // 2))
        usual = strength(pair, line, start, stop)
        before = strength(pair, line, further[0], start)
        after = strength(pair, line, stop, further[1])
        first = further[0] if before > HOLDS_SHARE * usual else start
        last = further[1] if after > HOLDS_SHARE * usual else stop
        if (first, last) == (start, stop):
            return regress(pair, line, start, stop)
        start, stop, slack = first, last, 3.0 / half
    return line


def strength(pair: FramedPair, line: Line, start: int, stop: int) -> float:
    """Mean evidence of a frame between two frames; 0 for less than half a second."""
    if stop - start < SECOND_FRAMES // 2:
        return 0.0
    return float(pair.products(line, start, stop, 1).mean())


def fit_stretch(pair: FramedPair, line: Line, start: int, stop: int, slack: float) -> Line:
    """Grid of slopes within ``slack``, then a parabola over the lags of the best one."""
    block = max(SECOND_FRAMES // 2, (stop - start) // 400)
    count = (stop - start) // block
    near = block_sums(pair, line, start, block, count, REACH_FRAMES)
    cap = 3 * float(np.median(near.max(axis=0))) + 1e-6
    near = np.clip(near, -cap, cap)
    middle = (start + stop) / 2
    centres = start + (np.arange(count) + 0.5) * block - middle
    steps = int(np.ceil(slack * (stop - start) / 2 / 0.5))
    curve, slope = best_slant(near.T, centres, np.linspace(-slack, slack, 2 * steps + 1))
    top = int(curve.argmax())
    shift = top - REACH_FRAMES + vertex(curve, top)
    return replace(line, lag=line.lag + shift - slope * middle, drift=line.drift + slope)


def regress(pair: FramedPair, line: Line, start: int, stop: int) -> Line:
    """Robust weighted regression over the tops of blocks of two seconds and more.

    Iteratively reweighted least squares (Holland and Welsch, 1977) with Cauchy weights; a
    drift is only believed as far as it shows.
    """
    time, lag, weight = tops(pair, line, start, stop)
    if not len(time):
        return line
    centre = float((weight * time).sum() / weight.sum())
    base = np.stack([np.ones(len(time)), time - centre])
    use = weight
    solution: NDArray[Any] = np.zeros(2)
    for _ in range(6):
        # The prior on the slope: clocks differ by some 100 ppm, tops scatter by a frame.
        prior = np.diag([0.0, float(weight.mean()) / 4e-4**2 * 0.1])
        solution = np.linalg.solve((base * use) @ base.T + prior, (base * use) @ lag)
        residual = lag - solution @ base
        use = weight / (1 + np.square(residual / 0.6))
    shift, slope = float(solution[0]), float(solution[1])
    return replace(line, lag=line.lag + shift - slope * centre, drift=line.drift + slope)


def tops(
    pair: FramedPair, line: Line, start: int, stop: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Middles of blocks of two seconds and more, by how much each is later than a line (both in
    frames), and their weights; none where there are fewer than two."""
    block = max(2 * SECOND_FRAMES, (stop - start) // 200)
    count = (stop - start) // block
    if count <= 1:
        return np.zeros(0), np.zeros(0), np.zeros(0)
    near = block_sums(pair, line, start, block, count, 4)
    highest = near.argmax(axis=0)
    inner = np.clip(highest, 1, 7)
    index = np.arange(count)
    left, middle, right = (near[inner + k, index] for k in (-1, 0, 1))
    curve = np.minimum(left - 2 * middle + right, -1e-6)
    lag = inner - 4 + np.clip(0.5 * (left - right) / curve, -1, 1)
    weight = np.maximum(middle, 0.0) * (inner == highest) + 1e-9
    return start + (index + 0.5) * block, lag.astype(np.float64), weight.astype(np.float64)


def evidence(pair: FramedPair, line: Line) -> tuple[Array, Array]:
    """Frame by frame over the whole dance: products along a line, and chance deviations.

    The three lags nearest to the line count a third each; zeros outside the reference.
    """
    values, deviation = np.zeros((2, pair.dance_frames.count), np.float32)
    start, stop = pair.overlap(line)
    if stop > start:
        values[start:stop] = pair.products(line, start, stop, 1).mean(axis=0)
        deviation[start:stop] = chance(pair, start, stop)
    return values, deviation


def by_seconds(values: Array, deviation: Array) -> Array:
    """Evidence of each second in standard deviations of chance."""
    power = totals(np.square(deviation), SECOND_FRAMES)
    return np.asarray(totals(values, SECOND_FRAMES) / (np.sqrt(power) + 1e-3), np.float32)
