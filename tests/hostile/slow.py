"""Small files that keep libavformat busy while they are opened."""

from __future__ import annotations

import struct
import subprocess
import zlib
from pathlib import Path

from pipeline.media.ffmpeg import executable

ZEROS_A_FRAME = 255 * 2**20
"""An ID3 frame says its length in 28 bits."""


def many_keys(path: Path, count: int) -> Path:
    """An MP3 with as many distinct ID3 keys: opening it takes time that grows with their square
    (20,000 take some 18 s)."""
    frames = b"".join(_frame(f"key{number:06}") for number in range(count))
    path.write_bytes(b"ID3\x03\x00\x00" + _syncsafe(len(frames)) + frames + _mp3())
    return path


def many_comments(path: Path, count: int) -> Path:
    """A FLAC with as many distinct Vorbis comments; as ``many_keys``."""
    flac = _sound("flac", "-f", "flac", "-")
    keys = (b"key%06d=v" % number for number in range(count))
    comments = b"".join(struct.pack("<I", len(key)) + key for key in keys)
    body = struct.pack("<II", 0, count) + comments
    block = b"\x04" + len(body).to_bytes(3, "big") + body
    at = 4 + 4 + 34  # behind the mark and STREAMINFO, which come first
    path.write_bytes(flac[:at] + block + flac[at:])
    return path


def compressed_tags(path: Path, count: int) -> Path:
    """An MP3 with as many ID3 frames of 255 MiB each, compressed to 0.25 MiB."""
    packer = zlib.compressobj(9)
    mebibyte = bytes(2**20)
    packed = b"".join(packer.compress(mebibyte) for _ in range(ZEROS_A_FRAME >> 20))
    packed += packer.flush()
    body = _syncsafe(ZEROS_A_FRAME) + packed
    # Flags of ID3v2.4: compressed, with a data length indicator.
    frame = b"TXXX" + _syncsafe(len(body)) + b"\x00\x09" + body
    path.write_bytes(b"ID3\x04\x00\x00" + _syncsafe(count * len(frame)) + count * frame + _mp3())
    return path


def repeated_chapters(path: Path, count: int) -> Path:
    """A Matroska whose chapters have one name all, and as many tags: each tag is looked for
    among all for each chapter, which takes time that grows with the cube (3,000 take 75 s)."""
    made = _sound("libvorbis", "-f", "matroska", "-")
    uid = _element("73c4", b"\x07")
    chapter = _element("b6", uid, _element("91", b"\x00"))
    chapters = _element("1043a770", _element("45b9", count * chapter))
    tags = b"".join(
        _element("67c8", _element("45a3", b"key%06d" % number), _element("4487", b"v"))
        for number in range(count)
    )
    target = _element("63c0", _element("63c4", b"\x07"))
    at = made.index(bytes.fromhex("1f43b675"))  # the first cluster
    whole = chapters + _element("1254c367", _element("7373", target, tags))
    path.write_bytes(made[:at] + whole + made[at:])
    return path


def _sound(codec: str, *arguments: str) -> bytes:
    """Five seconds of a tone."""
    return subprocess.run(
        [
            *(executable(), "-v", "error", "-f", "lavfi", "-i", "sine=f=440:r=44100:d=5"),
            *("-c:a", codec, *arguments),
        ],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout


def _mp3() -> bytes:
    return _sound("libmp3lame", "-id3v2_version", "0", "-f", "mp3", "-")


def _frame(key: str) -> bytes:
    body = b"\x00" + key.encode() + b"\x00" + b"v"
    return b"TXXX" + len(body).to_bytes(4, "big") + b"\x00\x00" + body


def _syncsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))


def _element(identity: str, *parts: bytes) -> bytes:
    """An EBML element with its length in eight bytes."""
    content = b"".join(parts)
    return bytes.fromhex(identity) + (1 << 56 | len(content)).to_bytes(8, "big") + content
