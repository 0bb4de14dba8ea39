"""What a file is, found out before anything is decoded, within limits.

The order matters: size on disk, then the container (named demuxers only), then streams,
duration, picture size and frame rate; only a file that passed all of them has one frame of
its picture decoded, for the rotation and as a proof that it can be.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg, metadata, unopened
from pipeline.media.edit_lists import edits_of
from pipeline.media.film import film
from pipeline.media.info import AudioInfo, Edit, MediaInfo, Role, VideoInfo
from pipeline.media.packets import packets
from pipeline.media.truncation import cut_off
from pipeline.reasons import InputError

COPYABLE = frozenset({"h264", "hevc", "vp9", "av1"})
"""Pictures that MP4 carries and players take: never re-encoded."""
ENCODABLE = frozenset(
    {"vp8", "mpeg4", "mjpeg", "mpeg1video", "mpeg2video", "h263", "h263i", "prores"}
    | {"msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "dvvideo", "theora", "ffv1"}
    | {"huffyuv", "ffvhuff", "rawvideo", "cinepak", "svq1", "svq3", "flv1", "vp6f"}
)
"""Pictures that are read but have to be re-encoded."""
LONGEST_TITLE = 80
"""Letters that are kept of a track's title."""
SHORTEST = 1.0
"""Files shorter than this hold no music to align (seconds)."""


FIELDS = 12
"""Packets of an interlaced picture that are decoded to see whether two make a frame."""


def probe(
    path: Path,
    *,
    role: Role,
    settings: Limits,
    need_sound: bool = True,
    need_picture: bool = True,
) -> MediaInfo:
    """Reads ``path``'s headers and checks them against the limits of ``settings``.

    The *dance* needs a picture and sound, the *reference* sound; without ``need_sound`` (a
    dance that a person places by hand) there may be none, and without ``need_picture`` (one
    that is aligned only) the dance may be a sound alone. Raises ``InputError`` with
    a reason of ``pipeline.reasons`` and one line that names the role.
    """
    size = _size(path, role, settings)
    with opened(path, role=role, settings=settings) as container:
        info = _describe(container, path, size, role, settings)
    if role == "dance" and need_picture and info.video is None:
        raise refuse(
            reasons.NO_PICTURE,
            role,
            "has no moving picture: a film is needed; only align takes a sound alone",
        )
    if need_sound and not info.sounds:
        raise refuse(
            reasons.NO_SOUND, role, "has no sound that can be read; choose a file with sound"
        )
    return info


def refuse(reason: str, role: Role, text: str, detail: str = "") -> InputError:
    """The error for the ``role``'s file: ``text`` goes on after "the dance file "."""
    return InputError(reason, f"the {role} file {text}", role=role, detail=detail)


def _size(path: Path, role: Role, settings: Limits) -> int:
    if not path.is_file():
        raise refuse(reasons.MISSING_FILE, role, f"is missing: there is no file {path.name}")
    size = path.stat().st_size
    if size == 0:
        raise refuse(reasons.EMPTY_FILE, role, "is empty (0 bytes); upload it again")
    if size > settings.max_upload_mb * 2**20:
        raise refuse(
            reasons.TOO_LARGE,
            role,
            f"is larger than {settings.max_upload_mb} MiB; compress it or cut it shorter",
        )
    return size


@contextmanager
def opened(
    path: Path, *, role: Role, settings: Limits, as_stored: bool = False
) -> Iterator[InputContainer]:
    """The file opened for demuxing, an MP4 ``as_stored`` without its edit lists; what libavformat
    says becomes an ``InputError``."""
    try:
        container = ffmpeg.open_input(path, max_streams=settings.max_streams, as_stored=as_stored)
    except MemoryError:
        reason, text = unopened.lacking_memory(path, settings.max_streams)
        raise refuse(reason, role, text) from None
    except av.error.FileNotFoundError:
        raise refuse(reasons.MISSING_FILE, role, f"is missing: {path.name}") from None
    except (av.error.FFmpegError, ValueError) as error:
        reason, text = unopened.unknown(path)
        raise refuse(reason, role, text, detail=str(error)) from error
    try:
        yield container
    finally:
        container.close()


def _describe(
    container: InputContainer, path: Path, size: int, role: Role, settings: Limits
) -> MediaInfo:
    start = (container.start_time or 0) / av.time_base
    if len(container.streams) > settings.max_streams:
        raise refuse(
            reasons.TOO_MANY_STREAMS, role, f"has more than {settings.max_streams} streams"
        )
    duration = _duration(container, role, settings)
    if duration > settings.max_duration:
        raise refuse(
            reasons.TOO_LONG,
            role,
            f"is {duration / 60:.0f} minutes long; at most {settings.max_duration / 60:.0f} "
            "are accepted, cut it shorter",
        )
    if duration < SHORTEST:
        raise refuse(
            reasons.TOO_SHORT, role, f"is only {duration:.2f} s long; a few seconds are needed"
        )
    sounds, pictures, other = _sort_streams(container)
    video = None
    if role == "dance":
        if pictures:
            chosen = film(pictures, COPYABLE | ENCODABLE)
            video = _video(container, chosen, start, duration, role, settings)
        other += ["video"] * (len(pictures) - 1)
    elif pictures:
        other += ["video"] * len(pictures)
    edits = _edits(container, path, role)
    if video is not None:
        video = replace(video, edits=edits.get(video.index, ()))
    return MediaInfo(
        role=role,
        container=container.format.name,
        size=size,
        start_time=start,
        duration=duration,
        video=video,
        sounds=tuple(
            replace(_audio(stream, start, duration), edits=edits.get(stream.index, ()))
            for stream in sounds
        ),
        other=tuple(other),
        cut_off=cut_off(container, path, size),
        created=metadata.created(container.metadata),
        place=metadata.place(container.metadata) if settings.keep_place else "",
    )


