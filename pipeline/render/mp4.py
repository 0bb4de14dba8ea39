"""Writes pictures and sound into one MP4, packet by packet, in this process.

Stamps are counted from the first shown picture. Packets before it (from the key frame on)
keep their negative stamps, which the muxer turns into an edit list; the same holds for the
sound, so that its start is exact to the sample. Decoding times are made anew from the order
of presentation, since containers differ in how well they keep them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from pipeline.media.frame_times import FrameTimes
from pipeline.media.info import VideoInfo
from pipeline.media.packets import packets
from pipeline.plan.render_plan import Picture

MAX_SOUND_RATE_HZ = 96000
"""The highest rate of AAC, for the size of the index."""
AAC_FRAME_SAMPLES = 1024
"""Samples in one packet of AAC-LC; a decoder needs the packet before the first one that plays."""
VIDEO_ENTRY_BYTES = 44
SOUND_ENTRY_BYTES = 32
"""The most that one packet takes in the index: its size, times, key flag and chunk."""
INDEX_BASE_BYTES = 1 << 16
"""For all of the index that does not grow with length."""
RESERVE_FROM_BYTES = 32 * 2**20
"""From this size on the index's place is reserved, so that the file is not written twice."""
MAX_INDEX_SHARE = 0.02
"""The largest share of the file that may be reserved for it; more would be waste."""

VideoPackets: TypeAlias = "Iterator[Packet[VideoStream]]"


def write_mp4(
    out: Path,
    video: VideoStream,
    packets: VideoPackets,
    sound: AudioStream,
    sound_packets: Iterator[Packet[AudioStream]],
    *,
    portable: bool,
    size: int,
    count: int,
    duration: float,
    tags: Mapping[str, str],
    described: VideoInfo | None,
    on_packet: Callable[[float], None],
) -> None:
    """Writes both streams in the order of decoding; ``on_packet`` gets the position (seconds).

    ``packets`` and ``sound_packets`` carry result stamps already. ``size`` is about that of the
    file (bytes), ``count`` the number of ``packets``, ``duration`` theirs (seconds) and ``tags``
    the file's metadata. ``described`` says what the picture is like where ``video`` does not.
    Raises ``OSError`` when the disk is full.
    """
    options = muxer_options(portable=portable, size=size, count=count, duration=duration)
    with av.open(str(out), "w", format="mp4", options=options) as container:
        assert isinstance(container, OutputContainer)  # noqa: S101
        container.metadata.update(tags)
        picture = container.add_stream_from_template(video, opaque=True)
        if video.codec_context.codec.canonical_name == "hevc":
            picture.codec_context.codec_tag = "hvc1"  # Apple's players take no other
        if described is not None:
            _describe(picture.codec_context, described)
        track = container.add_stream_from_template(sound, opaque=True)
        both: Iterator[tuple[float, int, Packet[Any]]] = heapq.merge(
            _timed(packets, 0),
            _timed(sound_packets, 1),
            key=lambda item: item[:2],
        )
        for seconds, kind, packet in both:
            _into(packet, track if kind else picture)
            container.mux(packet)
            if not kind:
                on_packet(seconds)


def _describe(picture: VideoCodecContext, video: VideoInfo) -> None:
    picture.sample_aspect_ratio = video.sample_aspect_ratio
    picture.color_primaries = video.color_primaries
    picture.color_trc = video.color_transfer
    picture.colorspace = video.color_matrix
    picture.color_range = video.color_range


def _timed(packets: Iterator[Packet[Any]], kind: int) -> Iterator[tuple[float, int, Packet[Any]]]:
    """Packets of one time base with their decoding times (seconds)."""
    unit: float | None = None  # made once: fractions are slow, and packets many
    for packet in packets:
        if packet.dts is not None:
            unit = float(packet.time_base) if unit is None else unit
            yield packet.dts * unit, kind, packet


def muxer_options(*, portable: bool, size: int, count: int, duration: float) -> dict[str, str]:
    """The index goes in front: moved there at the end, or, in large files, into a place that is
    reserved from the start. A portable file has no edit list."""
    # Dolby Vision's record (``dvvC``) is written only when asked for what is not in the standard.
    flags, options = [], {"strict": "unofficial"}
    packets = round(duration * MAX_SOUND_RATE_HZ / AAC_FRAME_SAMPLES) + 8
    index_bytes = INDEX_BASE_BYTES + count * VIDEO_ENTRY_BYTES + packets * SOUND_ENTRY_BYTES
    if size >= RESERVE_FROM_BYTES and index_bytes <= size * MAX_INDEX_SHARE:
        options["moov_size"] = str(index_bytes)
    else:
        flags.append("faststart")
    if portable:
        flags.append("negative_cts_offsets")
        options["use_editlist"] = "0"
    if flags:
        options["movflags"] = "+" + "+".join(flags)
    return options


