"""What a file is, found out before anything is decoded, within limits.

The order matters: size on disk, then the container (named demuxers only), then streams,
duration, picture size and frame rate; only a file that passed all of them has one frame of
its picture decoded, for the rotation and as a proof that it can be.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg, metadata
from pipeline.media.edit_lists import edits_of
from pipeline.media.info import AudioInfo, Edit, MediaInfo, Role
from pipeline.media.opening import check_whole_index, opened, refuse
from pipeline.media.packets import packets
from pipeline.media.picture import choose_film, describe_picture, to_seconds
from pipeline.media.truncation import is_truncated
from pipeline.media.unopened import LARGE_INDEX

MAX_TITLE_LETTERS = 80
"""Letters that are kept of a track's title."""
MIN_SECONDS = 1.0
"""Files shorter than this hold no music to align (seconds)."""
MAX_SAMPLES_HZ = 8 * 192_000
"""Samples a second of a track, in all channels together; what records music has fewer."""
MAX_TIMES = 16
"""How often an index may list a file's bytes. Honest edit lists show a part twice."""
MAX_ENTRIES = 20_000
"""Of a track's index that are looked at, spread over it."""


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
    check_whole_index(path, role=role, settings=settings)
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


def _describe(
    container: InputContainer, path: Path, size: int, role: Role, settings: Limits
) -> MediaInfo:
    start = (container.start_time or 0) / av.time_base
    if not container.streams:
        raise refuse(
            reasons.UNREADABLE, role, "has neither picture nor sound in it; export it again"
        )
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
    if duration < MIN_SECONDS:
        raise refuse(
            reasons.TOO_SHORT, role, f"is only {duration:.2f} s long; a few seconds are needed"
        )
    if _listed_bytes(container) > MAX_TIMES * size:
        raise refuse(
            reasons.UNREADABLE, role, "lists the same bytes again and again; export it again"
        )
    sounds, pictures, other = _sort_streams(container)
    for sound in sounds:
        rate, channels = sound.codec_context.sample_rate, sound.codec_context.channels
        if rate * channels > MAX_SAMPLES_HZ:
            raise refuse(
                reasons.UNSUPPORTED,
                role,
                f"has a sound of {channels} channels at {rate} Hz; convert it to 48000 Hz",
            )
    video = None
    if role == "dance":
        if pictures:
            film = choose_film(pictures)
            video = describe_picture(container, film, start, duration, role, settings)
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
        cut_off=is_truncated(container, path, size),
        created=metadata.created(container.metadata),
        place=metadata.place(container.metadata) if settings.keep_place else "",
    )


def _listed_bytes(container: InputContainer) -> float:
    """What the sizes of all packets in the index come to (bytes), where it has sizes."""
    total = 0.0
    for stream in container.streams:
        count = len(stream.index_entries)
        places = range(0, count, max(1, count // MAX_ENTRIES))
        found = sum(stream.index_entries[place].size for place in places)
        total += found * count / max(1, len(places))
    return total


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
            and ffmpeg.is_decodable(stream)
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
    except MemoryError:
        reason, text = LARGE_INDEX
        raise refuse(reason, role, text) from None
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


def _audio(stream: AudioStream, start: float, duration: float) -> AudioInfo:
    context = stream.codec_context
    begin = to_seconds(stream.start_time, stream)
    return AudioInfo(
        index=stream.index,
        codec=context.codec.canonical_name,
        profile=str(stream.profile or ""),
        rate=context.sample_rate,
        channels=context.channels,
        start_time=(begin - start) if begin is not None else 0.0,
        duration=to_seconds(stream.duration, stream) or duration,
        title=stream.metadata.get("title", "")[:MAX_TITLE_LETTERS],
        language=stream.metadata.get("language", "")[:MAX_TITLE_LETTERS],
        default=bool(stream.disposition & Disposition.default),
    )
