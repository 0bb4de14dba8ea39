"""A dance with music of its own, and a song to put under it, for the tests of rendering."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.model import Segment
from pipeline.plan.options import RenderOptions

OFFSET = 2.0
SECONDS = 8.0
WHOLE = Segment(0.0, SECONDS, OFFSET)
PLAIN = RenderOptions(loudness=False)


def level(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def shares_of(heard: NDArray[np.float32], *parts: NDArray[np.float32]) -> tuple[float, ...]:
    """With which gains ``parts`` are in ``heard`` (joint least squares)."""
    size = min(len(heard), *(len(part) for part in parts))
    columns = np.stack([part[:size].astype(float) for part in parts], axis=1)
    found, *_ = np.linalg.lstsq(columns, heard[:size].astype(float), rcond=None)
    return tuple(float(value) for value in found)
