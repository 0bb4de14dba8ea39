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

from pipeline.align.sounds.correlation import block_spectra, correlated
from pipeline.align.sounds.feature_frames import FeatureFrames, FramedPair, Line
from pipeline.align.sounds.signal import Array, covering, highest_beside_next, highest_slants, spans

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
MAX_PLACES, APART_FRAMES = 4, 20
"""Places of a stack that are returned; frames: two peaks nearer than this are the same place."""
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
    """``correlated`` of windows ``(windows, frames, bands)`` with the reference, in standard
    deviations of chance values."""
    result = correlated(windows, block_spectra(reference, windows.shape[1], FFT_SIZE), later)
    result /= chance_of(windows, CHANCE_RATIO)
    return result


def chance_of(windows: Array, ratio: float) -> Array:
    """Standard deviations ``(windows, 1)`` of chance values, ``ratio`` times those of independent
    features."""
    return np.asarray(ratio * np.sqrt(np.square(windows).sum(axis=(1, 2))) + 1e-6)[:, None]


def continued(pair: FramedPair, last: Peak, run: list[int]) -> Peak | None:
    """The peak that goes on in a run of windows, where every one of them clearly fits it."""
    length = min(WINDOW_FRAMES, pair.dance_frames.count)
    reach = 25
    middle = (run[0] + run[-1]) / 2 + length / 2
    lag = round(last.lag + last.drift * (middle - last.middle))
    total = np.zeros(2 * reach + 1)
    for start in run[::2]:
        own = pair.dance_frames.part(start, start + length)
        norm = CHANCE_RATIO * float(np.sqrt(np.square(own).sum())) + 1e-6
        curve = pair.products(Line(lag), start, start + length, reach).sum(axis=1)
        if float(curve.max()) < GOES_ON_SIGMAS * norm:
            return None
        total += curve / norm
    best = int(total.argmax())
    score = float(total[best] / np.sqrt(len(run[::2])))
    return Peak(lag + best - reach, middle, last.drift, score, 0.0, len(run))


def batches(pair: FramedPair, found: list[Peak]) -> Iterator[tuple[Array, Array]]:
    """Runs of windows: their curves on one axis, and their first frames.

    Column ``k`` of a window's curve is moved so that it means the same line in all of
    them: the lag ``k - (length - 1) - last`` where ``last`` is the last start of the run.
    """
    dance, reference = pair.dance_frames, pair.reference_frames
    length = min(WINDOW_FRAMES, dance.count)
    starts = covering(dance.count, length, HOP_FRAMES, HOP_FRAMES // 2)
    last: Peak | None = None
    for low, high in spans(len(starts), BATCH_WINDOWS):
        run = starts[low:high]
        if len(starts) > LONG_WINDOWS and low:
            near = (p for p in found if abs(p.middle - run[0]) < 2 * BATCH_WINDOWS * HOP_FRAMES)
            runs = (p for p in near if p.windows == BATCH_WINDOWS)
            last = max(runs, key=lambda p: p.score, default=None)
            on = continued(pair, last, run) if last else None
            if on is not None:  # a long dance is one song after the other, not one window
                found.append(on)
                continue
        windows = np.stack([dance.part(s, s + length) for s in run])
        lined = correlate(windows, reference, [run[-1] - begin for begin in run])
        del windows
        yield lined, np.array(run, np.float32)
        del lined


def search(pair: FramedPair) -> list[Peak]:
    """The places where stacks of windows fit best, best first."""
    length = min(WINDOW_FRAMES, pair.dance_frames.count)
    found: list[Peak] = []
    for lined, run in batches(pair, found):
        zero = length - 1 + run[-1]
        for size in STACKED_WINDOWS:
            if size > 1 and size // 4 >= len(run):
                continue
            for low, high in spans(len(run), size):
                starts = run[low:high]
                middle = float(starts[0] + starts[-1]) / 2
                # The ends of the stack move by two frames at a time.
                steps = int(np.ceil(MAX_DRIFT * (starts[-1] - starts[0]) / 4))
                tries = np.arange(-steps, steps + 1) * MAX_DRIFT / max(steps, 1)
                curve, steepest = highest_slants(lined[low:high], starts - middle, tries)
                for place, score, other in highest_beside_next(curve, MAX_PLACES, APART_FRAMES):
                    drift = float(tries[steepest[place]])
                    at = middle + length / 2
                    found.append(Peak(place - zero, at, drift, score, other, high - low))
        del lined  # else these curves are still there while the next ones are made
    return sorted(found, key=lambda peak: -peak.score)
