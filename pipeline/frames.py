"""The time stamps of every picture, from packets, without decoding.

Packets come in decoding order; with B-frames that is not the order in which pictures are
shown. Cutting by copying needs both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from pipeline import reasons
from pipeline.media import MediaInfo
from pipeline.probe import opened, refuse
from pipeline.settings import Settings

REORDERING = frozenset({"h264", "hevc"})
"""Copied codecs whose pictures may be stored in another order than they are shown."""

TAIL = 96
"""Packets that are added after the end; the filter looks 32 ahead."""

Stamp = tuple[int | None, bool, bool, int]
"""Of one packet: presentation time, key frame, hidden by the edit list, duration."""


@dataclass(frozen=True)
class FrameTimes:
    """All packets of the picture, in decoding order; arrays of equal length, stream units."""

    time_base: Fraction
    """One unit (seconds)."""
    origin: Fraction
    """The container's start on the stream's clock (seconds); dance time 0."""
    pts: NDArray[np.int64]
    """When each picture is shown."""
    key: NDArray[np.bool_]
    """Whether decoding can start here."""
    hidden: NDArray[np.bool_]
    """Whether the container's own edit list hides the picture."""
    last_duration: int
    """How long the picture shown last stays (stream units)."""
    step: int
    """The usual distance of two pictures (stream units)."""
    rebuilt: bool
    """Whether the container's stamps were unusable and these were made from the pictures."""
    ordered: bool
    """Whether the order of showing is known; else the picture has to be re-encoded."""

    def seconds(self, stamp: int) -> float:
        """Dance time of a stamp of this stream (seconds)."""
        return float(stamp * self.time_base - self.origin)


def frame_times(path: Path, info: MediaInfo, *, settings: Settings) -> FrameTimes:
    """Reads all packets of the dance's picture. Raises ``InputError`` (``unreadable``,
    ``frame_rate`` when there are more pictures than the limits allow)."""
    assert info.video is not None, "only a file with a picture has frames"  # noqa: S101
    rebuilt = info.container == "avi"
    ordered = True
    stamps: list[Stamp] = []
    limit = int((settings.max_duration + 60) * settings.max_frame_rate)
    try:
        with opened(path, role=info.role, settings=settings) as container:
            stream = container.streams[info.video.index]
            assert isinstance(stream, VideoStream)  # noqa: S101 # probe saw it
            for packet in container.demux(stream):
                if packet.size == 0:  # an AVI's empty slot, or the end of the file
                    continue
                stamps.append(
                    (
                        packet.dts if rebuilt else packet.pts,
                        packet.is_keyframe,
                        packet.is_discard,
                        packet.duration or 0,
                    )
                )
                if len(stamps) > limit:
                    raise refuse(reasons.FRAME_RATE, info.role, "has too many pictures")
        if rebuilt:
            shown = shown_order(path, info, settings=settings)
            ordered = len(shown) == len(stamps) and all(s[0] is not None for s in stamps)
            stamps = _reordered(stamps, shown) if ordered else stamps
    except av.error.FFmpegError as error:
        raise refuse(
            reasons.UNREADABLE, info.role, "has a damaged picture", detail=str(error)
        ) from error
    return build(stamps, info, rebuilt=rebuilt, ordered=ordered)


def shown_order(path: Path, info: MediaInfo, *, settings: Settings) -> list[int]:
    """A number for each packet, rising in the order in which the pictures are shown; empty
    when it cannot be told.

    AVI has no presentation times: what libavformat guesses from the order of decoding is off
    by the reordering depth, and wrong inside a group with B-frames. The picture order counts
    in the slices tell the truth without decoding (the ``dts2pts`` bitstream filter).
    """
    assert info.video is not None  # noqa: S101
    numbers: dict[int, int] = {}
    with opened(path, role=info.role, settings=settings) as container:
        stream = container.streams[info.video.index]
        assert isinstance(stream, VideoStream)  # noqa: S101 # probe saw it
        if info.video.codec not in REORDERING:
            return list(range(sum(packet.size > 0 for packet in container.demux(stream))))
        order = BitStreamFilterContext("dts2pts", stream)
        head: list[bytes] = []
        count = 0
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            if len(head) < TAIL:
                head.append(bytes(packet))
            packet.pts, packet.dts = None, count
            count += 1
            _note(order.filter(packet), numbers)
        # The filter names the last pictures only once others follow: the file's beginning,
        # which starts with a key frame, serves as what follows its end.
        for number, data in enumerate(head):
            more = Packet(data)
            more.pts, more.dts, more.time_base = None, count + number, info.video.time_base
            _note(order.filter(more), numbers)
        _note(order.filter(None), numbers)
    shown = [numbers[i] for i in range(count) if i in numbers]
    return shown if len(set(shown)) == count else []


def _note(packets: Iterable[Packet[Any]], numbers: dict[int, int]) -> None:
    for packet in packets:
        if packet.dts is not None and packet.pts is not None:
            numbers[packet.dts] = packet.pts


def _reordered(stamps: list[Stamp], shown: list[int]) -> list[Stamp]:
    """The slots of the file, in time, given to the pictures in the order of their showing."""
    slots = sorted(stamp[0] for stamp in stamps if stamp[0] is not None)
    rank = {number: place for place, number in enumerate(sorted(shown))}
    return [
        (slots[rank[number]], key, hidden, duration)
        for number, (_, key, hidden, duration) in zip(shown, stamps, strict=True)
    ]


def build(
    stamps: Sequence[Stamp], info: MediaInfo, *, rebuilt: bool = False, ordered: bool = True
) -> FrameTimes:
    """``FrameTimes`` from what each packet says of each packet."""
    assert info.video is not None  # noqa: S101
    if not any(key and not hidden for _, key, hidden, _ in stamps):
        raise refuse(reasons.UNREADABLE, info.role, "has no picture that can be shown")
    unusable = [pts is None for pts, *_ in stamps]
    if all(unusable):
        raise refuse(reasons.UNREADABLE, info.role, "has a picture without time stamps")
    kept = [stamp for stamp, without in zip(stamps, unusable, strict=True) if not without]
    pts = np.array([stamp[0] for stamp in kept], dtype=np.int64)
    order = np.argsort(pts, kind="stable")
    shown = pts[order]
    steps = np.diff(shown)
    typical = int(np.median(steps)) if len(steps) else max(1, kept[-1][3])
    last = kept[int(order[-1])][3]
    return FrameTimes(
        time_base=info.video.time_base,
        origin=Fraction(round(info.start_time * 1_000_000), 1_000_000),
        pts=pts,
        key=np.array([stamp[1] for stamp in kept], dtype=np.bool_),
        hidden=np.array([stamp[2] for stamp in kept], dtype=np.bool_),
        last_duration=last if 0 < last <= 10 * max(1, typical) else max(1, typical),
        step=max(1, typical),
        rebuilt=rebuilt,
        ordered=ordered,
    )


def reordering_depth(pts: NDArray[np.int64]) -> int:
    """How many packets ahead of its showing a picture may have to be decoded.

    With depth d, decoding the i-th packet at the (i - d)-th smallest presentation time (and
    the first d packets before all of them) never shows a picture before it is decoded.
    """
    position = np.searchsorted(np.sort(pts), pts)
    return int(np.max(np.arange(len(pts)) - position, initial=0))
