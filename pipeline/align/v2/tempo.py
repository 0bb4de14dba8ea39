"""Speed search of the v2 method: a chunk of onset bits at every speed of a fine grid, and in other
keys at the same speed; the next chunk, where the first is not sure.

A chunk is short enough (16 s) to bear the error of half a step; what the grid leaves, the line is
fitted for afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np

from pipeline.align.sounds import signal
from pipeline.align.sounds.correlation import block_spectra, correlated
from pipeline.align.sounds.feature_frames import FeatureFrames
from pipeline.align.sounds.signal import Array, highest_beside_next
from pipeline.align.sounds.speeds import CLEAR_SHARE, SpeedPeak, Trial, at_speed, distinct
from pipeline.align.v2.onset_bits import bank, bits_of
from pipeline.align.v2.search import CHANCE_RATIO
from pipeline.model import Sound

SLOWEST, FASTEST, SPEED_STEP = 0.685, 1.44, 0.005
"""Speeds that are tried, and the relative distance of two of them."""
SPEEDS = np.exp(np.arange(np.log(SLOWEST), np.log(FASTEST), SPEED_STEP))
"""Speeds that are tried, ascending."""
FRAMES_PER_SECOND = 31.25
"""Frames a second of the reference's clock: half as many as the bits of ``onset_bits``."""
FRAME_SECONDS = 0.128
"""Length of a frame."""
BANDS, HIGH_HZ = 24, 3300.0
"""Bits a frame, and the highest band on the reference."""
CHUNK_SECONDS, LONGER_RATIO = 16.0, 1.2
"""Seconds of the dance that are tried, and how much longer a whole dance may be."""
FFT_SIZE = 2048
"""Frames of a block of the reference."""
SURE_SIGMAS = 7.0
"""Deviations of chance from which no other chunk is tried."""
SAME_PLACE_FRAMES = 10
"""Frames: a peak this near to the best one is the same place."""
NEIGHBOUR_STEPS = 4
"""Steps of the grid within which two speeds are one."""
MAX_CHUNKS, MAX_PEAKS_A_CHUNK, MAX_PEAKS = 3, 4, 6
"""Chunks that are tried, speeds that each may name, and speeds that are returned."""


def log_bands(power: Array, rate: int, pitch: float = 1.0) -> Array:
    """Logarithmic band powers, ``(frames, BANDS + 1)``, the bands moved by ``pitch``."""
    size = signal.frame_size(rate, FRAME_SECONDS)
    logs: Array = np.log(power @ bank(size, rate, pitch, BANDS, HIGH_HZ) + 1e-9)
    return logs


def loud_chunks(dance: Sound) -> list[tuple[float, float]]:
    """Up to three chunks to try: middle, and the louder ones of the rest."""
    length = signal.duration(dance)
    if length <= CHUNK_SECONDS * LONGER_RATIO:
        return [(0.0, length)]
    number = max(3, min(int(length // CHUNK_SECONDS) + 1, 12))
    starts = np.linspace(0, length - CHUNK_SECONDS, number)
    levels = []
    for start in starts:
        part = dance.read(round(start * dance.rate), round((start + CHUNK_SECONDS) * dance.rate))
        powers = [float(piece.mean()) for piece in np.array_split(np.square(part), 32)]
        levels.append(float(np.mean([10 * np.log10(power + 1e-10) for power in powers])))
    order = np.argsort(np.array(levels) - 3 * np.abs(np.linspace(-1, 1, number)))[::-1]
    return [(float(starts[i]), float(starts[i] + CHUNK_SECONDS)) for i in order[:MAX_CHUNKS]]


def search(dance: Sound, reference: Sound, trials: Sequence[Trial]) -> list[SpeedPeak]:
    """The best places at the best of the speeds and keys that are tried, best first."""
    longest = int(CHUNK_SECONDS * LONGER_RATIO * FASTEST * FRAMES_PER_SECOND) + 2
    size = signal.frame_size(reference.rate, FRAME_SECONDS)
    blocks = signal.power_blocks(reference, FRAMES_PER_SECOND, size)
    bits = bits_of(np.concatenate([log_bands(power, reference.rate) for _, power, _ in blocks]))
    spectra = block_spectra(FeatureFrames(bits), longest, FFT_SIZE).kept()
    fine, size = 2 * FRAMES_PER_SECOND, signal.frame_size(dance.rate, FRAME_SECONDS)
    best: list[SpeedPeak] = []
    for start, stop in loud_chunks(dance):
        first, frames = round(start * fine), max(int((stop - start) * fine), 4)
        power = signal.power_frames(dance, first, frames, size, fine)
        logs = lru_cache(2)(partial(log_bands, power, dance.rate))
        found = []
        for trial in trials:
            values = bits_of(at_speed(logs(trial.pitch), trial.speed))[:longest]
            curve = correlated(values.astype(np.float32)[None], spectra)[0]
            curve /= CHANCE_RATIO * np.sqrt(np.count_nonzero(values) + 1.0)
            for top, score, other in highest_beside_next(curve, 1, SAME_PLACE_FRAMES):
                offset = (top - (longest - 1)) / FRAMES_PER_SECOND - trial.speed * first / fine
                place = offset, start, stop, score, other
                found.append(SpeedPeak(trial.speed, trial.moved, trial.key, *place))
        best += distinct(found, NEIGHBOUR_STEPS * SPEED_STEP, MAX_PEAKS_A_CHUNK)
        best.sort(key=lambda peak: -peak.score)
        if best and best[0].score >= max(SURE_SIGMAS, best[0].next_score / CLEAR_SHARE):
            break
    return best[:MAX_PEAKS]
