"""A placing given by a person, which a method refines instead of searching."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hint:
    """Where a person put the music: ``reference_time = speed * dance_time + offset``."""

    offset: float
    """Seconds."""
    speed: float = 1.0


REACH = 0.3
"""Seconds on either side of a hint within which the methods look for a better place."""
