"""Speed search of the modular method: every speed from 0.68 to 1.45, the pitch moved or kept; and
the same speed in other keys.

The loudest stretch of the dance is put on the reference's clock at each speed of a
geometric grid, and its windows are correlated with the whole reference; the stack over
windows refines the speed between the grid's steps. Where the pitch moved with the speed,
the bands move with it (as a record player's do; a time-stretcher keeps them). Music in another
key has its bands moved by semitones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.align.modular.features import MelFlux, whitener
from pipeline.align.shared import signal
from pipeline.align.shared.signal import Array, Complex
from pipeline.align.shared.speeds import SEMITONES, SpeedPeak, at_speed, block_spectra, distinct
from pipeline.model import Sound

SLOWEST, FASTEST = 0.68, 1.45
"""Speeds that are tried: to about half an octave slower and faster."""
SPEED_STEP = 0.012
"""Relative distance of two speeds of the grid."""
FRAMES_PER_SECOND = 50.0
"""Frames a second of the reference's clock."""
FLUX = MelFlux(bands=20, high_hz=3400.0, frame_seconds=0.064, local_frames=75, level_frames=150)
"""At ``FRAMES_PER_SECOND``: coarser than that of the lines, since every speed is tried."""
STRETCH_SECONDS = 42.0
"""Seconds of the dance that are looked at."""
WINDOW_FRAMES = 300
"""Frames of a window (6 s)."""
HOP_FRAMES = 200
"""Frames between two windows."""
MARGIN_FRAMES = 150
"""Frames beyond a block that its normalisation sees."""
BLOCK_FRAMES = 4000
"""Frames that are measured at once, which bounds the memory."""
FFT_SIZE = 2048
"""Frames of a block of the reference."""
CHANCE_RATIO = 1.5
"""How much wider the chance values are than those of independent features."""
NEIGHBOUR_STEPS, MAX_PEAKS = 2.5, 6
"""Steps of the grid within which two speeds are one, and speeds that are returned."""


def decorrelated(change: Array) -> Array:
    """Flux whose bands are decorrelated, in place where it can be."""
    matrix = whitener((change.T @ change / max(len(change), 1)).astype(np.float64))
    for start, stop in signal.spans(len(change), BLOCK_FRAMES):
        change[start:stop] = np.clip(change[start:stop] @ matrix, -4, 4)
    return change


def reference_spectra(reference: Sound) -> tuple[Complex, int, int]:
    """Spectra of overlapping blocks of the reference, ``(bins, bands, blocks)``; step; frames."""
    size = signal.frame_size(reference.rate, FLUX.frame_seconds)
    filters = FLUX.bank(reference.rate)
    count = signal.frame_count(reference, FRAMES_PER_SECOND)
    values = np.zeros((count, FLUX.bands), np.float32)
    for start, stop in signal.spans(count, BLOCK_FRAMES):
        first, last = max(start - MARGIN_FRAMES, 0), min(stop + MARGIN_FRAMES, count)
        power = signal.power_frames(reference, first, last - first, size, FRAMES_PER_SECOND)
        values[start:stop] = FLUX.of(power @ filters)[start - first : stop - first]
    spectra, step = block_spectra(decorrelated(values), WINDOW_FRAMES, FFT_SIZE)
    return np.ascontiguousarray(spectra.transpose(2, 1, 0)), step, count


def liveliest(dance: Sound) -> tuple[float, float]:
    """Start and stop (s) of the stretch with the most sound: the one with the highest mean
    of second-by-second levels in decibels, so that one clap does not decide."""
    length = signal.duration(dance)
    if length <= STRETCH_SECONDS:
        return 0.0, length
    levels = []
    for start, stop in signal.spans(dance.frames, dance.rate):
        part = dance.read(start, stop)
        levels.append(10 * np.log10(float(np.mean(np.square(part))) + 1e-10))
    width = int(STRETCH_SECONDS)
    sums = np.convolve(levels, np.ones(width), "valid")
    middle = (len(sums) - 1) / 2
    # Nearly equal stretches: the one nearest to the middle, where people dance.
    first = int(
        np.argmax(sums - 0.02 * width * np.abs(np.arange(len(sums)) - middle) / (middle + 1))
    )
    return float(first), float(first + width)


def search_speed(dance: Sound, reference: Sound) -> list[SpeedPeak]:
    """The best place at the best speeds, best first, each speed once."""
    steps = int(np.ceil(np.log(FASTEST / SLOWEST) / SPEED_STEP))
    grid = SLOWEST * np.exp(np.arange(steps + 1) * SPEED_STEP)
    trials = [(float(s), moved, 0) for s in grid for moved in (False, True)]
    return distinct(places(dance, reference, trials), NEIGHBOUR_STEPS * SPEED_STEP, MAX_PEAKS)


