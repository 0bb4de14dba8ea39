"""One clock for an MPEG-TS whose time stamps begin anew in its middle, or run over their 33 bits.

Two recordings put together byte by byte (``copy /b``, a live download that was broken off) have two
clocks, and maybe other numbers (PIDs) for the same tracks. Demuxers give their stamps as they
are, or know the first recording's tracks alone, so that the second one is lost. Here the file is
copied with the stamps of the second part going on where the first one ends, by its pictures, and
with the first part's PIDs. Nothing else of it changes, so everything that reads the copy, here and
in ffmpeg, has the same clock for sound and picture.

Sources: ISO/IEC 13818-1, 2.4.3.2 (packets), 2.4.3.4 (adaptation field) and 2.4.3.6 (PES).
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.media.truncation import SYNC_BYTE, TRANSPORT_HEAD_BYTES, transport_packet
from pipeline.scratch import check_free

CLOCK_HZ = 90_000
"""Ticks a second of the time stamps."""
WRAP_TICKS = 1 << 33
"""Stamps have 33 bits; after so many ticks they begin at 0 again."""
MAX_BACK_TICKS = CLOCK_HZ // 2
"""A track's stamps that go back by more belong to another recording: decoding times only rise."""
MAX_AHEAD_TICKS = 10 * CLOCK_HZ
"""Stamps that leap by more belong to another recording, as for ffmpeg (``dts_delta_threshold``)."""
MAX_APART_TICKS = 2 * CLOCK_HZ
"""The tracks of one recording are interleaved no further apart in the file."""
MAX_OVERLAP_TICKS = round(0.3 * CLOCK_HZ)
"""How much of the second recording's sound the end of the first may cover, where its sound began
before its pictures."""
START_TICKS = CLOCK_HZ
"""The first stamp of the copy: above zero, since some tracks begin before others."""
CHUNK_PACKETS = 1 << 15
"""How many packets are read at a time."""
NULL_PID = 0x1FFF
"""The PID of packets without content."""

Packets = NDArray[np.uint8]
"""Shape (packets, bytes of one)."""
PACKET_BYTES = 188
TIMED_PACKET_BYTES = 192
"""A packet with the time code of four bytes that camcorders write before it."""
VIDEO_STREAM, AUDIO_STREAM, PRIVATE_STREAM = 0xE, 0xC0, 0xBD
"""Stream ids of PES packets: the upper half of a picture's, the first of sound, that of AC-3."""
LAST_MEDIA_STREAM = 0xFD
CLOCK_FIELD_BYTES = 7
"""The least length of an adaptation field that holds a clock reference."""


@dataclass(frozen=True)
class OneClock:
    """A file to read instead of the one that was given."""

    path: Path
    joints: tuple[float, ...] = ()
    """Where recordings were put together (seconds from the start)."""


@dataclass
class _Part:
    """One recording in the file: from packet ``first`` on."""

    first: int
    pids: dict[int, bool]
    """PIDs in order of appearance, and whether they are pictures."""
    begin: dict[bool, int]
    end: dict[bool, int]
    """First and last presentation time of sound (False) and pictures (True), on its own clock."""
    count: Counter[bool]
    """How many stamps there are of each."""
    shift: int = 0

    def next(self, kind: bool) -> int:
        """Where what follows the last stamp would be, at the usual distance."""
        length = self.end[kind] - self.begin[kind]
        return self.end[kind] + round(length / max(1, self.count[kind] - 1))


class _Stamps:
    """What the file's PES headers say, in columns, in the file's order."""

    def __init__(self) -> None:
        self.packet, self.pid = array("q"), array("q")
        self.pts, self.dts = array("q"), array("q")
        self.picture = bytearray()

    def __len__(self) -> int:
        return len(self.packet)


def one_clock(path: Path, out: Path) -> OneClock:
    """``path`` itself, or ``out``, a copy of an MPEG-TS with one clock, where it had several.

    Raises ``InputError`` (``disk_full``) and ``OSError``; of what is no MPEG-TS nothing is read
    but its beginning.
    """
    if not path.is_file():
        return OneClock(path)
    with path.open("rb") as file:
        size = transport_packet(file.read(TRANSPORT_HEAD_BYTES))
    if not size:
        return OneClock(path)
    stamps = _read(path, size)
    parts = _parts(stamps)
    wraps = any(end >= WRAP_TICKS for part in parts for end in part.end.values())
    if len(parts) <= 1 and not wraps:
        return OneClock(path)
    joints = _join(parts)
    check_free(out.parent, path.stat().st_size)
    _write(path, out, size, parts)
    return OneClock(out, joints)


