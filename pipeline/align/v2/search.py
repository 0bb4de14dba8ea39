"""Candidates of the v2 method: long and short chunks of onset bits against the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from pipeline.align.shared.feature_frames import FeatureFrames
from pipeline.align.shared.signal import Array, highest_places, spans
from pipeline.align.v2.onset_bits import BANDS, FRAMES_PER_SECOND

CHUNKS_FRAMES = (2000, 500)
"""Frames of the chunks that are tried: 32 s and 8 s."""
FFT_SIZE = 8192
"""Frames of a block of the reference."""
APART_FRAMES = 12
"""Frames: nearer peaks are one place."""
CHANCE_RATIO = 1.7
"""How much wider chance agreement is than that of independent bits."""


@dataclass(frozen=True)
class Guess:
    """A place for a chunk of the dance: ``reference_frame = dance_frame + lag``."""

    lag: float
    start: int
    stop: int
    score: float
    """Standard deviations of chance."""
    next_score: float


def agreement(chunk: Array, reference: FeatureFrames) -> Array:
    """Sum of agreeing less disagreeing bits at every lag, in deviations of chance.

    Column ``k`` is the reference's frame ``k - (len(chunk) - 1)`` for the chunk's first.
    Overlap-save: the chunk's spectrum is made once, the reference is read in blocks.
    """
    length = len(chunk)
    size = FFT_SIZE if length * 2 <= FFT_SIZE else fft.next_fast_len(4 * length, real=True)
    step = size - length + 1
    total = reference.count + length - 1
    spectrum = np.conj(fft.rfft(chunk.T, size, axis=1))
    result = np.empty(total, np.float32)
    for start, stop in spans(total, step):
        block = reference.part(start - length + 1, start - length + 1 + size)
        transformed = fft.rfft(np.ascontiguousarray(block.T), axis=1)
        curve = fft.irfft((transformed * spectrum).sum(axis=0), size)
        result[start:stop] = curve[: stop - start]
    return result / np.float32(CHANCE_RATIO * np.sqrt(np.count_nonzero(chunk) + 1.0))


def chunk_starts(count: int, length: int) -> list[int]:
    """First frames of chunks that cover ``count`` frames, half over each other when long."""
    hop = length // 2 if length > CHUNKS_FRAMES[-1] else length
    starts = list(range(0, max(count - length, 0) + 1, hop))
    if count - (starts[-1] + length) > length // 4:
        starts.append(count - length)
    return starts


def guesses(dance: FeatureFrames, reference: FeatureFrames, *, keep: int = 4) -> list[Guess]:
    """Likely places of all chunks, best first."""
    found: list[Guess] = []
    for size in CHUNKS_FRAMES:
        length = min(size, dance.count)
        if size != CHUNKS_FRAMES[0] and length == dance.count:
            continue
        for start in chunk_starts(dance.count, length):
            curve = agreement(dance.part(start, start + length), reference)
            places = highest_places(curve, keep + 1, APART_FRAMES)
            heights = [float(curve[p]) for p in places]
            for rank, place in enumerate(places[:keep]):
                other = heights[1 if rank == 0 else 0] if len(heights) > 1 else 0.0
                lag = place - (length - 1) - start
                found.append(Guess(lag, start, start + length, heights[rank], other))
    return sorted(found, key=lambda g: -g.score)


def along(dance: FeatureFrames, reference: FeatureFrames, lag: float, drift: float) -> Array:
    """Agreement of each frame along a line, in deviations of chance; zeros outside."""
    result = np.zeros(dance.count, np.float32)
    for start, stop in spans(dance.count, 8192):
        frames = np.arange(start, stop)
        at = np.rint(frames * (1 + drift) + lag).astype(np.int64)
        block = reference.part(int(at[0]) - 1, int(at[-1]) + 2)
        own = dance.part(start, stop)
        near = [np.einsum("tb,tb->t", own, block[at - at[0] + k]) for k in (0, 1, 2)]
        result[start:stop] = (near[0] + 2 * near[1] + near[2]) / 4
    return result / np.float32(CHANCE_RATIO * np.sqrt(BANDS))


def by_second(values: Array) -> Array:
    """Sums over seconds, in deviations of chance."""
    size = int(FRAMES_PER_SECOND)
    count = -(-len(values) // size)
    padded = np.zeros(count * size, np.float32)
    padded[: len(values)] = values
    return np.asarray(padded.reshape(count, size).sum(axis=1) / np.sqrt(size), np.float32)
