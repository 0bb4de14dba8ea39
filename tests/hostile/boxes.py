"""Films in MOV, written box by box: their index may say what no camera would."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE_TYPE = struct.pack(">I4s4sI4s", 20, b"ftyp", b"qt  ", 0, b"qt  ")
DATA_AT = len(FILE_TYPE) + 8
"""Where the data begin in a file of ``write_film`` (bytes)."""
_MATRIX = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_TICKS = 1000
"""A second of the film, in its own unit."""


def box(kind: str, *parts: bytes) -> bytes:
    """A box of this kind with these parts as its content."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind.encode("ascii")) + content


@dataclass(frozen=True)
class Track:
    """A track of samples of one size, or of the ``sizes`` given one by one (bytes)."""

    entry: bytes
    """Its sample entry: ``picture_entry`` or ``sound_entry``."""
    timescale: int
    """Units a second."""
    ticks: int
    """Length of a sample in these units."""
    samples: int
    offsets: Sequence[int]
    """Where each chunk stands in the file; several may be at one place."""
    size: int = 0
    sizes: Sequence[int] = ()
    per_chunk: int = 1
    """Samples in a chunk."""
    edits: int = 0
    """How often an edit list shows the whole track; 0 writes none."""

    @property
    def is_sound(self) -> bool:
        return self.entry[4:8] == b"sowt"

    @property
    def seconds(self) -> float:
        return self.samples * self.ticks / self.timescale


def picture_entry(codec: str, width: int, height: int) -> bytes:
    """The sample entry of a picture in ``codec``, such as ``jpeg``."""
    return box(
        codec,
        struct.pack(">6xH16xHH", 1, width, height),
        struct.pack(">IIIH32xHh", 72 << 16, 72 << 16, 0, 1, 24, -1),
    )


def sound_entry(rate: int) -> bytes:
    """The sample entry of a mono sound of 16 bits, little endian."""
    return box("sowt", struct.pack(">6xH8xHHHHI", 1, 1, 16, 0, 0, rate << 16))


def write_film(path: Path, data: bytes, *tracks: Track) -> Path:
    """A MOV of ``data`` (from ``DATA_AT`` on) and an index of these tracks."""
    with path.open("wb") as file:
        file.write(FILE_TYPE)
        file.write(box("mdat", data))
        file.write(index(*tracks))
    return path


def index(*tracks: Track, more: bytes = b"") -> bytes:
    """The box ``moov``; ``more`` comes behind the tracks."""
    length = int(max(track.seconds * max(1, track.edits) for track in tracks) * _TICKS)
    head = struct.pack(">4xIIIIIH10x", 0, 0, _TICKS, length, 1 << 16, 1 << 8)
    made = [_track(number, track) for number, track in enumerate(tracks, 1)]
    header = box("mvhd", head, _MATRIX, bytes(24), struct.pack(">I", len(tracks) + 1))
    return box("moov", header, *made, more)


def _track(number: int, track: Track) -> bytes:
    shown = int(track.seconds * _TICKS)
    head = struct.pack(">IIIIII8xHHHH", 7, 0, 0, number, 0, shown, 0, 0, 256 * track.is_sound, 0)
    header = box("tkhd", head, _MATRIX, struct.pack(">II", 0, 0))
    edits = b""
    if track.edits:
        one = struct.pack(">IiI", shown, 0, 1 << 16)
        edits = box("edts", box("elst", struct.pack(">4xI", track.edits), track.edits * one))
    duration = track.samples * track.ticks
    media = struct.pack(">4xIIIIHH", 0, 0, track.timescale, duration, 0x55C4, 0)
    handler = b"soun" if track.is_sound else b"vide"
    return box(
        "trak",
        header,
        edits,
        box(
            "mdia",
            box("mdhd", media),
            box("hdlr", struct.pack(">4x4s4s12x", b"mhlr", handler), b"\x00"),
            box("minf", _kind_header(track), _data_reference(), _sample_table(track)),
        ),
    )


def _kind_header(track: Track) -> bytes:
    return box("smhd", bytes(8)) if track.is_sound else box("vmhd", struct.pack(">I8x", 1))


def _data_reference() -> bytes:
    return box("dinf", box("dref", struct.pack(">4xI", 1), box("url ", struct.pack(">I", 1))))


def _sample_table(track: Track) -> bytes:
    sizes = struct.pack(f">{len(track.sizes)}I", *track.sizes)
    chunks = struct.pack(f">{len(track.offsets)}I", *track.offsets)
    runs = struct.pack(">4xIIII", 1, 1, track.per_chunk, 1) if track.offsets else bytes(8)
    return box(
        "stbl",
        box("stsd", struct.pack(">4xI", 1), track.entry),
        box("stts", struct.pack(">4xIII", 1, track.samples, track.ticks)),
        box("stsc", runs),
        box("stsz", struct.pack(">4xII", track.size, track.samples), sizes),
        box("stco", struct.pack(">4xI", len(track.offsets)), chunks),
    )
