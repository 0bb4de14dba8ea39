"""The time stamps of every picture of a film, read from its packets without decoding.

Packets come in decoding order; with B-frames that is not the order in which pictures are
shown. Cutting by copying needs both.
"""

from __future__ import annotations

import math
from array import array
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
from pipeline.limits import Limits
from pipeline.media.info import Edit, MediaInfo
from pipeline.media.opening import refuse, reopened
from pipeline.media.packets import packets

REORDERING = frozenset({"h264", "hevc"})
"""Copied codecs whose pictures may be stored in another order than they are shown."""

END_PACKETS = 96
"""How many packets at a file's end are examined; ``dts2pts`` looks 32 ahead."""

MIN_DISTANCE_SECONDS = Fraction(1, 10_000)
"""By how much pictures with the same time stamp are set apart, since MP4 allows one at a time
(seconds); its clock is as fine as that or finer."""

NO_STAMP = -(1 << 63)
"""In place of a stamp that a packet does not have (libavformat's ``AV_NOPTS_VALUE``)."""


class Stamps:
    """The packets' time stamps in decoding order, in columns: 22 bytes for each picture, since
    two hours at 240 pictures a second are 1.7 million."""

    def __init__(self) -> None:
        self.pts = array("q")
        self.key = bytearray()
        self.hidden = bytearray()
        self.duration = array("q")
        self.size = array("i")

    def __len__(self) -> int:
        return len(self.pts)

    def add(self, pts: int | None, key: bool, hidden: bool, duration: int, size: int = 0) -> None:
        """One packet's: presentation time, key frame, hidden by the edit list, duration, bytes."""
        self.pts.append(NO_STAMP if pts is None else pts)
        self.key.append(key)
        self.hidden.append(hidden)
        self.duration.append(duration)
        self.size.append(size)

    def drop_last(self) -> None:
        """Takes the last packet away again."""
        for column in (self.pts, self.key, self.hidden, self.duration, self.size):
            del column[-1:]


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
    size: NDArray[np.int32]
    """How many bytes each packet has."""
    last_duration: int
    """How long the picture shown last stays (stream units)."""
    step: int
    """The usual distance of two pictures (stream units)."""
    rebuilt: bool
    """Whether the container's stamps do not serve as they are (AVI has none, some are missing or
    equal) and these take their place, packet by packet from the file's start."""
    ordered: bool
    """Whether the order of showing is known; else the picture has to be re-encoded."""

    def seconds(self, stamp: int) -> float:
        """Dance time of a stamp of this stream (seconds)."""
        return float(stamp * self.time_base - self.origin)


def frame_times(path: Path, info: MediaInfo, *, settings: Limits) -> FrameTimes:
    """Reads all packets of the dance's picture. Raises ``InputError`` (``unreadable``,
    ``frame_rate`` when there are more pictures than the limits allow)."""
    assert info.video is not None, "only a file with a picture has frames"  # noqa: S101
    rebuilt = info.container == "avi"
    ordered = True
    stamps = Stamps()
    limit = int((settings.max_duration + 60) * settings.max_frame_rate)
    try:
        stored = bool(info.video.edits)
        with reopened(path, info, settings=settings, as_stored=stored) as container:
            stream = container.streams[info.video.index]
            assert isinstance(stream, VideoStream)  # noqa: S101 # probe saw it
            for packet in packets(container, stream):
                if packet.size == 0:  # an AVI's empty slot, or the end of the file
                    continue
                if packet.is_corrupt and info.cut_off:  # its rest is missing: the last one
                    break
                stamps.add(
                    packet.dts if rebuilt else packet.pts,
                    packet.is_keyframe,
                    packet.is_discard,
                    packet.duration or 0,
                    packet.size,
                )
                if len(stamps) > limit:
                    raise refuse(reasons.FRAME_RATE, info.role, "has too many pictures")
        if info.container == "mpegts" and info.cut_off:
            stamps.drop_last()  # no packet of it says that its rest is missing
        shown = None
        if rebuilt or _equal(stamps):
            shown = shown_order(path, info, settings=settings)
            complete = len(shown) == len(stamps) and NO_STAMP not in stamps.pts
            ordered = complete or not rebuilt
            shown = shown if complete else None
    except av.error.FFmpegError as error:
        raise refuse(
            reasons.UNREADABLE, info.role, "has a damaged picture", detail=str(error)
        ) from error
    return build(stamps, info, shown=shown, rebuilt=rebuilt, ordered=ordered)


