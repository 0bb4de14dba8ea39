"""How much work a file declares, by which those who run a job keep its budget."""

from __future__ import annotations

from pipeline.job.events import DescribedEvent
from pipeline.media.info import MediaInfo

MIN_RATE_HZ = 30.0
"""Pictures a second that are reckoned with at least: containers guess low rates."""


def declared(info: MediaInfo, *, times: int = 1) -> DescribedEvent:
    """What the file says of itself; ``times`` is how often its pictures may be encoded."""
    seconds = sum(min(track.duration, info.duration) for track in info.sounds)
    samples = sum(
        min(track.duration, info.duration) * track.rate * track.channels for track in info.sounds
    )
    pixels, video = 0.0, info.video
    if video is not None:
        rate = max(MIN_RATE_HZ, float(video.frame_rate), float(video.average_rate))
        pixels = times * video.width * video.height * info.duration * rate
    return DescribedEvent(seconds, samples, pixels)
