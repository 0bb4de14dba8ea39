"""Why a file could not be opened: the reason's code and a text."""

from __future__ import annotations

from pathlib import Path

import av.error

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.media.truncation import TRANSPORT_HEAD_BYTES, transport_packet

MAX_COUNTED_STREAMS = 1000
"""With up to so many streams, a file that has too many is known from one that needs too much
memory: libavformat reports both alike."""

Why = tuple[str, str]
"""A code of ``pipeline.reasons``, and text that goes on after "the dance file "."""

LARGE_INDEX: Why = (
    reasons.LARGE_INDEX,
    "has an index that takes far more memory than that of any film: it is damaged, or made to be "
    "so; export it again",
)


def lacking_memory(path: Path, most: int) -> Why:
    """Why libavformat says that memory is short: it does so of more than ``most`` streams as well,
    so they are counted."""
    try:
        with ffmpeg.open_input(path, max_streams=MAX_COUNTED_STREAMS) as container:
            count = len(container.streams)
    except (MemoryError, av.error.FFmpegError):
        count = 0
    if count > most:
        return (
            reasons.TOO_MANY_STREAMS,
            f"has more than {most} streams; export it with one picture and one sound track",
        )
    return LARGE_INDEX


def unknown(path: Path) -> Why:
    """Whether what no demuxer takes is a broken file or none of a known kind."""
    if _looks_like_media(path):
        return (
            reasons.UNREADABLE,
            "is damaged or incomplete (it has no readable index); export or upload it again",
        )
    return (
        reasons.NOT_MEDIA,
        "is not a video or sound file of a known kind (MP4, MOV, AVI, MKV, WebM, M4V, TS, FLV, "
        "MPG, VOB, WMV, MP3, M4A, AAC, WAV, FLAC, OGG, Opus, AIFF, CAF, WMA, AC-3 or WavPack)",
    )


def _looks_like_media(path: Path) -> bool:
    """Whether the first bytes are those of an accepted container, so that it is only broken."""
    with path.open("rb") as file:
        head = file.read(TRANSPORT_HEAD_BYTES)
    return (
        head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot"}
        or head[:4] in {b"\x1a\x45\xdf\xa3", b"OggS", b"fLaC", b"RF64", b"caff", b"wvpk"}
        or head[:4] in {b"FLV\x01", b"\x30\x26\xb2\x75", b"\x00\x00\x01\xba"}
        or (head[:4] == b"RIFF" and head[8:12] in {b"AVI ", b"WAVE"})
        or (head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"})
        or head[:3] == b"ID3"
        or transport_packet(head) > 0
    )