def shown_order(path: Path, info: MediaInfo, *, settings: Limits) -> NDArray[np.int64]:
    """A number for each packet, rising in the order in which the pictures are shown; empty
    when that order is unknown.

    AVI has no presentation times: what libavformat guesses from the order of decoding is off
    by the reordering depth, and wrong inside a group with B-frames. The picture order counts
    in the slices give the order without decoding (the ``dts2pts`` bitstream filter).
    """
    assert info.video is not None  # noqa: S101
    numbers = array("q")
    stored = bool(info.video.edits)
    with reopened(path, info, settings=settings, as_stored=stored) as container:
        stream = container.streams[info.video.index]
        assert isinstance(stream, VideoStream)  # noqa: S101 # probe saw it
        if info.video.codec not in REORDERING:
            return np.arange(sum(packet.size > 0 for packet in packets(container, stream)))
        order = BitStreamFilterContext("dts2pts", stream)
        head: list[bytes] = []
        for packet in packets(container, stream):
            if packet.size == 0:
                continue
            if packet.is_corrupt and info.cut_off:
                break
            if len(head) < END_PACKETS:
                head.append(bytes(packet))
            packet.pts, packet.dts = None, len(numbers)
            numbers.append(NO_STAMP)
            _note(order.filter(packet), numbers)
        # The filter names the last pictures only once others follow: the file's beginning,
        # which starts with a key frame, serves as what follows its end.
        for number, data in enumerate(head):
            more = Packet(data)
            more.pts, more.dts = None, len(numbers) + number
            more.time_base = info.video.time_base
            _note(order.filter(more), numbers)
        _note(order.filter(None), numbers)
    shown = np.frombuffer(numbers, dtype=np.int64)
    known = NO_STAMP not in numbers and len(np.unique(shown)) == len(shown)
    return shown if known else np.empty(0, dtype=np.int64)


def _note(packets: Iterable[Packet[Any]], numbers: array[int]) -> None:
    for packet in packets:
        if packet.dts is not None and packet.pts is not None and packet.dts < len(numbers):
            numbers[packet.dts] = packet.pts


def build(
    stamps: Stamps,
    info: MediaInfo,
    *,
    shown: NDArray[np.int64] | None = None,
    rebuilt: bool = False,
    ordered: bool = True,
) -> FrameTimes:
    """``FrameTimes`` from what each packet says.

    With ``shown`` (as from ``shown_order``) the stamps are only slots in time, which are given
    to the pictures in the order of their showing.
    """
    assert info.video is not None  # noqa: S101
    pts = np.array(stamps.pts, dtype=np.int64)
    key = np.frombuffer(stamps.key, dtype=np.bool_)
    hidden = np.frombuffer(stamps.hidden, dtype=np.bool_)
    duration = np.frombuffer(stamps.duration, dtype=np.int64)
    size = np.frombuffer(stamps.size, dtype=np.int32)
    if not np.any(key & ~hidden):
        raise refuse(reasons.UNREADABLE, info.role, "has no picture that can be shown")
    order = np.argsort(pts if shown is None else shown, kind="stable")
    pts[order] = np.sort(pts)
    known = pts != NO_STAMP
    if not np.any(known):
        raise refuse(reasons.UNREADABLE, info.role, "has a picture without time stamps")
    if not np.all(known):
        pts, rebuilt = _filled(pts, known), True
        key = key & known  # nobody begins with the second field of a frame
        order = np.argsort(pts, kind="stable")
    unit = info.video.time_base
    if info.video.edits:
        pts, hidden, rebuilt = (*_edited(pts, unit, info.video.edits), True)
        if len(info.video.edits) > 1:
            # Encoded from the file's start on; what is hidden in between has no place.
            pts, duration, size = pts[~hidden], duration[~hidden], size[~hidden]
            hidden, key = np.zeros(len(pts), bool), np.ones(len(pts), bool)
        if not np.any(key & ~hidden):
            raise refuse(reasons.UNREADABLE, info.role, "has no picture that can be shown")
        order = np.argsort(pts, kind="stable")
    if len(np.unique(pts)) < len(pts):
        pts, parts = _distinct(pts, order, unit)
        unit, duration, rebuilt = unit / parts, duration * parts, True
    steps = np.diff(np.sort(pts))
    typical = int(np.median(steps)) if len(steps) else max(1, int(duration[-1]))
    if info.cut_off:
        kept = _without_torn_end(pts, typical)
        pts, key, hidden, duration = pts[:kept], key[:kept], hidden[:kept], duration[:kept]
        size = size[:kept]
    last = 0 if info.video.field_pictures else int(duration[_last_shown(pts)])
    return FrameTimes(
        time_base=unit,
        origin=Fraction(round(info.start_time * 1_000_000), 1_000_000),
        pts=pts,
        key=key,
        hidden=hidden,
        size=size,
        last_duration=last if 0 < last <= 10 * max(1, typical) else max(1, typical),
        step=max(1, typical),
        rebuilt=rebuilt,
        ordered=ordered,
    )