def search_key(dance: Sound, reference: Sound) -> SpeedPeak:
    """The best place in the key in which the dance fits best at the same speed."""
    trials = [(1.0, False, key) for key in SEMITONES]
    return max(places(dance, reference, trials), key=lambda peak: peak.score)


def places(
    dance: Sound, reference: Sound, trials: Sequence[tuple[float, bool, int]]
) -> list[SpeedPeak]:
    """The best place at each speed that is tried, with whether the pitch moved, and the key."""
    start, stop = liveliest(dance)
    rate = dance.rate
    size = signal.frame_size(rate, FLUX.frame_seconds)
    fine = FRAMES_PER_SECOND * 2
    frames = max(int((stop - start) * fine), 8)
    power = signal.power_frames(dance, round(start * fine), frames, size, fine)
    spectra, step, count = reference_spectra(reference)
    kept_bands = power @ FLUX.bank(rate)
    found: list[SpeedPeak] = []
    for speed, moved, key in trials:
        pitch = (speed if moved else 1.0) * 2 ** (key / 12)
        bands = kept_bands
        if pitch != 1.0:
            bands = power @ FLUX.bank(rate, pitch)
        values = decorrelated(FLUX.of(at_speed(bands, speed)))
        slope, lag, score, other = best_place(values, spectra, step, count)
        true_speed = speed * (1 + slope)
        offset = (len(values) / 2 + lag) / FRAMES_PER_SECOND - true_speed * (start + stop) / 2
        found.append(SpeedPeak(true_speed, moved, key, offset, start, stop, score, other))
    return found


def window_curves(
    values: Array, starts: NDArray[np.int64], spectra: Complex, step: int, count: int
) -> Array:
    """The correlation of each window of ``values`` with the whole reference, in standard
    deviations of chance; ``(windows, lags)``, all on the axis of the last one.

    Column k of a window: its first frame lies on the reference's frame k - (LENGTH - 1).
    """
    length = min(WINDOW_FRAMES, len(values))
    windows = np.zeros((len(starts), FLUX.bands, FFT_SIZE), np.float32)
    for row, start in enumerate(starts):
        windows[row, :, :length] = values[start : start + length].T
    norm = CHANCE_RATIO * np.sqrt(np.square(windows).sum(axis=(1, 2))) + 1e-6
    weights = np.conj(fft.rfft(windows, axis=2)).transpose(2, 0, 1)
    product = np.matmul(np.ascontiguousarray(weights), spectra)
    curves = fft.irfft(product.transpose(1, 2, 0), FFT_SIZE, axis=2)[:, :, :step]
    del product  # hours of reference: some tens of megabytes each
    flat = curves.reshape(len(starts), -1)[:, : count + WINDOW_FRAMES - 1] / norm[:, None]
    del curves
    reach = int(starts[-1])
    lined = np.zeros((len(starts), flat.shape[1] + reach), np.float32)
    for row, start in enumerate(starts):
        lined[row, reach - start : reach - start + flat.shape[1]] = flat[row]
    return lined


def best_place(
    values: Array, spectra: Complex, step: int, count: int
) -> tuple[float, float, float, float]:
    """Slope, lag (frames, at the stretch's middle), score and next score of the best line."""
    length = min(WINDOW_FRAMES, len(values))
    starts = np.arange(0, max(len(values) - length, 0) + 1, HOP_FRAMES)
    lined = window_curves(values, starts, spectra, step, count)
    centre = len(values) / 2
    away = starts + length / 2 - centre
    limit = SPEED_STEP * 0.6
    tries = int(np.ceil(limit * float(np.abs(away).max()))) if len(starts) > 1 else 0
    slopes = np.linspace(-limit, limit, 2 * tries + 1) if tries else np.zeros(1)
    total = lined.shape[1]
    highest = np.full(total, -np.inf, np.float32)
    steepest = np.zeros(total, np.int8)
    for row, slope in enumerate(slopes):
        line = signal.slant_stack(lined, away * slope)
        steepest[line > highest] = row  # of a hundred slopes at most: the stretch is short
        np.maximum(highest, line, out=highest)
    highest /= np.float32(np.sqrt(len(starts)))
    top = int(highest.argmax())
    score = float(highest[top])
    other = np.concatenate([highest[: max(top - 15, 0)], highest[top + 16 :]])
    lag = top - (WINDOW_FRAMES - 1) - int(starts[-1])
    return float(slopes[steepest[top]]), float(lag), score, float(other.max(initial=0.0))
