"""Candidates of the v2 method: long and short chunks of onset bits against the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.align.sounds.correlation import block_spectra, correlated
from pipeline.align.sounds.feature_frames import FeatureFrames, FramedPair, Line
from pipeline.align.sounds.signal import Array, covering, highest_beside_next, spans, totals
from pipeline.align.v2.onset_bits import BANDS, FRAMES_PER_SECOND

CHUNKS_FRAMES = (2000, 500)
"""Frames of the chunks that are tried: 32 s and 8 s."""
SECOND_FRAMES = int(FRAMES_PER_SECOND)
"""Frames of a second, nearly."""
FFT_SIZE = 8192
"""Frames of a block of the reference."""
BATCH_CHUNKS = 8
"""Chunks that are compared at once."""
MAX_PLACES, APART_FRAMES = 4, 12
"""Places of a chunk that are returned; frames: nearer peaks are one place."""
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


def agreement(chunks: Array, reference: FeatureFrames) -> Array:
    """Sums of agreeing less disagreeing bits of chunks ``(chunks, frames, bits)`` at every lag, in
    deviations of chance; see ``correlated``."""
    curves = correlated(chunks, block_spectra(reference, chunks.shape[1], FFT_SIZE))
    used = np.count_nonzero(chunks, axis=(1, 2))[:, None]
    return np.asarray(curves / (CHANCE_RATIO * np.sqrt(used + 1.0)), np.float32)


def guesses(dance: FeatureFrames, reference: FeatureFrames) -> list[Guess]:
    """Likely places of all chunks, best first."""
    found: list[Guess] = []
    for length in sorted({min(size, dance.count) for size in CHUNKS_FRAMES}, reverse=True):
        hop = length // 2 if length > CHUNKS_FRAMES[-1] else length
        starts = covering(dance.count, length, hop, length // 4)
        for low, high in spans(len(starts), BATCH_CHUNKS):
            chunks = np.stack([dance.part(s, s + length) for s in starts[low:high]])
            for start, curve in zip(starts[low:high], agreement(chunks, reference), strict=True):
                for place, score, other in highest_beside_next(curve, MAX_PLACES, APART_FRAMES):
                    lag = place - (length - 1) - start
                    found.append(Guess(lag, start, start + length, score, other))
    return sorted(found, key=lambda g: -g.score)


def chance(_: FramedPair, start: int, stop: int) -> Array:
    """The standard deviation of chance agreement, frame by frame."""
    return np.full(stop - start, CHANCE_RATIO * np.sqrt(BANDS), np.float32)


def along(pair: FramedPair, line: Line) -> Array:
    """Agreement of each frame along a line, in deviations of chance; zeros outside."""
    near = pair.products(line, 0, pair.dance_frames.count, 1)
    mean = (near[0] + 2 * near[1] + near[2]) / 4
    return np.asarray(mean / (CHANCE_RATIO * np.sqrt(BANDS)), np.float32)


def by_second(values: Array) -> Array:
    """Sums over seconds, in deviations of chance."""
    return np.asarray(totals(values, SECOND_FRAMES) / np.sqrt(SECOND_FRAMES), np.float32)