def _edited(
    pts: NDArray[np.int64], unit: Fraction, edits: Sequence[Edit]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """When each picture is shown by ``edits``, and which ones are not; one that begins before an
    edit does is not."""
    begins = np.array([round(edit.media / unit) for edit in edits])
    ends = begins + np.array([round(edit.length / unit) for edit in edits])
    shifts = np.array([round(edit.shown / unit) for edit in edits]) - begins
    own = np.maximum(np.searchsorted(begins, pts, side="right") - 1, 0)
    return pts + shifts[own], (pts < begins[own]) | (pts >= ends[own])


def _equal(stamps: Stamps) -> bool:
    """Whether pictures have the same time stamp."""
    known = np.array(stamps.pts, dtype=np.int64)
    known = known[known != NO_STAMP]
    return len(np.unique(known)) < len(known)


def _filled(pts: NDArray[np.int64], known: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Stamps for the packets without one, at equal distances after the packet before them.

    Several pictures may share the one stamp of an MPEG-TS's packet; most often they are the two
    fields of a frame.
    """
    stamped = np.flatnonzero(known)
    steps = np.diff(np.sort(pts[known]))
    step = float(np.median(steps)) if len(steps) else 0.0
    usual = float(np.median(np.diff(stamped))) if len(stamped) > 1 else 1.0
    number = np.arange(len(pts))
    before = stamped[np.maximum(np.searchsorted(stamped, number, side="right") - 1, 0)]
    place = np.searchsorted(stamped, number, side="right")
    sharing = np.append(np.diff(stamped), usual)[np.maximum(place - 1, 0)]
    sharing = np.where(place == 0, usual, sharing)
    later = np.rint(step * (number - before) / sharing).astype(np.int64)
    return np.where(known, pts, pts[before] + later)


def _distinct(
    pts: NDArray[np.int64], order: NDArray[np.int64], unit: Fraction
) -> tuple[NDArray[np.int64], int]:
    """The stamps in units of a part of ``unit``, and how many such parts there are in one; those
    that were equal are apart by ``MIN_DISTANCE_SECONDS``. ``order`` is that of showing."""
    parts = max(1, math.ceil(unit / MIN_DISTANCE_SECONDS))
    apart = max(1, math.floor(MIN_DISTANCE_SECONDS / unit))
    least = apart * np.arange(len(pts), dtype=np.int64)
    distinct = np.empty_like(pts)
    distinct[order] = np.maximum.accumulate(pts[order] * parts - least) + least
    return distinct, parts


def _without_torn_end(pts: NDArray[np.int64], step: int) -> int:
    """How many packets of a cut-off file stay, so that no picture is missing before another.

    A picture is stored before those that are shown before it but refer to it; where these are
    gone, it is dropped as well.
    """
    for count in range(len(pts), max(1, len(pts) - END_PACKETS), -1):
        last = np.sort(pts[max(0, count - END_PACKETS) : count])
        if np.all(np.diff(last[-END_PACKETS // 2 :]) <= 1.5 * step):
            return count
    return len(pts)


def _last_shown(pts: NDArray[np.int64]) -> int:
    """Where the largest stamp is; the last one, should there be several."""
    return len(pts) - 1 - int(np.argmax(pts[::-1]))


def reordering_depth(pts: NDArray[np.int64]) -> int:
    """How many packets ahead of its showing a picture may have to be decoded.

    With depth d, decoding the i-th packet at the (i - d)-th smallest presentation time (and
    the first d packets before all of them) never shows a picture before it is decoded.
    """
    position = np.searchsorted(np.sort(pts), pts)
    return int(np.max(np.arange(len(pts)) - position, initial=0))
