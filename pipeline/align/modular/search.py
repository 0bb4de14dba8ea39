"""Coarse search of the modular method: windows of features against the whole reference.

Every window of the dance is correlated with all of the reference by FFT, block by block;
the curves are then stacked along lines (offset, drift), alone, by four and by sixteen
windows, so that both a short take and music deep in noise leave a peak. A line is given
in frames of the reference's clock: ``reference_frame = dance_frame * (1 + drift) + lag``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from pipeline.align.shared.feature_frames import FeatureFrames
from pipeline.align.shared.signal import Array, highest_places, slant_stack, spans

WINDOW_FRAMES = 800
"""Frames of one window (8 s)."""
HOP_FRAMES = 400
"""Frames between two windows."""
BATCH_WINDOWS = 16
"""Windows correlated at once; the longest stack."""
STACKED_WINDOWS = (1, 4, 16)
"""Windows that are stacked along a line."""
FFT_SIZE = 4096
"""Frames of a block of the reference."""
LONG_WINDOWS = 75
"""Windows (5 minutes) from which a line that goes on is not searched for again."""
GOES_ON_SIGMAS = 8.0
"""Standard deviations by which every window has to fit for that."""
APART_FRAMES = 20
"""Frames: two peaks nearer than this are the same place."""
MAX_DRIFT = 6e-4
"""The largest drift between two clocks that the stacks allow for."""
CHANCE_RATIO = 1.6
"""How much wider the chance values are than those of independent features."""


@dataclass(frozen=True)
class Peak:
    """A place where a stack of windows fits."""

    lag: float
    """Frames, at the middle of the stack."""
    middle: float
    """Dance frame of the middle of the stack."""
    drift: float
    score: float
    """In standard deviations of chance values."""
    next_score: float
    """The best score of another place for the same windows."""
    windows: int


def correlate(windows: Array, reference: FeatureFrames, later: Sequence[int] = ()) -> Array:
    """Correlation of windows ``(windows, frames, bands)`` with the reference at every lag.

    Returns ``(windows, reference.count + frames - 1)``; column ``k`` is the lag
    ``k - (frames - 1)`` of the window's first frame. Scaled to standard deviations of
    chance values. Overlap-save, so that memory does not grow with the reference's spectra.
    With ``later`` each row begins so many columns later, on an axis that all of them fit on.
    """
    number, length, _ = windows.shape
    later = later or [0] * number
    step = FFT_SIZE - length + 1
    total = reference.count + length - 1
    norm = CHANCE_RATIO * np.sqrt(np.square(windows).sum(axis=(1, 2))) + 1e-6
    spectra = np.conj(fft.rfft(windows.transpose(0, 2, 1), FFT_SIZE, axis=2))
    weights = np.ascontiguousarray(spectra.transpose(2, 0, 1))
    result = np.zeros((number, total + max(later)), np.float32)
    for start, stop in spans(total, step * 16):
        begins = range(start, stop, step)
        blocks = np.stack(
            [reference.part(b - length + 1, b - length + 1 + FFT_SIZE) for b in begins]
        )
        transformed = fft.rfft(blocks, axis=1).transpose(1, 2, 0)
        product = np.matmul(weights, transformed)
        curves = fft.irfft(product.transpose(1, 2, 0), FFT_SIZE, axis=2)
        for column, begin in enumerate(begins):
            width = min(step, total - begin)
            for row, shift in enumerate(later):
                result[row, shift + begin : shift + begin + width] = curves[row, column, :width]
    result /= norm[:, None].astype(np.float32)
    return result


def stack(curves: Array, positions: Array, drift: float) -> Array:
    """The sum of curves along lines of one drift, over its chance deviation.

    ``positions`` are the windows' first frames relative to the middle of the stack; entry
    ``k`` of the result is the lag of column ``k`` at the middle.
    """
    return slant_stack(curves, positions * drift) / np.float32(np.sqrt(len(curves)))


def window_starts(count: int, length: int) -> list[int]:
    """First frames of the windows that cover ``count`` frames."""
    last = max(count - length, 0)
    starts = list(range(0, last + 1, HOP_FRAMES))
    if last - starts[-1] > HOP_FRAMES // 2:
        starts.append(last)
    return starts


def continued(
    dance: FeatureFrames, reference: FeatureFrames, last: Peak, run: list[int]
) -> Peak | None:
    """The peak that goes on in a run of windows, where every one of them clearly fits it."""
    length = min(WINDOW_FRAMES, dance.count)
    reach = 25
    middle = (run[0] + run[-1]) / 2 + length / 2
    lag = round(last.lag + last.drift * (middle - last.middle))
    total = np.zeros(2 * reach + 1)
    for start in run[::2]:
        own = dance.part(start, start + length)
        block = reference.part(start + lag - reach, start + lag + length + reach)
        norm = CHANCE_RATIO * float(np.sqrt(np.square(own).sum())) + 1e-6
        curve = np.array([np.vdot(own, block[k : k + length]) for k in range(2 * reach + 1)])
        if float(curve.max()) < GOES_ON_SIGMAS * norm:
            return None
        total += curve / norm
    best = int(total.argmax())
    score = float(total[best] / np.sqrt(len(run[::2])))
    return Peak(lag + best - reach, middle, last.drift, score, 0.0, len(run))


def batches(
    dance: FeatureFrames, reference: FeatureFrames, found: list[Peak]
) -> Iterator[tuple[Array, Array]]:
    """Runs of windows: their curves on one axis, and their first frames.

    Column ``k`` of a window's curve is moved so that it means the same line in all of
    them: the lag ``k - (length - 1) - last`` where ``last`` is the last start of the run.
    """
    length = min(WINDOW_FRAMES, dance.count)
    starts = window_starts(dance.count, length)
    last: Peak | None = None
    for low, high in spans(len(starts), BATCH_WINDOWS):
        run = starts[low:high]
        if len(starts) > LONG_WINDOWS and low:
            runs = [
                p
                for p in found
                if p.windows == BATCH_WINDOWS
                and abs(p.middle - run[0]) < 2 * BATCH_WINDOWS * HOP_FRAMES
            ]
            last = max(runs, key=lambda p: p.score, default=None)
            on = continued(dance, reference, last, run) if last else None
            if on is not None:  # a long dance is one song after the other, not one window
                found.append(on)
                continue
        windows = np.stack([dance.part(s, s + length) for s in run])
        lined = correlate(windows, reference, [run[-1] - begin for begin in run])
        del windows
        yield lined, np.array(run, np.float32)
        del lined


def drifts(span: float) -> Array:
    """Drifts to try on a stack ``span`` frames long: ends move by two frames at a time."""
    steps = int(np.ceil(MAX_DRIFT * span / 4))
    if not steps:
        return np.zeros(1, np.float32)
    return np.linspace(-MAX_DRIFT, MAX_DRIFT, 2 * steps + 1, dtype=np.float32)


def search(dance: FeatureFrames, reference: FeatureFrames, *, keep: int = 4) -> list[Peak]:
    """The places where stacks of windows fit best, best first."""
    length = min(WINDOW_FRAMES, dance.count)
    found: list[Peak] = []
    for lined, run in batches(dance, reference, found):
        zero = length - 1 + run[-1]
        for size in STACKED_WINDOWS:
            if size > 1 and size // 4 >= len(run):
                continue
            for low, high in spans(len(run), size):
                starts = run[low:high]
                middle = float(starts[0] + starts[-1]) / 2
                tries = drifts(float(starts[-1] - starts[0]))
                stacks = [stack(lined[low:high], starts - middle, float(d)) for d in tries]
                highs = np.stack(stacks)
                curve = highs.max(axis=0)
                places = highest_places(curve, keep + 1, APART_FRAMES)
                heights = [*(float(curve[place]) for place in places), 0.0]
                for rank, place in enumerate(places[:keep]):
                    drift = float(tries[int(highs[:, place].argmax())])
                    at, other = middle + length / 2, heights[1 if rank == 0 else 0]
                    found.append(Peak(place - zero, at, drift, heights[rank], other, high - low))
                del stacks, highs, curve
        del lined  # else these curves are still there while the next ones are made
    return sorted(found, key=lambda peak: -peak.score)
