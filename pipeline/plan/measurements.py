"""What a plan needs besides the alignment, measured once for the results of both methods."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.limits import Limits
from pipeline.media.frame_times import FrameTimes, frame_times
from pipeline.media.info import Bounds, Loudness, MediaInfo
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


def measure_files(
    dance: Path,
    dance_info: MediaInfo,
    dance_sound: PcmSound,
    reference_sound: PcmSound,
    *,
    settings: Limits,
) -> Measurements:
    """Reads the dance's time stamps, and takes everything else from the decoded sounds.

    Raises ``InputError`` when the dance turns out to be damaged.
    """
    frames = frame_times(dance, dance_info, settings=settings)
    return Measurements(
        frames=frames,
        bounds=music_bounds(reference_sound),
        loudness=reference_sound.loudness,
        dance_stream=dance_sound.stream,
        reference_stream=reference_sound.stream,
        dance_peak=dance_sound.peak,
    )
