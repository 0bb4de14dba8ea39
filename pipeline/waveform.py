"""What is drawn of a sound: its largest and smallest sample in each of a few hundred columns."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from pipeline.model import Sound

COLUMNS = 800


@dataclass(frozen=True)
class Peaks:
    """A waveform for drawing."""

    duration: float
    """Seconds."""
    low: tuple[float, ...]
    """The smallest sample of each column, -1 to 0."""
    high: tuple[float, ...]
    """The largest sample of each column, 0 to 1."""


def peaks(sound: Sound, *, columns: int = COLUMNS) -> Peaks:
    """The extremes of ``sound`` in ``columns`` equal stretches, rounded to three decimals.

    Reads one column at a time, so that memory does not grow with length.
    """
    edges = np.linspace(0, sound.frames, columns + 1).round().astype(np.int64)
    low: list[float] = []
    high: list[float] = []
    for start, stop in pairwise(edges):
        window = sound.read(int(start), int(stop))
        low.append(round(min(0.0, float(window.min(initial=0.0))), 3))
        high.append(round(max(0.0, float(window.max(initial=0.0))), 3))
    return Peaks(sound.frames / sound.rate, tuple(low), tuple(high))
