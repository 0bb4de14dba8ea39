"""Other speeds and keys: which are tried, a dance's frames at another speed, the best of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.align.sounds.signal import Array

CLEAR_SHARE = 0.9
"""The least share of its best rival's score with which a speed is looked at."""


@dataclass(frozen=True)
class Trial:
    """A speed and key that is tried."""

    speed: float
    """``reference_time = speed * dance_time + offset``."""
    moved: bool
    """Whether the pitch moved with the speed (as a record player's does)."""
    key: int
    """Semitones by which the dance sounds higher, whatever the speed."""

    @property
    def pitch(self) -> float:
        """How much higher the dance sounds, as a ratio of frequencies."""
        return float((self.speed if self.moved else 1.0) * 2 ** (self.key / 12))


KEYS = tuple(Trial(1.0, False, key) for key in (*range(-6, 0), *range(1, 7)))
"""Keys that are looked for, relative to the reference's: all there are, at its speed."""


@dataclass(frozen=True)
class SpeedPeak(Trial):
    """A speed and key at which a stretch of the dance fits somewhere in the reference."""

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


def moved_and_kept(speeds: Iterable[float]) -> list[Trial]:
    """Each speed with the pitch moved, and with the pitch kept."""
    return [Trial(float(speed), moved, 0) for speed in speeds for moved in (False, True)]


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
