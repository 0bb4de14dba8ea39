"""Features of one sound, frame by frame on the reference's clock; what they are is the methods'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import Array, spans
from pipeline.model import LineMap, Sound

CHUNK_FRAMES = 8192
"""Frames that are compared at once, which bounds the memory."""

Frames = TypeVar("Frames", float, NDArray[Any])

SAME_PITCH_RATIO = 2e-3
"""Relative difference of two speeds or pitches up to which they are one."""


@dataclass(frozen=True)
class FeatureFrames:
    """Feature frames: frame ``i`` is centred on ``i / (frames_per_second * speed)`` seconds."""

    values: NDArray[np.int8] | Array
    """``(frames, features)``, in steps of ``step``."""
    speed: float = 1.0
    """How much faster the reference runs than this sound's clock."""
    pitch: float = 1.0
    """How much higher this sound's music is than the reference's, as a ratio of frequencies."""
    step: float = 1.0
    """What one step of ``values`` means."""
    per_second: float = 1.0
    """Frames a second of the reference's clock."""

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
class Line:
    """``reference_frame = dance_frame * (1 + drift) + lag``, in frames."""

    lag: float
    drift: float = 0.0

    def at(self, frame: Frames) -> Frames:
        """The reference's frame at a frame of the dance, or at many."""
        return frame * (1 + self.drift) + self.lag


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

    def map(self, line: Line) -> LineMap:
        """A line of frames in seconds."""
        offset = float(line.lag) / self.dance_frames.per_second
        return LineMap(offset, float(self.speed * (1 + line.drift)))

    def seconds(self, frame: float) -> float:
        """The dance's time (s) at one of its frames."""
        return frame / (self.dance_frames.per_second * self.speed)

    def line(self, line: LineMap) -> Line:
        """A map of seconds in frames."""
        lag = line.offset * self.dance_frames.per_second
        return Line(lag, line.speed / self.speed - 1)

    def overlap(self, line: Line) -> tuple[int, int]:
        """First and last frame of the dance that lie within the reference."""
        low = int(np.ceil(-line.lag / (1 + line.drift)))
        high = int(np.floor((self.reference_frames.count - line.lag) / (1 + line.drift)))
        return max(low, 0), min(high, self.dance_frames.count)

    def products(self, line: Line, start: int, stop: int, reach: int) -> Array:
        """How alike the two are near a line, frame by frame, ``(2 * reach + 1, frames)``."""
        result = np.zeros((2 * reach + 1, stop - start), np.float32)
        for low, high in spans(stop - start, CHUNK_FRAMES):
            at = np.rint(line.at(np.arange(start + low, start + high))).astype(np.int64)
            block = self.reference_frames.part(int(at[0]) - reach, int(at[-1]) + reach + 1)
            own = self.dance_frames.part(start + low, start + high)
            for row in range(2 * reach + 1):
                result[row, low:high] = np.einsum("tb,tb->t", own, block[at - at[0] + row])
        return result

    @property
    def stretched(self) -> bool:
        """Whether waveforms do not match, since the pitch did not move with the speed."""
        return self.dance_frames.stretched
