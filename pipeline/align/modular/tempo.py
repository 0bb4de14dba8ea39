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
from functools import lru_cache

import numpy as np

from pipeline.align.modular.features import WHITENED_FRAMES, MelFlux, whitener
from pipeline.align.modular.search import chance_of
from pipeline.align.sounds import signal
from pipeline.align.sounds.correlation import BlockSpectra, block_spectra, correlated
from pipeline.align.sounds.feature_frames import FeatureFrames
from pipeline.align.sounds.signal import Array
from pipeline.align.sounds.speeds import SpeedPeak, Trial, at_speed, distinct
from pipeline.model import Sound

SLOWEST, FASTEST = 0.68, 1.45
"""Speeds that are tried: to about half an octave slower and faster."""
SPEED_STEP = 0.012
"""Relative distance of two speeds of the grid."""
SPEEDS = SLOWEST * np.exp(np.arange(0, np.log(FASTEST / SLOWEST) + SPEED_STEP, SPEED_STEP))
"""Speeds that are tried, ascending."""
FRAMES_PER_SECOND = 50.0
"""Frames a second of the reference's clock."""
FLUX = MelFlux(bands=20, high_hz=3400.0, frame_seconds=0.064, local_frames=75, level_frames=150)
"""At ``FRAMES_PER_SECOND``: coarser than that of the lines, since every speed is tried."""
STRETCH_SECONDS, MIDDLE_DB = 42.0, 0.02
"""Seconds of the dance that are looked at; decibels by which a stretch at an end has to be louder
than one in the middle, where people dance."""
WINDOW_FRAMES = 300
"""Frames of a window (6 s)."""
HOP_FRAMES = 200
"""Frames between two windows."""
FFT_SIZE = 2048
"""Frames of a block of the reference."""
CHANCE_RATIO = 1.5
"""How much wider the chance values are than those of independent features."""
NEAR_FRAMES = 15
"""Frames: a peak this near to the best one is the same place."""
NEIGHBOUR_STEPS, MAX_PEAKS = 2.5, 6
"""Steps of the grid within which two speeds are one, and speeds that are returned."""


def decorrelated(change: Array) -> Array:
    """Flux whose bands are decorrelated, in place where it can be."""
    matrix = whitener((change.T @ change / max(len(change), 1)).astype(np.float64))
    for start, stop in signal.spans(len(change), WHITENED_FRAMES):
        change[start:stop] = np.clip(change[start:stop] @ matrix, -4, 4)
    return change


def reference_spectra(reference: Sound) -> BlockSpectra:
    """Spectra of overlapping blocks of the reference."""
    blocks = [values for _, values in FLUX.blocks(reference, FRAMES_PER_SECOND)]
    frames = FeatureFrames(decorrelated(np.concatenate(blocks)))
    return block_spectra(frames, WINDOW_FRAMES, FFT_SIZE).kept()


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
    aside = np.abs(np.arange(len(sums)) - middle) / (middle + 1)
    first = int(np.argmax(sums - MIDDLE_DB * width * aside))
    return float(first), float(first + width)


def search(dance: Sound, reference: Sound, trials: Sequence[Trial]) -> list[SpeedPeak]:
    """The best place at the best of the speeds and keys that are tried, best first, each speed
    once."""
    start, stop = liveliest(dance)
    rate = dance.rate
    size = signal.frame_size(rate, FLUX.frame_seconds)
    fine = FRAMES_PER_SECOND * 2
    frames = max(int((stop - start) * fine), 8)
    power = signal.power_frames(dance, round(start * fine), frames, size, fine)
    sound = reference_spectra(reference)
    bands = lru_cache(2)(lambda pitch: power @ FLUX.bank(rate, pitch))
    found: list[SpeedPeak] = []
    for trial in trials:
        values = decorrelated(FLUX.of(at_speed(bands(trial.pitch), trial.speed)))
        slope, lag, score, other = best_place(values, sound)
        speed = trial.speed * (1 + slope)
        offset = (len(values) / 2 + lag) / FRAMES_PER_SECOND - speed * (start + stop) / 2
        place = offset, start, stop, score, other
        found.append(SpeedPeak(speed, trial.moved, trial.key, *place))
    return distinct(found, NEIGHBOUR_STEPS * SPEED_STEP, MAX_PEAKS)


def best_place(values: Array, reference: BlockSpectra) -> tuple[float, float, float, float]:
    """Slope, lag (frames, at the stretch's middle), score and next score of the best line."""
    length = min(WINDOW_FRAMES, len(values))
    starts = np.arange(0, max(len(values) - length, 0) + 1, HOP_FRAMES)
    windows = np.stack([values[start : start + length] for start in starts])
    lined = correlated(windows, reference, (starts[-1] - starts).tolist())
    lined /= chance_of(windows, CHANCE_RATIO)
    centre = len(values) / 2
    away = starts + length / 2 - centre
    limit = SPEED_STEP * 0.6
    tries = int(np.ceil(limit * float(np.abs(away).max()))) if len(starts) > 1 else 0
    slopes = np.arange(-tries, tries + 1) * limit / max(tries, 1)
    highest, steepest = signal.highest_slants(lined, away, slopes)
    top, score, other = next(signal.highest_beside_next(highest, 1, NEAR_FRAMES), (0, 0.0, 0.0))
    lag = top - (WINDOW_FRAMES - 1) - int(starts[-1])
    return float(slopes[steepest[top]]), float(lag), score, other