def _into(packet: Packet[Any], stream: Stream) -> None:
    packet.stream = stream


def copied_packets(
    container: InputContainer, picture: Picture, frames: FrameTimes | None
) -> VideoPackets:
    """The picture's packets from its key frame on, with result stamps.

    ``frames`` is needed only when the container's own stamps are unusable
    (``picture.rebuilt``).
    """
    stream = container.streams[picture.stream]
    assert isinstance(stream, VideoStream)  # noqa: S101 # the plan names a picture
    if picture.rebuilt:
        assert frames is not None  # noqa: S101 # the caller's duty
        source = _restamped(container, stream, picture, frames)
    else:
        source = _from_key(container, stream, picture)
    yield from stamped(source, picture)


def _from_key(container: InputContainer, stream: VideoStream, picture: Picture) -> VideoPackets:
    """All packets from the key frame on; the index brings us near it where there is one."""
    container.seek(max(0, picture.key - 1) if picture.key > 0 else picture.key, stream=stream)
    found = False
    first = True
    for packet in packets(container, stream):
        if packet.pts is None or packet.size == 0:
            continue
        if first and packet.pts > picture.key:  # the index led too far: from the beginning
            container.seek(0)
            yield from _scan(container, stream, picture)
            return
        first = False
        found = found or (packet.is_keyframe and packet.pts == picture.key)
        if found:
            yield packet


def _scan(container: InputContainer, stream: VideoStream, picture: Picture) -> VideoPackets:
    found = False
    for packet in packets(container, stream):
        if packet.pts is None or packet.size == 0:
            continue
        found = found or (packet.is_keyframe and packet.pts == picture.key)
        if found:
            yield packet


def _restamped(
    container: InputContainer, stream: VideoStream, picture: Picture, frames: FrameTimes
) -> VideoPackets:
    number = 0
    found = False
    assert stream.time_base is not None  # noqa: S101 # its packets have stamps
    parts = stream.time_base / frames.time_base
    for packet in packets(container, stream):
        if packet.size == 0:
            continue
        if number >= len(frames.pts):
            return
        packet.pts = int(frames.pts[number])
        packet.duration = round((packet.duration or 0) * parts)
        found = found or (bool(frames.key[number]) and packet.pts == picture.key)
        number += 1
        if found:
            yield packet


def stamped(source: VideoPackets, picture: Picture) -> VideoPackets:
    """The first ``picture.packets`` of ``source`` with stamps from ``picture.start`` on, and
    decoding times from the order of presentation (see ``frames.reordering_depth``)."""
    waiting: list[int] = []
    held: list[Packet[VideoStream]] = []
    number = 0

    def decoding_time(i: int) -> int:
        if i < picture.depth:
            return waiting[0] - (picture.depth - i) * picture.step
        return heapq.heappop(waiting)

    for packet in source:
        if number == picture.packets:
            break
        assert packet.pts is not None  # noqa: S101 # filtered above
        heapq.heappush(waiting, packet.pts - picture.start)
        held.append(packet)
        number += 1
        if len(held) > picture.depth:
            yield _finished(held.pop(0), decoding_time(number - len(held) - 1), picture)
    for left in range(len(held)):
        yield _finished(held[left], decoding_time(number - len(held) + left), picture)


def _finished(packet: Packet[VideoStream], dts: int, picture: Picture) -> Packet[VideoStream]:
    assert packet.pts is not None  # noqa: S101
    packet.pts -= picture.start
    packet.dts = dts
    packet.time_base = picture.time_base
    rest = picture.end - picture.start - packet.pts
    packet.duration = min(packet.duration or picture.step, rest)
    return packet


def sound_packets(
    container: InputContainer, stream: AudioStream, zero: float, duration: float, *, whole: bool
) -> Iterator[Packet[AudioStream]]:
    """The AAC packets of the result, with result stamps.

    ``zero`` is the time on the stream's clock that is result time 0, ``duration`` that of the
    picture (seconds). One packet before the first is kept for the decoder's overlap, unless
    ``whole`` asks for a file that begins on a packet.
    """
    rate = stream.rate
    unit = Fraction(1, rate)
    first = round(zero * rate)
    last = first + round(duration * rate)
    assert stream.time_base is not None  # noqa: S101 # its packets have stamps
    samples = stream.time_base * rate  # in one unit of the stamps
    whole_samples = samples.numerator if samples.denominator == 1 else 0
    for packet in packets(container, stream):
        if packet.pts is None or packet.size == 0:
            continue
        at = packet.pts * whole_samples if whole_samples else round(packet.pts * samples)
        if at >= last:
            return
        if at + AAC_FRAME_SAMPLES <= first - (0 if whole else AAC_FRAME_SAMPLES):
            continue
        if whole and at < first:
            continue
        packet.time_base = unit
        packet.pts = packet.dts = at - first
        packet.duration = min(AAC_FRAME_SAMPLES, last - at)
        yield packet
