"""Speed search of the v2 method: one chunk of onset bits at every speed of a fine grid, and in
other keys at the same speed.

The chunk is short enough (16 s) to bear the error of half a step; what the grid leaves,
the line is fitted for afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import fft

from pipeline.align.shared.signal import (
    Array,
    Complex,
    duration,
    frame_count,
    frame_size,
    power_frames,
    spans,
    triangles,
)
from pipeline.model import Sound

SLOWEST, FASTEST, STEP = 0.685, 1.44, 0.005
PER_SECOND = 31.25
BANDS = 24
LOWEST, HIGHEST = 120.0, 3300.0
CHUNK = 16.0
"""Seconds of the dance."""
FFT_SIZE = 2048
WIDE = 1.7
SURE = 7.0
"""Deviations of chance from which no other chunk is tried."""
KEYS = (-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6)
"""Semitones by which the dance may sound higher than the reference: karaoke machines have these."""


@dataclass(frozen=True)
class Tempo:
    """A speed and where the chunk lies at it: ``reference = speed * dance + offset``."""

    speed: float
    moved: bool
    """Whether the pitch moved with the speed."""
    offset: float
    start: float
    stop: float
    """Seconds of the chunk in the dance."""
    score: float
    next_score: float
    key: int = 0
    """Semitones by which the pitch is higher whatever the speed."""


def log_bands(sound: Sound, start: float, stop: float, per_second: float, pitch: float) -> Array:
    """Logarithmic band powers of a stretch, ``(frames, BANDS + 1)``."""
    size = frame_size(sound.rate, 0.128)
    edges = np.geomspace(LOWEST, HIGHEST, BANDS + 3) * pitch
    bank = triangles(edges, size, sound.rate)
    first = round(start * per_second)
    count = max(int((stop - start) * per_second), 4)
    parts = [
        power_frames(sound, first + a, b - a, size, per_second) @ bank
        for a, b in spans(count, 4000)
    ]
    return np.log(np.concatenate(parts) + 1e-9)


def bits(logs: Array) -> Array:
    """The sign of how a band rises against its neighbour, -1, 0 or 1."""
    slope = logs[:, 1:] - logs[:, :-1]
    result = np.zeros_like(slope)
    result[1:-1] = np.sign(slope[2:] - slope[:-2])
    return result


def blocks_of(reference: Sound, longest: int) -> tuple[Complex, int, int]:
    """Spectra ``(blocks, bands, bins)`` of the reference's bits; step; frames."""
    count = frame_count(reference, PER_SECOND)
    values = bits(log_bands(reference, 0.0, count / PER_SECOND + 1e-6, PER_SECOND, 1.0))
    step = FFT_SIZE - longest + 1
    blocks = []
    for start in range(-(longest - 1), count, step):
        block = np.zeros((FFT_SIZE, BANDS), np.float32)
        low, high = max(start, 0), min(start + FFT_SIZE, len(values))
        block[low - start : high - start] = values[low:high]
        blocks.append(fft.rfft(block.T, axis=1))
    return np.stack(blocks), step, count


def loud_chunks(dance: Sound) -> list[tuple[float, float]]:
    """Up to three chunks to try: middle, and the louder ones of the rest."""
    length = duration(dance)
    if length <= CHUNK * 1.2:
        return [(0.0, length)]
    starts = np.linspace(0, length - CHUNK, max(3, min(int(length // CHUNK) + 1, 12)))
    levels = []
    for start in starts:
        part = dance.read(round(start * dance.rate), round((start + CHUNK) * dance.rate))
        tenths = np.array_split(np.square(part), 32)
        levels.append(float(np.mean([10 * np.log10(float(t.mean()) + 1e-10) for t in tenths])))
    order = np.argsort(np.array(levels) - 3 * np.abs(np.linspace(-1, 1, len(starts))))[::-1]
    return [(float(starts[i]), float(starts[i] + CHUNK)) for i in order[:3]]


def search_tempo(dance: Sound, reference: Sound) -> list[Tempo]:
    """The best places at the best speeds, best first."""
    speeds = np.exp(np.arange(np.log(SLOWEST), np.log(FASTEST), STEP))
    return _search(
        dance, reference, [(float(s), moved, 0) for s in speeds for moved in (False, True)]
    )


def search_key(dance: Sound, reference: Sound) -> list[Tempo]:
    """The best places in other keys at the same speed, best first; of each chunk its best key."""
    return _search(dance, reference, [(1.0, False, key) for key in KEYS])


def _search(
    dance: Sound, reference: Sound, trials: Sequence[tuple[float, bool, int]]
) -> list[Tempo]:
    """The best places at some speeds, best first: each with whether the pitch moved, and the
    key."""
    longest = int(CHUNK * 1.2 * FASTEST * PER_SECOND) + 2
    blocks, step, count = blocks_of(reference, longest)
    best: list[Tempo] = []
    for start, stop in loud_chunks(dance):
        best += _try_chunk(dance, start, stop, trials, blocks, step, count, longest)
        best.sort(key=lambda t: -t.score)
        if best and best[0].score >= SURE and best[0].next_score < 0.9 * best[0].score:
            break
    return best[:6]


def _try_chunk(
    dance: Sound,
    start: float,
    stop: float,
    trials: Sequence[tuple[float, bool, int]],
    blocks: Complex,
    step: int,
    count: int,
    longest: int,
) -> list[Tempo]:
    """The best place of one chunk at each speed, the best of them without neighbours."""
    fine = PER_SECOND * 2
    kept = log_bands(dance, start, stop, fine, 1.0)
    size = frame_size(dance.rate, 0.128)
    first = round(start * fine)
    power = power_frames(dance, first, len(kept), size, fine)
    found: list[Tempo] = []
    for speed, moved, key in trials:
        pitch = (speed if moved else 1.0) * 2 ** (key / 12)
        logs = kept
        if pitch != 1.0:
            edges = np.geomspace(LOWEST, HIGHEST, BANDS + 3) * pitch
            logs = np.log(power @ triangles(edges, size, dance.rate) + 1e-9)
        position = np.arange(int(len(logs) * speed / 2)) * (2 / speed)
        low = np.minimum(position.astype(np.int64), len(logs) - 2)
        part = (position - low).astype(np.float32)[:, None]
        values = bits(logs[low] * (1 - part) + logs[low + 1] * part)[:longest]
        spectrum = np.conj(fft.rfft(values.T, FFT_SIZE, axis=1))
        curves = fft.irfft((blocks * spectrum).sum(axis=1), FFT_SIZE, axis=1)[:, :step]
        curve = curves.reshape(-1)[: count + longest - 1]
        curve = curve / (WIDE * np.sqrt(np.count_nonzero(values) + 1.0))
        top = int(curve.argmax())
        rest = np.concatenate([curve[: max(top - 10, 0)], curve[top + 11 :]])
        lag = (top - (longest - 1)) / PER_SECOND
        height, other = float(curve[top]), float(rest.max(initial=0.0))
        offset = lag - speed * first / fine
        found.append(Tempo(speed, moved, offset, start, stop, height, other, key))
    chosen: list[Tempo] = []
    for tempo in sorted(found, key=lambda t: -t.score):
        if all(abs(np.log(tempo.speed / c.speed)) > 4 * STEP for c in chosen):
            chosen.append(tempo)
    return chosen[:4]
