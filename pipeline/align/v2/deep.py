"""Search by waveform alone, for music deep in noise: chunks against the whole reference."""

from __future__ import annotations

import numpy as np

from pipeline.align.shared.signal import Array, duration, robust_sigma, spread_max
from pipeline.align.v2.phase import WHOLE, Lock, lock, whole_file
from pipeline.model import Sound

SIGMAS = 6.5
"""Height of a stacked peak that is worth a closer look; chance reaches 5.5."""
FOUND = 8.0
"""Height of the locked line from which it stands."""
CLEAR = 0.8
"""The next place's height relative to the best up to which there is a clear winner."""
MOST = 12
"""Chunks that are stacked."""


def deep_search(dance: Sound, reference: Sound) -> list[Lock]:
    """Lines at the same speed that waveforms agree on, best first; often none."""
    last = max(dance.frames - WHOLE, 0)
    number = min(last // WHOLE + 1, MOST)
    starts = np.rint(np.linspace(0, last, number)).astype(int)
    span = int(starts[-1])
    total = np.zeros(reference.frames + WHOLE + span, np.float32)
    for start in starts:
        curve: Array = np.abs(whole_file(dance, reference, int(start)))
        at = span - int(start)
        total[at : at + len(curve)] += spread_max(curve, 1)
    scale = float(robust_sigma(total)) + 1e-6
    total = np.asarray((total - np.median(total)) / scale, np.float32)
    top = int(total.argmax())
    rest = np.concatenate([total[: max(top - 400, 0)], total[top + 400 :]])
    if rest.max(initial=0.0) > CLEAR * total[top]:
        return []  # shared drums match at every bar; the right place matches alone
    locks: list[Lock] = []
    for _ in range(2):
        place = int(total.argmax())
        if total[place] < SIGMAS:
            break
        offset = (place - WHOLE - span) / dance.rate
        low, high = max(0.0, -offset), min(duration(dance), duration(reference) - offset)
        total[max(place - 800, 0) : place + 800] = 0
        if high - low < 2:
            continue
        line = lock(dance, reference, offset, 1.0, low, high, slack=1e-4)
        if line.height >= FOUND:
            locks.append(line)
    return locks
