"""Features of one sound, frame by frame on the reference's clock; what they are is the methods'."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.align.shared.pair import Pair
from pipeline.align.shared.signal import Array
from pipeline.model import LineMap, Sound

SAME_PITCH_RATIO = 2e-3
"""Relative difference of two speeds or pitches up to which they are one."""


@dataclass(frozen=True)
class FeatureFrames:
    """Feature frames: frame ``i`` is centred on ``i / (frames_per_second * speed)`` seconds."""

    values: NDArray[np.int8]
    """``(frames, features)``, in steps of ``step``."""
    speed: float = 1.0
    """How much faster the reference runs than this sound's clock."""
    pitch: float = 1.0
    """How much higher this sound's music is than the reference's, as a ratio of frequencies."""
    step: float = 1.0
    """What one step of ``values`` means."""

    @property
    def stretched(self) -> bool:
        """Whether the pitch did not move with the speed, so that waveforms do not match."""
        return abs(self.speed - self.pitch) > SAME_PITCH_RATIO

    @property
    def semitones(self) -> float:
        """How much higher the music sounds than its speed explains: in which other key it is."""
        return round(12 * float(np.log2(self.pitch)), 2) if self.stretched else 0.0

    @property
    def count(self) -> int:
        """How many frames."""
        return len(self.values)

    def part(self, start: int, stop: int) -> Array:
        """Frames ``start`` to ``stop`` as float32; zeros outside."""
        result = np.zeros((stop - start, self.values.shape[1]), np.float32)
        low, high = max(start, 0), min(stop, self.count)
        if high > low:
            result[low - start : high - start] = self.values[low:high]
            if self.step != 1.0:
                result *= np.float32(self.step)
        return result


@dataclass(frozen=True)
class FramedPair:
    """Both sounds and their features, those of the dance on the reference's clock at one speed."""

    dance: Sound
    reference: Sound
    dance_frames: FeatureFrames
    reference_frames: FeatureFrames

    @property
    def speed(self) -> float:
        """How much faster the reference runs than the dance's clock."""
        return self.dance_frames.speed

    def on(self, line: LineMap) -> Pair:
        """The two sounds on a map."""
        return Pair(self.dance, self.reference, line)

    @property
    def stretched(self) -> bool:
        """Whether waveforms do not match, since the pitch did not move with the speed."""
        return self.dance_frames.stretched
