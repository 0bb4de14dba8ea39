"""Two sounds and the map between them."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.align.sounds.signal import duration, read_warped
from pipeline.model import LineMap, Samples, Sound


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

    def read(self, first: int, count: int) -> tuple[Samples, Samples]:
        """``count`` samples of the dance from sample ``first`` on, and of the reference at the
        same moments."""
        begin = self.line.speed * first / self.rate + self.line.offset
        other = read_warped(self.reference, begin, self.line.speed / self.rate, count)
        return self.dance.read(first, first + count), other
