"""Whether a file is truncated: its own header promises more than the file holds.

An interrupted copy, a full card, a camera that lost its power: what is there is still of use,
but a person should know. Each container says in another place how much there ought to be. Only
that is compared with the size, so nothing is decoded; of a container without such a promise (bare
AAC, MP3 without a Xing header, a live recording) it is not known.

Sources: ISO/IEC 14496-12 (MP4), the RIFF and RF64 specifications, RFC 8794 (Matroska), the
Xing header as LAME writes it, RFC 3533 (Ogg), ISO/IEC 13818-1 (MPEG-TS), Apple's specifications of
AIFF and CAF, Microsoft's of ASF.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer

from pipeline.media.info import MediaInfo

SLACK_BYTES = 4096
"""So few missing bytes are no truncation: programs write headers that are off by some."""
TAIL_BYTES = 1 << 17
"""Where the last page of an Ogg file is looked for; a page has at most 65,307 bytes."""
HEAD_BYTES = 1 << 16
"""Where the header of a Matroska or ASF file is looked for."""
SYNC_BYTE = 0x47
"""The first byte of each packet of an MPEG-TS (ISO/IEC 13818-1)."""
TRANSPORT_HEAD_BYTES = 2000
"""How much of a file is read to see whether it is an MPEG-TS."""


def is_truncated(container: InputContainer, path: Path, size: int) -> bool:
    """Whether the file at ``path`` of ``size`` bytes promises more than it holds."""
    name = container.format.name
    if "mp4" in name:
        return beyond_index(container, size)
    look = next((PROMISES[part] for part in name.split(",") if part in PROMISES), None)
    if look is None:
        return False
    with path.open("rb") as file:
        return look(file, size)


def transport_packet(head: bytes) -> int:
    """The size of an MPEG-TS's packets (bytes) by its first ones, each of which begins with a
    sync byte: bare, with camcorders' time codes before or with parity behind; 0 for others."""
    for length, before in ((188, 0), (192, 4), (204, 0)):
        places = range(before, len(head), length)
        if len(places) > 1 and all(head[place] == SYNC_BYTE for place in places):
            return length
    return 0


def ends_early(info: MediaInfo, end: float) -> bool:
    """Whether a file that was found to end after ``end`` seconds was cut off.

    Matroska and FLAC say their length in time; some count it from 0 and not from the first
    stamp. A Matroska file that lost only the index behind its last picture misses nothing.
    """
    end += max(0.0, info.start_time)
    if "matroska" in info.container:
        return end < info.duration - (0.5 if info.cut_off else 2.0 + 0.05 * info.duration)
    if info.container == "flac":
        return end < info.duration - 0.5
    return info.cut_off


def beyond_index(container: InputContainer, size: int) -> bool:
    """Whether an MP4's index points beyond ``size`` bytes."""
    ends = [
        entries[len(entries) - 1].pos + entries[len(entries) - 1].size
        for entries in (stream.index_entries for stream in container.streams)
        if len(entries)
    ]
    return max(ends, default=0) > size


def _riff(file: BinaryIO, size: int) -> bool:
    """AVI and WAV: chunks that say their size; above 1 GiB an AVI has several."""
    position = 0
    while position + 12 <= size:
        file.seek(position)
        head = file.read(28)
        promised = int.from_bytes(head[4:8], "little")
        if head[:4] == b"RF64" and head[12:16] == b"ds64":
            promised = int.from_bytes(head[20:28], "little")
        elif head[:4] != b"RIFF" or promised in {0, 0xFFFFFFFF}:
            return False  # something else at the end, or a recorder that never came back
        position += 8 + promised + (promised & 1)
    return position > size + SLACK_BYTES


def _segment(file: BinaryIO, size: int) -> bool:
    """Matroska and WebM: the segment's size, unknown in live recordings."""
    head = file.read(HEAD_BYTES)
    segment_id = b"\x18\x53\x80\x67"
    at = head.find(segment_id) + len(segment_id)
    if at < len(segment_id) or at >= len(head) or head[at] == 0:
        return False
    length = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + length], "big") & ((1 << 7 * length) - 1)
    if value == (1 << 7 * length) - 1:
        return False
    return at + length + value > size + SLACK_BYTES


def _xing(file: BinaryIO, size: int) -> bool:
    """MP3: the first frame may say how many bytes follow it."""
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        sizes = head[6:10]
        start = 10 + sum(byte << 7 * (3 - place) for place, byte in enumerate(sizes))
    file.seek(start)
    frame = file.read(256)
    for name in (b"Xing", b"Info"):
        at = frame.find(name)
        if at >= 0:
            has_frames, has_bytes = frame[at + 7] & 1, frame[at + 7] & 2
            place = at + 8 + 4 * has_frames
            promised = int.from_bytes(frame[place : place + 4], "big")
            return bool(has_bytes) and start + promised > size + SLACK_BYTES
    return False


def _torn(file: BinaryIO, size: int) -> bool:
    """MPEG-TS promises nothing, but consists of whole packets."""
    length = transport_packet(file.read(TRANSPORT_HEAD_BYTES))
    return length > 0 and size % length > 0


def _unfinished(file: BinaryIO, size: int) -> bool:
    """Ogg: the last page is marked as such, and is whole."""
    file.seek(max(0, size - TAIL_BYTES))
    tail = file.read(TAIL_BYTES)
    at = tail.rfind(b"OggS\x00")
    if at < 0 or at + 27 > len(tail):
        return True
    lacing = tail[at + 27 : at + 27 + tail[at + 26]]
    whole = len(lacing) == tail[at + 26] and at + 27 + len(lacing) + sum(lacing) <= len(tail)
    return not (whole and tail[at + 5] & 4)


def _form(file: BinaryIO, size: int) -> bool:
    """AIFF: one chunk that says its size."""
    head = file.read(12)
    return head[:4] == b"FORM" and 8 + int.from_bytes(head[4:8], "big") > size + SLACK_BYTES


def _chunks(file: BinaryIO, size: int) -> bool:
    """CAF: chunks that say their size, but for the last one of a live recording."""
    position = 8
    while position + 12 <= size:
        file.seek(position)
        promised = int.from_bytes(file.read(12)[4:], "big", signed=True)
        if promised < 0:
            return False
        position += 12 + promised
    return position > size + SLACK_BYTES


def _properties(file: BinaryIO, size: int) -> bool:
    """ASF (WMA, WMV): its header says the file's size, 0 in a live recording."""
    head = file.read(HEAD_BYTES)
    at = head.find(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    return at >= 0 and int.from_bytes(head[at + 40 : at + 48], "little") > size + SLACK_BYTES


PROMISES: dict[str, Callable[[BinaryIO, int], bool]] = {
    "avi": _riff,
    "wav": _riff,
    "aiff": _form,
    "caf": _chunks,
    "asf": _properties,
    "matroska": _segment,
    "mp3": _xing,
    "ogg": _unfinished,
    "mpegts": _torn,
}
"""By the container's name; each reads the file and compares with its size."""
