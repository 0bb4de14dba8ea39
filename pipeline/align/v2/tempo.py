"""Speed search of the v2 method: one chunk of onset bits at every speed of a fine grid, and in
other keys at the same speed.

The chunk is short enough (16 s) to bear the error of half a step; what the grid leaves,
the line is fitted for afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import fft

from pipeline.align.shared import signal
from pipeline.align.shared.signal import Array
from pipeline.align.shared.speeds import (
    CLEAR_SHARE,
    SEMITONES,
    SpeedPeak,
    at_speed,
    block_spectra,
    distinct,
)
from pipeline.align.v2.onset_bits import bank, bits_of
from pipeline.model import Sound

SLOWEST, FASTEST, SPEED_STEP = 0.685, 1.44, 0.005
"""Speeds that are tried, and the relative distance of two of them."""
FRAMES_PER_SECOND = 31.25
"""Frames a second of the reference's clock."""
FRAME_SECONDS = 0.128
"""Length of a frame."""
BANDS, HIGH_HZ = 24, 3300.0
"""Bits a frame, and the highest band on the reference."""
CHUNK_SECONDS, LONGER_RATIO = 16.0, 1.2
"""Seconds of the dance that are tried, and how much longer a whole dance may be."""
FFT_SIZE = 2048
"""Frames of a block of the reference."""
CHANCE_RATIO = 1.7
"""How much wider chance agreement is than that of independent bits."""
SURE_SIGMAS = 7.0
"""Deviations of chance from which no other chunk is tried."""
SAME_PLACE_FRAMES = 10
"""Frames: a peak this near to the best one is the same place."""
NEIGHBOUR_STEPS = 4
"""Steps of the grid within which two speeds are one."""
BLOCK_FRAMES = 4000
"""Frames that are measured at once, which bounds the memory."""
MAX_CHUNKS, MAX_PEAKS_A_CHUNK, MAX_PEAKS = 3, 4, 6
"""Chunks that are tried, speeds that each may name, and speeds that are returned."""

Trial = tuple[float, bool, int]
"""Speed, whether the pitch moved with it, and semitones beside that."""


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
        tenths = np.array_split(np.square(part), 32)
        levels.append(float(np.mean([10 * np.log10(float(t.mean()) + 1e-10) for t in tenths])))
    order = np.argsort(np.array(levels) - 3 * np.abs(np.linspace(-1, 1, number)))[::-1]
    return [(float(starts[i]), float(starts[i] + CHUNK_SECONDS)) for i in order[:MAX_CHUNKS]]


def search_speed(dance: Sound, reference: Sound) -> list[SpeedPeak]:
    """The best places at the best speeds, best first."""
    speeds = np.exp(np.arange(np.log(SLOWEST), np.log(FASTEST), SPEED_STEP))
    return _search(
        dance, reference, [(float(s), moved, 0) for s in speeds for moved in (False, True)]
    )


def search_key(dance: Sound, reference: Sound) -> SpeedPeak:
    """The best place in the best other key at the same speed."""
    return _search(dance, reference, [(1.0, False, key) for key in SEMITONES])[0]


def _search(dance: Sound, reference: Sound, trials: Sequence[Trial]) -> list[SpeedPeak]:
    """The best places at some speeds and keys, best first."""
    longest = int(CHUNK_SECONDS * LONGER_RATIO * FASTEST * FRAMES_PER_SECOND) + 2
    count = signal.frame_count(reference, FRAMES_PER_SECOND)
    size = signal.frame_size(reference.rate, FRAME_SECONDS)
    parts = [
        log_bands(signal.power_frames(reference, a, b - a, size, FRAMES_PER_SECOND), reference.rate)
        for a, b in signal.spans(count, BLOCK_FRAMES)
    ]
    blocks, step = block_spectra(bits_of(np.concatenate(parts)), longest, FFT_SIZE)
    fine = 2 * FRAMES_PER_SECOND
    best: list[SpeedPeak] = []
    for start, stop in loud_chunks(dance):
        first, frames = round(start * fine), max(int((stop - start) * fine), 4)
        power = signal.power_frames(
            dance, first, frames, signal.frame_size(dance.rate, FRAME_SECONDS), fine
        )
        kept = log_bands(power, dance.rate)
        found = []
        for speed, moved, key in trials:
            pitch = (speed if moved else 1.0) * 2 ** (key / 12)
            logs = kept if pitch == 1.0 else log_bands(power, dance.rate, pitch)
            values = bits_of(at_speed(logs, speed))[:longest]
            spectrum = np.conj(fft.rfft(values.T, FFT_SIZE, axis=1))
            curves = fft.irfft((blocks * spectrum).sum(axis=1), FFT_SIZE, axis=1)[:, :step]
            curve = curves.reshape(-1)[: count + longest - 1]
            curve = curve / (CHANCE_RATIO * np.sqrt(np.count_nonzero(values) + 1.0))
            top = int(curve.argmax())
            height = float(curve[top])
            curve[max(top - SAME_PLACE_FRAMES, 0) : top + SAME_PLACE_FRAMES + 1] = 0
            offset = (top - (longest - 1)) / FRAMES_PER_SECOND - speed * first / fine
            other = float(curve.max(initial=0.0))
            found.append(SpeedPeak(speed, moved, key, offset, start, stop, height, other))
        best += distinct(found, NEIGHBOUR_STEPS * SPEED_STEP, MAX_PEAKS_A_CHUNK)
        best.sort(key=lambda peak: -peak.score)
        if best[0].score >= SURE_SIGMAS and best[0].next_score < CLEAR_SHARE * best[0].score:
            break
    return best[:MAX_PEAKS]
