"""What a plan needs besides the alignment, measured once for the results of both methods."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.media.frame_times import FrameTimes
from pipeline.media.info import Bounds, Loudness
from pipeline.sound.decode import PcmSound, music_bounds


@dataclass(frozen=True)
class Measurements:
    """What is measured in the two files."""

    frames: FrameTimes
    """The dance's pictures."""
    bounds: Bounds
    """Where the reference has sound."""
    loudness: Loudness | None
    """The reference's; None when it is too quiet to be measured."""
    dance_stream: int
    """Index of the dance's track that was aligned."""
    reference_stream: int
    dance_peak: float
    """Largest sample of the dance's sound, full scale 1."""


def measured(frames: FrameTimes, dance_sound: PcmSound, reference_sound: PcmSound) -> Measurements:
    """Takes all but the dance's ``frames`` from the decoded sounds."""
    return Measurements(
        frames=frames,
        bounds=music_bounds(reference_sound),
        loudness=reference_sound.loudness,
        dance_stream=dance_sound.stream,
        reference_stream=reference_sound.stream,
        dance_peak=dance_sound.peak,
    )