def _sort_streams(
    container: InputContainer,
) -> tuple[list[AudioStream], list[VideoStream], list[str]]:
    sounds: list[AudioStream] = []
    pictures: list[VideoStream] = []
    other: list[str] = []
    for stream in container.streams:
        if isinstance(stream, VideoStream) and stream.codec_context is not None:
            still = stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
            if still:
                other.append("cover art")
            else:
                pictures.append(stream)
        elif (
            isinstance(stream, AudioStream)
            and stream.codec_context is not None
            and stream.codec_context.sample_rate > 0
            and stream.codec_context.channels > 0
        ):
            sounds.append(stream)
        else:
            other.append(stream.type)
    return sounds, pictures, other


def _edits(container: InputContainer, path: Path, role: Role) -> dict[int, tuple[Edit, ...]]:
    try:
        return edits_of(container, path)
    except (av.error.FFmpegError, struct.error) as error:
        raise refuse(
            reasons.UNREADABLE, role, "is damaged; export it again", detail=str(error)
        ) from error


def _duration(container: InputContainer, role: Role, settings: Limits) -> float:
    """Seconds: the container's, else the longest stream's, else the last packet's end.

    Browsers record WebM without a duration; its packets are read (not decoded) to the end,
    but no further than the limit.
    """
    if container.duration is not None and container.duration > 0:
        return float(container.duration / av.time_base)
    declared = [
        float(stream.duration * stream.time_base)
        for stream in container.streams
        if stream.duration and stream.time_base
    ]
    if declared:
        return max(declared)
    start = (container.start_time or 0) / av.time_base
    end = 0.0
    try:
        for packet in packets(container, *container.streams):
            stamp = packet.pts if packet.pts is not None else packet.dts
            if stamp is None:
                continue
            end = max(end, float((stamp + (packet.duration or 0)) * packet.time_base) - start)
            if end > settings.max_duration:
                break
        container.seek(0)
    except av.error.FFmpegError as error:
        raise refuse(
            reasons.UNREADABLE, role, "is damaged; export it again", detail=str(error)
        ) from error
    return end


def _seconds(value: int | None, stream: Stream) -> float | None:
    if value is None or stream.time_base is None:
        return None
    return float(value * stream.time_base)


def _video(
    container: InputContainer,
    stream: VideoStream,
    start: float,
    duration: float,
    role: Role,
    settings: Limits,
) -> VideoInfo:
    context = stream.codec_context
    codec = context.codec.canonical_name
    if codec not in COPYABLE | ENCODABLE:
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
    rotation, field_pictures = _first_frame(container, stream, role)
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
        start_time=(_seconds(stream.start_time, stream) or start) - start,
        duration=_seconds(stream.duration, stream) or duration,
        pixel_format=context.pix_fmt or "",
        bit_depth=pixel_format.components[0].bits if pixel_format else 8,
        color_primaries=int(context.color_primaries),
        color_transfer=int(context.color_trc),
        color_matrix=int(context.colorspace),
        color_range=int(context.color_range),
        has_b_frames=bool(context.has_b_frames),
        field_pictures=field_pictures,
    )


def _first_frame(container: InputContainer, stream: VideoStream, role: Role) -> tuple[int, bool]:
    """Degrees by which the picture is turned, and whether fields are pictures of their own; also
    the proof that it can be decoded."""
    stream.thread_count = 1
    frames: list[VideoFrame] = []
    fed = 0
    try:
        for packet in _first_packets(container, stream):
            fed += bool(packet.size) and (fed > 0 or packet.is_keyframe)
            frames += packet.decode()
            if frames and (fed >= FIELDS or not frames[0].interlaced_frame):
                break
        if frames and frames[0].interlaced_frame and fed >= FIELDS:
            frames += stream.codec_context.decode(None)
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


def _first_packets(
    container: InputContainer, stream: VideoStream, count: int = 120
) -> Iterator[Packet[VideoStream]]:
    for number, packet in enumerate(packets(container, stream)):
        if number >= count:
            return
        yield packet


def _audio(stream: AudioStream, start: float, duration: float) -> AudioInfo:
    context = stream.codec_context
    begin = _seconds(stream.start_time, stream)
    return AudioInfo(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=str(stream.profile or ""),
        rate=context.sample_rate,
        channels=context.channels,
        start_time=(begin - start) if begin is not None else 0.0,
        duration=_seconds(stream.duration, stream) or duration,
        title=stream.metadata.get("title", "")[:LONGEST_TITLE],
        language=stream.metadata.get("language", "")[:LONGEST_TITLE],
        default=bool(stream.disposition & Disposition.default),
    )
