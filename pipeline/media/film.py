"""Which of a file's video tracks is the film."""

from __future__ import annotations

from collections.abc import Container, Sequence

from av.stream import Disposition
from av.video.stream import VideoStream

MIN_FILM_HZ = 3
"""A track of fewer pictures a second is not the film where there is another one."""


def film(pictures: Sequence[VideoStream], readable: Container[str]) -> VideoStream:
    """The track that players show: one marked as default before others, then the largest. Phones
    add tracks of single photographs, which are larger. ``readable`` are names of codecs."""

    def rank(stream: VideoStream) -> tuple[bool, bool, bool, int]:
        context = stream.codec_context
        known = context.codec.canonical_name in readable
        moving = (stream.average_rate or MIN_FILM_HZ) >= MIN_FILM_HZ and stream.frames != 1
        default = bool(stream.disposition & Disposition.default)
        return known, moving, default, context.width * context.height

    return max(pictures, key=rank)  # the first of equals
