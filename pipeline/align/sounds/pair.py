"""Two sounds, the map between them, and the room between them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.align.sounds.signal import Complex, duration, read_warped
from pipeline.model import LineMap, Samples, Segment, Sound


@dataclass(frozen=True)
class Pair:
    """A dance and a reference on one map."""

    dance: Sound
    reference: Sound
    line: LineMap

    @property
    def rate(self) -> int:
        """The dance's samples a second."""
        return self.dance.rate

    def overlap(self) -> tuple[float, float]:
        """The dance times (seconds) between which both files have sound."""
        return self.line.overlap(duration(self.dance), duration(self.reference))

    def clipped(self, segment: Segment) -> Segment:
        """A segment within what the line can cover."""
        low, high = self.overlap()
        start, stop = max(segment.dance_start, low), min(segment.dance_end, high)
        return replace(segment, dance_start=float(start), dance_end=float(stop))

    def read(self, first: int, count: int) -> tuple[Samples, Samples]:
        """``count`` samples of the dance from sample ``first`` on, and of the reference at the
        same moments."""
        begin = self.line.speed * first / self.rate + self.line.offset
        other = read_warped(self.reference, begin, self.line.speed / self.rate, count)
        return self.dance.read(first, first + count), other


def transfer(here: Complex, there: Complex, quiet: float = 0.0) -> Complex:
    """The transfer function between spectra ``(frames, bins)`` (H1; Bendat and Piersol, "Random
    Data", chapter 6), each frame weighing alike, but for those with less than about ``quiet`` of
    the mean power."""
    power = np.square(np.abs(here)).sum(axis=1, keepdims=True)
    weight = 1 / (power + quiet * power.mean() + 1e-12)
    cross = (here * np.conj(there) * weight).sum(axis=0)
    auto = (np.square(np.abs(there)) * weight).sum(axis=0)
    result: Complex = cross / (auto + 0.01 * auto.mean() + 1e-12)
    return result
