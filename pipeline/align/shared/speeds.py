"""Other speeds and keys: which are tried, a dance's frames at another speed, the best of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.align.shared.signal import Array, Complex

SEMITONES = (-6, -5, -4, -3, -2, -1, 1, 2, 3, 4, 5, 6)
"""Keys that are looked for, relative to the reference's: all there are."""
CLEAR_SHARE = 0.9
"""The least share of its best rival's score with which a speed is looked at."""


@dataclass(frozen=True)
class SpeedPeak:
    """A speed and key at which a stretch of the dance fits somewhere in the reference."""

    speed: float
    """``reference_time = speed * dance_time + offset``."""
    moved: bool
    """Whether the pitch moved with the speed (as a record player's does)."""
    key: int
    """Semitones by which the dance sounds higher, whatever the speed."""
    offset: float
    """Seconds."""
    start: float
    """Seconds of the dance at which the stretch starts."""
    stop: float
    score: float
    """Standard deviations of chance."""
    next_score: float
    """Best score of another place."""

    def stands_out(self, least: float) -> bool:
        """Whether the score is worth a closer look."""
        return self.score >= max(least, CLEAR_SHARE * self.next_score)


def distinct(peaks: Iterable[SpeedPeak], apart: float, most: int) -> list[SpeedPeak]:
    """At most so many peaks, best first, without the neighbours of better ones (``apart``: the
    least relative distance of two speeds)."""
    chosen: list[SpeedPeak] = []
    for peak in sorted(peaks, key=lambda p: -p.score):
        if all(abs(np.log(peak.speed / other.speed)) > apart for other in chosen):
            chosen.append(peak)
    return chosen[:most]


def at_speed(bands: Array, speed: float) -> Array:
    """Frames at twice the features' rate put on the reference's clock, at the features' rate."""
    position = np.arange(int(len(bands) * speed / 2)) * (2 / speed)
    low = np.minimum(position.astype(np.int64), len(bands) - 2)
    part = (position - low).astype(np.float32)[:, None]
    return np.asarray(bands[low] * (1 - part) + bands[low + 1] * part, np.float32)


def block_spectra(values: NDArray[Any], longest: int, size: int) -> tuple[Complex, int]:
    """Spectra ``(blocks, features, bins)`` of overlapping blocks of ``size`` frames, and their
    step: for windows of at most ``longest`` frames, by overlap-save."""
    step = size - longest + 1
    padded = np.pad(values.astype(np.float32), ((longest - 1, size), (0, 0)))
    starts = range(0, len(values) + longest - 1, step)
    return np.stack([fft.rfft(padded[s : s + size].T, axis=1) for s in starts]), step
