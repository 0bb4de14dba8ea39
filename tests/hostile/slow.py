"""Small files that keep libavformat busy while they are opened."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pipeline.media.ffmpeg import executable


def many_keys(path: Path, count: int) -> Path:
    """An MP3 with as many distinct ID3 keys: opening it takes time that grows with their square
    (20,000 take some 18 s)."""
    sound = subprocess.run(
        [
            *(executable(), "-v", "error", "-f", "lavfi", "-i", "sine=f=440:r=44100:d=5"),
            *("-c:a", "libmp3lame", "-id3v2_version", "0", "-f", "mp3", "-"),
        ],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    frames = b"".join(_frame(f"key{number:06}") for number in range(count))
    path.write_bytes(b"ID3\x03\x00\x00" + _syncsafe(len(frames)) + frames + sound)
    return path


def _frame(key: str) -> bytes:
    body = b"\x00" + key.encode() + b"\x00" + b"v"
    return b"TXXX" + len(body).to_bytes(4, "big") + b"\x00\x00" + body


def _syncsafe(value: int) -> bytes:
    return bytes(value >> shift & 0x7F for shift in (21, 14, 7, 0))
