"""What a plan is made from besides the alignment: measured once for a task, for both results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline import reasons
from pipeline.decode import PcmSound, music_bounds
from pipeline.frames import FrameTimes, frame_times
from pipeline.media import MediaInfo
from pipeline.plan import Bounds, Loudness
from pipeline.probe import refuse
from pipeline.settings import Settings


@dataclass(frozen=True)
class Materials:
    """Facts about the two files."""

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


def gather(
    dance: Path,
    dance_info: MediaInfo,
    dance_sound: PcmSound,
    reference_sound: PcmSound,
    *,
    settings: Settings,
) -> Materials:
    """Reads the dance's time stamps, and takes the rest from the decoded sounds.

    Raises ``InputError`` when the dance turns out to be damaged or cut off.
    """
    frames = frame_times(dance, dance_info, settings=settings)
    shown = frames.seconds(int(frames.pts.max()) + frames.last_duration)
    _check_whole(dance_info, max(shown, dance_sound.duration))
    return Materials(
        frames=frames,
        bounds=music_bounds(reference_sound),
        loudness=reference_sound.loudness,
        dance_stream=dance_sound.stream,
        reference_stream=reference_sound.stream,
        dance_peak=dance_sound.peak,
    )


def _check_whole(info: MediaInfo, found: float) -> None:
    """A Matroska file says at its start how long it is; one that was cut off on its way here
    ends long before. (MP4 is looked at by ``probe``; AVI and others do not tell.) Some count
    that length from 0 and not from the first stamp."""
    end = found + max(0.0, info.start_time)
    if "matroska" in info.container and end < info.duration * 0.95 - 2.0:
        raise refuse(
            reasons.UNREADABLE,
            info.role,
            f"is cut off: it ends after {found:.0f} of {info.duration:.0f} s; upload it again",
        )