def _chunks(path: Path, size: int) -> Iterator[tuple[int, Packets]]:
    """The file's packets, and the number of the first one of each chunk; at last the part of a
    torn one. What lies between whole packets (a first recording that ends inside one) is left out.
    """
    number = position = 0
    sync = size - PACKET_BYTES if size == TIMED_PACKET_BYTES else 0
    with path.open("rb") as file:
        while len(data := file.read(CHUNK_PACKETS * size)) >= size:
            count = len(data) // size
            packets = np.frombuffer(bytearray(data[: count * size]), np.uint8).reshape(-1, size)
            bad = np.flatnonzero(packets[:, sync] != SYNC_BYTE)
            whole = int(bad[0]) if len(bad) else count
            yield number, packets[:whole]
            number, position = number + whole, position + whole * size
            if whole < count:
                position += _next(data[whole * size :], size, sync)
            file.seek(position)
        yield number, np.frombuffer(data, np.uint8).reshape(1, -1)


def _next(data: bytes, size: int, sync: int) -> int:
    """Where in ``data`` packets go on."""
    for place in range(1, len(data)):
        if all(byte == SYNC_BYTE for byte in data[place + sync : place + 3 * size : size]):
            return place
    return len(data)


def _bare(packets: Packets) -> Packets:
    """Without the time code of four bytes that camcorders write before each packet."""
    return packets[:, 4:] if packets.shape[1] == TIMED_PACKET_BYTES else packets


def _pids(bare: Packets) -> NDArray[np.int64]:
    return (bare[:, 1] & 0x1F).astype(np.int64) << 8 | bare[:, 2]


def _pes(packet: NDArray[np.uint8]) -> int:
    """Where a PES header with a time stamp begins in a packet that starts one; 0 if none does."""
    at = 4 + (1 + int(packet[4]) if packet[3] & 0x20 else 0)
    if not packet[3] & 0x10 or at + 14 > PACKET_BYTES:
        return 0
    if bytes(packet[at : at + 3]) != b"\x00\x00\x01" or not packet[at + 7] & 0x80:
        return 0
    kind = packet[at + 3]
    return at if kind == PRIVATE_STREAM or AUDIO_STREAM <= kind <= LAST_MEDIA_STREAM else 0


def _stamp(packet: NDArray[np.uint8], at: int) -> int:
    a, b, c, d, e = (int(byte) for byte in packet[at : at + 5])
    return (a >> 1 & 7) << 30 | b << 22 | c >> 1 << 15 | d << 7 | e >> 1


def _read(path: Path, size: int) -> _Stamps:
    found = _Stamps()
    for first, packets in _chunks(path, size):
        if packets.shape[1] < size:
            break
        bare = _bare(packets)
        pids = _pids(bare)
        for row in np.flatnonzero(bare[:, 1] & 0x40):
            packet = bare[row]
            if at := _pes(packet):
                pts = _stamp(packet, at + 9)
                both = packet[at + 7] & 0x40 and at + 19 <= PACKET_BYTES
                found.packet.append(first + int(row))
                found.pid.append(int(pids[row]))
                found.pts.append(pts)
                found.dts.append(_stamp(packet, at + 14) if both else pts)
                found.picture.append(int(packet[at + 3]) >> 4 == VIDEO_STREAM)
    return found


