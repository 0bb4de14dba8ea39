"""The picture of a film: which track it is, its codec, size, rotation, frame rates and colours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain

import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg
from pipeline.media.info import Role, VideoInfo
from pipeline.media.opening import refuse
from pipeline.media.packets import packets

COPYABLE = frozenset({"h264", "hevc", "vp9", "av1"})
"""Pictures that MP4 carries and players take: never re-encoded."""
ENCODABLE = frozenset(
    {"vp8", "mpeg4", "mjpeg", "mpeg1video", "mpeg2video", "h263", "h263i", "prores"}
    | {"msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "dvvideo", "theora", "ffv1"}
    | {"huffyuv", "ffvhuff", "rawvideo", "cinepak", "svq1", "svq3", "flv1", "vp6f"}
)
"""Pictures that are read but have to be re-encoded."""
MAX_ENCODED_HZ = 1920 * 1080 * 60
"""Pixels for each second of the longest film that is accepted (``max_duration``). A film of a codec
that has to be re-encoded has no more in all, and is cut shorter where its pictures are larger."""
MIN_FILM_HZ = 3
"""A track of fewer pictures a second is not the film where there is another."""
MAX_FIELD_PACKETS = 12
"""Packets of an interlaced picture that are decoded to see whether two make a frame."""


def choose_film(pictures: Sequence[VideoStream]) -> VideoStream:
    """The track that players show: one marked as default before others, then the largest. Phones
    add tracks of single photographs, which are larger."""

    def rank(stream: VideoStream) -> tuple[bool, bool, bool, int]:
        context = stream.codec_context
        known = context.codec.canonical_name in COPYABLE | ENCODABLE
        moving = (stream.average_rate or MIN_FILM_HZ) >= MIN_FILM_HZ and stream.frames != 1
        default = bool(stream.disposition & Disposition.default)
        return known, moving, default, context.width * context.height

    return max(pictures, key=rank)  # the first of equals


def to_seconds(value: int | None, stream: Stream) -> float | None:
    """A time stamp of the stream in seconds."""
    if value is None or stream.time_base is None:
        return None
    return float(value * stream.time_base)


def describe_picture(
    container: InputContainer,
    stream: VideoStream,
    start: float,
    duration: float,
    role: Role,
    settings: Limits,
) -> VideoInfo:
    """The film's codec, size, rotation, rates and colours.

    ``start`` and ``duration`` are those of the container (seconds). Raises ``InputError`` for a
    picture that is beyond the limits of ``settings`` or cannot be decoded.
    """
    context = stream.codec_context
    codec = context.codec.canonical_name
    if codec not in COPYABLE | ENCODABLE or not ffmpeg.is_decodable(stream):
        raise refuse(reasons.UNSUPPORTED, role, f"has a picture in {codec}, which is not supported")
    width, height = context.width, context.height
    if width * height > settings.max_pixels:
        raise refuse(
            reasons.PICTURE_TOO_LARGE,
            role,
            f"has a picture of {width}×{height}; at most {settings.max_pixels} pixels are accepted",
        )
    rates = [rate for rate in (stream.average_rate, stream.base_rate, stream.guessed_rate) if rate]
    if not rates or width <= 0 or height <= 0:
        raise refuse(reasons.UNREADABLE, role, "has a picture that cannot be read")
    # An AVI that was copied from other containers counts empty slots as frames, and a variable
    # rate makes the nominal one meaningless: the lower of the two is the better guess.
    if min(rates) > settings.max_frame_rate:
        raise refuse(
            reasons.FRAME_RATE,
            role,
            f"has {float(min(rates)):.0f} frames a second; at most "
            f"{settings.max_frame_rate:.0f} are accepted",
        )
    count = max(stream.frames, duration * float(min(rates)))
    most = MAX_ENCODED_HZ * settings.max_duration
    if codec not in COPYABLE and width * height * count > most:
        raise refuse(
            reasons.TOO_LONG,
            role,
            f"has {count:.0f} pictures of {width}×{height} in {codec}, too many to be encoded; "
            "cut it shorter, or export it as H.264",
        )
    context.options = {"max_pixels": str(settings.max_pixels)}  # it may grow after its first frame
    rotation, field_pictures = _rotation_and_fields(container, stream, role)
    pixel_format = context.format
    return VideoInfo(
        index=stream.index,
        codec=codec,
        width=width,
        height=height,
        rotation=rotation,
        frame_rate=stream.guessed_rate or rates[0],
        average_rate=min(rates),
        time_base=stream.time_base or Fraction(1, 1000),
        start_time=(to_seconds(stream.start_time, stream) or start) - start,
        duration=to_seconds(stream.duration, stream) or duration,
        pixel_format=context.pix_fmt or "",
        bit_depth=pixel_format.components[0].bits if pixel_format else 8,
        color_primaries=int(context.color_primaries),
        color_transfer=int(context.color_trc),
        color_matrix=int(context.colorspace),
        color_range=int(context.color_range),
        has_b_frames=bool(context.has_b_frames),
        field_pictures=field_pictures,
        sample_aspect_ratio=Fraction(context.sample_aspect_ratio or 0),
    )


def _rotation_and_fields(
    container: InputContainer, stream: VideoStream, role: Role
) -> tuple[int, bool]:
    """Degrees by which the picture is turned, and whether fields are pictures of their own; also
    the proof that it can be decoded."""
    stream.thread_count = 1
    context = stream.codec_context
    frames: list[VideoFrame] = []
    fed = 0
    try:
        source = _first_packets(container, stream)
        head = list(_until_key(source))
        for given in (*head, None):  # alone: a decoder holds pictures back until others follow
            frames += context.decode(given)
        if not frames or frames[0].interlaced_frame:
            context.flush_buffers()
            frames.clear()
            for packet in chain(head, source):
                fed += bool(packet.size) and (fed > 0 or packet.is_keyframe)
                frames += packet.decode()
                if frames and (fed >= MAX_FIELD_PACKETS or not frames[0].interlaced_frame):
                    break
            if frames and frames[0].interlaced_frame and fed >= MAX_FIELD_PACKETS:
                frames += context.decode(None)
    except MemoryError as error:
        if not frames:
            raise refuse(
                reasons.OUT_OF_MEMORY,
                role,
                "has a picture that cannot be decoded in the memory of a task",
                detail=str(error),
            ) from error
    except av.error.FFmpegError as error:
        if not frames:
            raise refuse(
                reasons.UNREADABLE, role, "has a picture that cannot be decoded", detail=str(error)
            ) from error
    if not frames:
        raise refuse(reasons.UNREADABLE, role, "has a picture without a single whole frame")
    return int(frames[0].rotation), frames[0].interlaced_frame and 3 * len(frames) < 2 * fed


def _until_key(source: Iterator[Packet[VideoStream]]) -> Iterator[Packet[VideoStream]]:
    """The packets up to the first one with which decoding can start."""
    for packet in source:
        yield packet
        if packet.size and packet.is_keyframe:
            return


def _first_packets(
    container: InputContainer, stream: VideoStream, count: int = 120
) -> Iterator[Packet[VideoStream]]:
    for number, packet in enumerate(packets(container, stream)):
        if number >= count:
            return
        yield packet
