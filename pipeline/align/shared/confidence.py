"""How evidence becomes confidence: the curves whose constants the methods state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_CONFIDENCE = 0.995
"""What 222 and 232 right answers in a row, those at 0.9 and more, are worth
(``python -m benchmarks.rules.calibrate``)."""


@dataclass(frozen=True)
class Logistic:
    """``1 / (1 + exp(-slope * (evidence - middle)))``."""

    middle: float
    """The evidence of answers that are right as often as wrong."""
    slope: float
    """Log odds of being right a unit of evidence."""

    def at(self, evidence: float) -> float:
        """The confidence of some evidence."""
        return float(1 / (1 + np.exp(-(evidence - self.middle) * self.slope)))


@dataclass(frozen=True)
class Ramp:
    """A straight line between two points, and level outside of them."""

    evidence: tuple[float, float]
    """Of the two points, ascending."""
    confidence: tuple[float, float]
    """At the two points."""

    def at(self, evidence: float) -> float:
        """The confidence of some evidence."""
        return float(np.interp(evidence, self.evidence, self.confidence))