def _apart(later: int, earlier: int) -> int:
    """How much later a stamp is, by the shorter way around."""
    return (later - earlier + WRAP_TICKS // 2) % WRAP_TICKS - WRAP_TICKS // 2


def _parts(stamps: _Stamps) -> list[_Part]:
    """The recordings of a file; the stamps of each go on beyond 33 bits."""
    parts: list[_Part] = []
    last: dict[int, int] = {}
    now = 0
    for i in range(len(stamps)):
        pid, dts, picture = stamps.pid[i], stamps.dts[i], bool(stamps.picture[i])
        if parts:
            off = _apart(dts, last.get(pid, now))
            back = MAX_BACK_TICKS if pid in last else MAX_APART_TICKS
            anew = off < -back or off > MAX_AHEAD_TICKS
            if anew and not _lasting(stamps, i):
                continue  # one damaged stamp
        if not parts or anew:
            parts.append(_Part(stamps.packet[i], {}, {}, {}, Counter()))
            last, now, off = {}, dts, 0
        time = last.get(pid, now) + off
        last[pid], now = time, max(now, time)
        shown = time + _apart(stamps.pts[i], dts)
        part = parts[-1]
        part.pids.setdefault(pid, picture)
        part.begin[picture] = min(part.begin.get(picture, shown), shown)
        part.end[picture] = max(part.end.get(picture, shown), shown)
        part.count[picture] += 1
    return parts


def _lasting(stamps: _Stamps, i: int) -> bool:
    """Whether the stamps after the ``i``-th go on from it."""
    following = stamps.dts[i + 1 : i + 4]
    return all(abs(_apart(dts, stamps.dts[i])) < MAX_APART_TICKS for dts in following)


def _join(parts: list[_Part]) -> tuple[float, ...]:
    """Gives each part its shift, and says where the joints are (seconds from the start)."""
    parts[0].shift = start = START_TICKS - min(parts[0].begin.values())
    start += min(parts[0].begin.values())
    joints = []
    for before, part in pairwise(parts):
        shifts = {
            kind: before.shift + before.next(kind) - part.begin[kind]
            for kind in part.begin
            if kind in before.end
        }
        ends = max(before.end.values()) + before.shift - min(part.begin.values())
        sound = shifts.get(False, ends)
        part.shift = max(shifts[True], sound - MAX_OVERLAP_TICKS) if True in shifts else sound
        joints.append((part.shift + min(part.begin.values()) - start) / CLOCK_HZ)
    return tuple(joints)


def _write(path: Path, out: Path, size: int, parts: list[_Part]) -> None:
    """Copies the file, each part's stamps shifted and its PIDs those of the first part."""
    firsts = np.array([part.first for part in parts[1:]], dtype=np.int64)
    names = [_names(parts[0], part) for part in parts]
    with out.open("wb") as file:
        for first, packets in _chunks(path, size):
            if packets.shape[1] < size:
                file.write(packets.tobytes())
                break
            bare = _bare(packets)
            pids = _pids(bare)
            owner = np.searchsorted(firsts, first + np.arange(len(bare)), side="right")
            begins, fields = bare[:, 1] & 0x40, (bare[:, 3] & 0x20 != 0) & (bare[:, 4] > 0)
            for row in np.flatnonzero((begins != 0) | fields):
                _shift(bare[row], parts[owner[row]].shift)
            for number in np.unique(owner):
                if names[number]:
                    here = np.flatnonzero(owner == number)
                    new = np.array(
                        [names[number].get(pid, NULL_PID) for pid in pids[here].tolist()]
                    )
                    bare[here, 1] = (bare[here, 1] & 0xE0) | (new >> 8)
                    bare[here, 2] = new & 0xFF
            file.write(packets.tobytes())


def _names(first: _Part, part: _Part) -> dict[int, int]:
    """The first part's PID for each of a part's tracks; empty where they are the same. The tables
    that say other ones are left out."""
    if part.pids.keys() <= first.pids.keys():
        return {}
    names = {pid: pid for pid in part.pids if pid in first.pids}
    for kind in (True, False):
        free = [pid for pid, k in first.pids.items() if k == kind and pid not in names]
        own = [pid for pid, k in part.pids.items() if k == kind and pid not in names]
        names.update(zip(own, free, strict=False))
    return names


def _shift(packet: NDArray[np.uint8], shift: int) -> None:
    """Moves the stamps in one packet: its clock reference and those of a PES header."""
    if packet[3] & 0x20 and packet[4] >= CLOCK_FIELD_BYTES and packet[5] & 0x10:
        value = int.from_bytes(bytes(packet[6:11]), "big")
        base = ((value >> 7) + shift) % WRAP_TICKS
        packet[6:11] = list((base << 7 | value & 0x7F).to_bytes(5, "big"))
    if packet[1] & 0x40 and (at := _pes(packet)):
        both = packet[at + 7] & 0x40 and at + 19 <= PACKET_BYTES
        places = [at + 9, at + 14] if both else [at + 9]
        for place in places:
            value = (_stamp(packet, place) + shift) % WRAP_TICKS
            mark = int(packet[place]) & 0xF0
            packet[place : place + 5] = [
                mark | value >> 30 << 1 | 1,
                value >> 22 & 0xFF,
                (value >> 15 & 0x7F) << 1 | 1,
                value >> 7 & 0xFF,
                (value & 0x7F) << 1 | 1,
            ]
