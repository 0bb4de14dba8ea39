"""Refining a person's placing by onset bits: only within the hint's reach."""

from __future__ import annotations

import numpy as np

from pipeline.align.shared.hint import REACH, Hint
from pipeline.align.v2.onset_bits import PER_SECOND, Bits, extract
from pipeline.align.v2.search import along, by_second
from pipeline.align.v2.tempo import KEYS
from pipeline.model import Sound

SIGMAS = 5.5
"""Agreement over chance from which there is something to refine by."""


def best_lag(dance: Bits, reference: Bits, offset: float) -> tuple[float, float]:
    """The lag (frames) within reach at which most bits agree, and how far above chance."""
    reach = int(REACH * PER_SECOND)
    best = (0.0, 0.0)
    for step in range(-reach, reach + 1):
        lag = offset * PER_SECOND + step
        seconds = by_second(along(dance, reference, lag, 0.0))
        used = np.count_nonzero(seconds)
        score = float(seconds.sum() / np.sqrt(used)) if used else 0.0
        if score > best[1]:
            best = (lag, score)
    return best


def near(dance: Sound, listening: Bits, hint: Hint) -> tuple[Bits, float | None]:
    """Bits at the hint's speed, and the best lag within its reach; None when nothing fits."""
    pitches = [1.0] if abs(hint.speed - 1) < 2e-3 else [hint.speed, 1.0]
    for tries in (pitches, [2 ** (key / 12) for key in KEYS]):
        heard = (extract(dance, hint.speed, pitch) for pitch in tries)
        found = [(best_lag(bits, listening, hint.offset), bits) for bits in heard]
        (lag, score), bits = max(found, key=lambda item: item[0][1])
        if score >= SIGMAS:
            return bits, lag
    return bits, None
