"""The edit lists of an MP4 that libavformat does not follow exactly.

libavformat begins an edit with a whole picture, and every edit but a track's first with a whole
packet of sound: up to 33 and 21 ms early. In such a file the tracks are read without their lists,
by the media's own stamps, and the edits are applied here. Other lists are left to libavformat.

Source: ISO/IEC 14496-12, 8.6.5 and 8.6.6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer
from av.video.stream import VideoStream

from pipeline.media import ffmpeg
from pipeline.media.info import Edit
from pipeline.media.packets import packets

PARENT_BOXES = frozenset({b"moov", b"trak", b"mdia", b"edts"})
"""Boxes that contain those that are read."""
READ_BOXES = frozenset({b"mvhd", b"tkhd", b"mdhd", b"elst", b"mvex"})
"""Edit lists, the headers that they need, and the sign of a file of fragments."""
MAX_BOX_BYTES = 1 << 20
"""The largest box that is read."""
SAME_START_SECONDS = Fraction(1, 2000)
"""A picture this near to an edit's beginning counts as its first one: edits are often written in
milliseconds."""

Row = tuple[int, int, int]
"""An entry: its length (in the movie's units), its media time (in the media's), its rate."""


def edits_of(container: InputContainer, path: Path) -> dict[int, tuple[Edit, ...]]:
    """The edits that have to be applied here, by the index of the stream; only of an MP4.

    Lists that do not go forward through the media at its own speed are left to libavformat.
    Raises ``av.error.FFmpegError``.
    """
    if "mp4" not in container.format.name:
        return {}
    with path.open("rb") as file:
        lists = _lists(file, path.stat().st_size)
    found: dict[int, tuple[Edit, ...]] = {}
    for stream in container.streams:
        edits = lists.get(stream.id, ())
        if len(edits) > 1 or (edits and isinstance(stream, VideoStream) and edits[0].media > 0):
            begins = len(edits) == 1 and _on_a_picture(path, stream.index, edits[0])
            found |= {} if begins else {stream.index: edits}
    return found


def _on_a_picture(path: Path, index: int, edit: Edit) -> bool:
    with ffmpeg.open_input(path, as_stored=True, skip_pictures=True) as container:
        stream = container.streams[index]
        assert isinstance(stream, VideoStream) and stream.time_base is not None  # noqa: S101
        container.seek(round(edit.media / stream.time_base), stream=stream)
        for packet in packets(container, stream):
            if packet.pts is not None and packet.dts is not None:
                if abs(packet.pts * stream.time_base - Fraction(edit.media)) <= SAME_START_SECONDS:
                    return True
                if packet.dts * stream.time_base > edit.media + 1:
                    break
    return False


def _lists(file: BinaryIO, size: int) -> dict[int, tuple[Edit, ...]]:
    """By the track's own number; empty in a file of fragments."""
    movie, media, track = 1, 1, 0
    rows: dict[int, tuple[int, list[Row]]] = {}
    for kind, data in _boxes(file, 0, size):
        if kind == b"mvex":
            return {}
        wide = data[:1] == b"\x01"
        if kind == b"mvhd":
            movie = struct.unpack_from(">I", data, 20 if wide else 12)[0]
        elif kind == b"tkhd":
            track = struct.unpack_from(">I", data, 20 if wide else 12)[0]
            rows[track] = (1, [])
        elif kind == b"elst":
            form = struct.Struct(">Qqi" if wide else ">Iii")
            count = struct.unpack_from(">I", data, 4)[0]
            entries = [form.unpack_from(data, 8 + form.size * i) for i in range(count)]
            rows[track] = (rows[track][0], entries)
        elif kind == b"mdhd":
            media = struct.unpack_from(">I", data, 20 if wide else 12)[0]
            rows[track] = (media, rows[track][1])
    return {number: _edits(entries, movie, unit) for number, (unit, entries) in rows.items()}


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    while start + 8 <= end:
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", file.read(8))[0], 16
        stop = start + size if size >= head else end
        if kind in PARENT_BOXES:
            yield from _boxes(file, start + head, min(stop, end))
        elif kind in READ_BOXES and stop - start <= MAX_BOX_BYTES:
            yield kind, file.read(stop - start - head)
        start = stop


def _edits(rows: Sequence[Row], movie: int, unit: int) -> tuple[Edit, ...]:
    """Empty where the list does not go forward at the media's own speed."""
    shown, found, reached = Fraction(0), [], Fraction(0)
    for length, media, rate in rows:
        lasts = Fraction(length, movie)
        if media >= 0:
            begin = Fraction(media, unit)
            if rate != 1 << 16 or begin < reached or (not length and len(rows) > 1):
                return ()
            found.append(Edit(float(shown), float(begin), float(lasts) if length else 1e9))
            reached = begin + lasts
        shown += lasts
    return tuple(found)
