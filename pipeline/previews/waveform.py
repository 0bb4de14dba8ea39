"""Waveforms for drawing: a sound's extremes in a few hundred columns, or in fine ones to zoom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.model import Sound

PEAK_COLUMNS = 800
"""How many columns ``peaks`` makes."""
COLUMN_SECONDS = 0.01
"""Of an envelope: a drum's stroke is seen to the hundredth of a second."""
MAX_COLUMNS = 360_000
"""Of an envelope: an hour at ``COLUMN_SECONDS``; longer sounds are drawn more coarsely."""
BLOCK_SAMPLES = 1 << 20
"""How much is read at a time for an envelope."""


@dataclass(frozen=True)
class Peaks:
    """A waveform for drawing."""

    duration: float
    """Seconds."""
    low: tuple[float, ...]
    """The smallest sample of each column, -1 to 0."""
    high: tuple[float, ...]
    """The largest sample of each column, 0 to 1."""


def peaks(sound: Sound, *, columns: int = PEAK_COLUMNS) -> Peaks:
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


@dataclass(frozen=True)
class Envelope:
    """How loud a sound is from moment to moment: for a drawing that is zoomed into."""

    duration: float
    """Seconds."""
    step: float
    """Seconds of one column."""
    levels: bytes
    """The largest magnitude in each column, 255 for the loudest of the whole sound."""


def peak_envelope(
    sound: Sound, *, step: float = COLUMN_SECONDS, limit: int = MAX_COLUMNS
) -> Envelope:
    """The peak envelope of ``sound`` in columns of ``step`` seconds.

    A sound that would need more than ``limit`` columns gets wider ones, so that neither the
    answer nor the memory (one block of columns) grows with length.
    """
    hop = max(1, round(step * sound.rate), math.ceil(sound.frames / limit))
    block = hop * max(1, BLOCK_SAMPLES // hop)
    found: list[NDArray[np.float32]] = []
    for start in range(0, sound.frames, block):
        window = np.abs(sound.read(start, min(start + block, sound.frames)))
        found.append(np.maximum.reduceat(window, np.arange(0, len(window), hop)))
    largest = np.concatenate(found) if found else np.zeros(0, dtype=np.float32)
    loudest = max(float(largest.max(initial=0.0)), 1e-9)
    levels = np.round(largest * (255 / loudest)).astype(np.uint8).tobytes()
    return Envelope(sound.frames / sound.rate, hop / sound.rate, levels)
