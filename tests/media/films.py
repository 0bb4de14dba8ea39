"""Films as other people's programs write them, made from our own clips by changing their bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from numpy.typing import NDArray

from tests.media.clips import Clip, make_dance

Box = tuple[bytes, int, int]
"""A box's kind, where its content begins and where it ends."""
HOLDERS = {
    **dict.fromkeys((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"), 0),
    **{b"stsd": 8, b"hvc1": 78},
}
"""Boxes with boxes in them, and how many bytes stand before these."""


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """All boxes of an MP4, those inside others as well."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        size = size or end - start
        yield kind, start + 8, start + size
        if kind in HOLDERS:
            yield from boxes(data, start + 8 + HOLDERS[kind], start + size)
        start += size


def without_duration(path: Path, out: Path, sample: int, count: int = 1) -> Path:
    """An MP4 whose first track (of one duration for all) has ``count`` samples of duration 0
    from ``sample`` on."""
    data = path.read_bytes()
    stts = next(start for kind, start, _ in boxes(data) if kind == b"stts")
    entries, number, delta = struct.unpack_from(">III", data, stts + 4)
    assert entries == 1
    rows = [(sample, delta), (count, 0), (number - sample - count, delta)]
    table = struct.pack(">I", len(rows)) + b"".join(struct.pack(">II", *row) for row in rows)
    return grown(data, out, stts + 4, stts + 16, table)


def grown(data: bytes, out: Path, start: int, end: int, new: bytes) -> Path:
    """``data`` with ``new`` in place of ``start`` to ``end``, in an index behind the media; the
    boxes around it grow as well."""
    changed = bytearray(data)
    for kind, content, last in boxes(data):
        if kind != b"mdat" and content <= start and last >= end:
            size = struct.unpack_from(">I", data, content - 8)[0]
            struct.pack_into(">I", changed, content - 8, size + len(new) - (end - start))
    media = next(content for kind, content, _ in boxes(data) if kind == b"mdat")
    assert media < start, "the index has to be behind the media, whose places it says"
    changed[start:end] = new
    out.write_bytes(bytes(changed))
    return out


def _number(data: bytes, at: int) -> tuple[int, int]:
    """An EBML size and its length in bytes."""
    length = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + length], "big") & ((1 << 7 * length) - 1), length


def blocks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The blocks of a Matroska file: track, where the block's relative time stands, its time."""
    at, cluster = 0, 0
    while at < len(data):
        size = 9 - data[at].bit_length()
        name = data[at : at + size]
        value, length = _number(data, at + size)
        content = at + size + length
        if name in {b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\xa0"}:  # segment, cluster, group
            at = content
            continue
        if name == b"\xe7":
            cluster = int.from_bytes(data[content : content + value], "big")
        if name in {b"\xa3", b"\xa1"}:
            track, width = _number(data, content)
            place = content + width
            yield track, place, cluster + struct.unpack_from(">h", data, place)[0]
        at = content + value


def with_equal_stamps(path: Path, out: Path, numbers: list[int], track: int = 1) -> Path:
    """A Matroska file in which the blocks ``numbers`` of ``track`` (in the file's order) have the
    time of the block before."""
    data = bytearray(path.read_bytes())
    own = [(place, time) for number, place, time in blocks(bytes(data)) if number == track]
    for number in numbers:
        before = struct.unpack_from(">h", data, own[number - 1][0])[0]
        shift = own[number - 1][1] - before  # of the cluster before
        here = own[number][1] - struct.unpack_from(">h", data, own[number][0])[0]
        struct.pack_into(">h", data, own[number][0], before + shift - here)
    out.write_bytes(bytes(data))
    return out


def vp9_with_hidden_pictures(folder: Path, music: NDArray[np.float32]) -> Path:
    """VP9 whose hidden reference pictures are blocks of their own with the next picture's time."""
    plain = make_dance(Clip("mkv", "vp9", extra="hidden"), music, folder)
    split, stamps = folder / "split.mkv", []
    loose = {"fflags": "-autobsf"}  # the muxer would join them again
    with (
        av.open(str(plain)) as source,
        av.open(str(split), "w", format="matroska", options=loose) as target,
    ):
        into = {s.index: target.add_stream_from_template(s) for s in source.streams}
        parts = BitStreamFilterContext("vp9_superframe_split", source.streams.video[0])
        for packet in source.demux():
            if packet.dts is None:
                continue
            index, time = packet.stream.index, packet.pts or 0
            for number, each in enumerate(parts.filter(packet) if index == 0 else [packet]):
                if index == 0:
                    stamps.append(number > 0)
                each.stream = into[index]
                # Muxers refuse equal times: apart now, made equal below.
                each.pts = each.dts = time + number
                target.mux(each)
    hidden = [number for number, second in enumerate(stamps) if second]
    assert hidden, "no picture is hidden"
    return with_equal_stamps(split, folder / "hidden.mkv", hidden)


def with_dolby_vision(path: Path, out: Path) -> Path:
    """An MP4 with HEVC as ``hvc1`` whose description says Dolby Vision 8.4, as phones write it."""
    data = path.read_bytes()
    place = next(content - 8 for kind, content, _ in boxes(data) if kind == b"hvcC")
    record = struct.pack(">I4s5B", 32, b"dvvC", 1, 0, 0x10, 0x25, 0x40) + bytes(19)
    return grown(data, out, place, place, record)


Edits = list[tuple[float, float]]
"""Of a track: from when on in its media, and for how long (seconds)."""


def with_edits(path: Path, out: Path, edits: dict[int, Edits]) -> Path:
    """An MP4 whose tracks (by their places in the file) have these edits, of what their own edit
    lists show; its index has to be behind the media."""
    for number in sorted(edits, reverse=True):
        data = path.read_bytes()
        lists = [(start, end) for kind, start, end in boxes(data) if kind == b"elst"]
        scales = [
            struct.unpack_from(">I", data, start + 12)[0]
            for kind, start, _ in boxes(data)
            if kind in {b"mvhd", b"mdhd"}
        ]
        start, end = lists[number]
        entry = start + 8 + 12 * (struct.unpack_from(">I", data, start + 4)[0] - 1)
        before = struct.unpack_from(">i", data, entry + 4)[0]
        new = struct.pack(">II", 0, len(edits[number]))
        for begin, length in edits[number]:
            media = before + round(begin * scales[number + 1])
            new += struct.pack(">IiI", round(length * scales[0]), media, 1 << 16)
        path = grown(data, out, start, end, new)
    return path
