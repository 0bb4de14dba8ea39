"""A sound in memory, for benchmarks and for the tests of the alignment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.model import Samples
from pipeline.sound.decode import RATE_HZ


@dataclass(frozen=True)
class HeldSound:
    """Samples in memory, as a ``Sound``."""

    samples: Samples
    rate: int = RATE_HZ

    @property
    def frames(self) -> int:
        """How many samples there are."""
        return len(self.samples)

    def read(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``, zeros outside."""
        result = np.zeros(max(0, stop - start), dtype=np.float32)
        first, last = max(0, start), min(self.frames, stop)
        if last > first:
            result[first - start : last - start] = self.samples[first:last]
        return result
