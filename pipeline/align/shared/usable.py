"""Whether a dance's sound can be aligned at all, and if not, what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline import reasons
from pipeline.align.sounds.signal import duration, spans
from pipeline.model import Sound

SHORTEST_SECONDS = 1.5
"""Seconds of sound below which there is nothing to align."""
SILENT_DB = -78.0
"""Mean level below which a second is silent (16-bit noise lies near -98 dB)."""


@dataclass(frozen=True)
class Fault:
    """Why the sound of a file cannot be used."""

    reason: str
    """A code of ``pipeline.reasons``."""
    detail: str
    """English: what was looked at and why it does not serve."""


def fault_of(dance: Sound) -> Fault | None:
    """What its levels second by second say against a sound; no reference is needed."""
    length = duration(dance)
    if length < SHORTEST_SECONDS:
        text = f"only {length:.1f} s of sound; at least {SHORTEST_SECONDS} s of music are needed"
        return Fault(reasons.TOO_SHORT, text)
    whole = [
        span for span in spans(dance.frames, dance.rate) if span[1] - span[0] >= dance.rate // 2
    ]
    powers = np.array([np.var(dance.read(*span)) for span in whole])
    level = 10 * np.log10(powers + 1e-12)
    loud = np.count_nonzero(level > SILENT_DB)
    if loud >= SHORTEST_SECONDS:
        return None
    text = (
        f"{loud} of {length:.0f} s have any sound: the loudest has "
        f"{level.max(initial=-120.0):.0f} dB of full scale; the microphone was muted or off"
    )
    return Fault(reasons.SILENT, text)
