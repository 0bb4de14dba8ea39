"""Small files of much: pixels, samples, edits or index entries beyond what they hold."""

from __future__ import annotations

import struct
import subprocess
import zlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.media.ffmpeg import executable
from tests.hostile.boxes import (
    DATA_AT,
    FILE_TYPE,
    Track,
    box,
    index,
    picture_entry,
    sound_entry,
    write_film,
)

RATE = 8000
"""Of the sound beside the pictures (hertz)."""
_PIECE = 2**20


def png(side: int) -> bytes:
    """A black RGBA picture of ``side`` x ``side`` pixels, a thousandth of its size."""
    length = side * (1 + 4 * side)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = packer.compress(bytes(_PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(bytes(length % _PIECE)) + packer.flush(zlib.Z_FINISH)
    total = struct.pack(">HH", length % 65521, 1)  # Adler-32 of zeros
    data = b"\x78\xda" + length // _PIECE * piece + rest + total
    head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND")


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def jpeg(width: int, height: int) -> bytes:
    """A picture of one colour."""
    return _ffmpeg(
        *("-f", "lavfi", "-i", f"color=c=gray:s={width}x{height}:r=1", "-frames:v", "1"),
        *("-c:v", "mjpeg", "-f", "image2pipe", "-"),
    )


def stills(path: Path, side: int, seconds: int = 5) -> Path:
    """A film of one PNG, shown each second."""
    return _pictures(path, "png ", (side, side), [png(side)] * seconds, rate=1)


def cover_mp4(path: Path, side: int) -> Path:
    """A sound whose cover is a PNG."""
    data = struct.pack(">II", 14, 0) + png(side)
    items = box("ilst", box("covr", box("data", data)))
    handler = box("hdlr", struct.pack(">4x4s4s4s8x", b"\0\0\0\0", b"mdir", b"appl"), b"\x00")
    more = box("udta", box("meta", bytes(4), handler, items))
    sound = _tone(5)
    path.write_bytes(FILE_TYPE + box("mdat", sound) + index(_sound_track(DATA_AT, 5), more=more))
    return path


def cover_mp3(path: Path, side: int) -> Path:
    """An MP3 with a PNG in its ID3 tag."""
    body = b"\x00image/png\x00\x03\x00" + png(side)
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\x00\x00" + body
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    mp3 = _ffmpeg(*_TONE, "-c:a", "libmp3lame", "-id3v2_version", "0", "-f", "mp3", "-")
    path.write_bytes(b"ID3\x03\x00\x00" + size + frame + mp3)
    return path


def cover_flac(path: Path, side: int) -> Path:
    """A FLAC with a PNG as its picture."""
    picture = png(side)
    kind = b"image/png"
    body = struct.pack(">II", 3, len(kind)) + kind + struct.pack(">IIIII", 0, side, side, 32, 0)
    body += struct.pack(">I", len(picture)) + picture
    flac = _ffmpeg(*_TONE, "-c:a", "flac", "-f", "flac", "-")
    at = 4 + 4 + 34  # behind the mark and STREAMINFO, which come first
    path.write_bytes(flac[:at] + b"\x06" + len(body).to_bytes(3, "big") + body + flac[at:])
    return path


def cover_matroska(path: Path, side: int) -> Path:
    """A sound in Matroska with a PNG attached."""
    picture = path.with_suffix(".png")
    picture.write_bytes(png(side))
    _ffmpeg(
        *(*_TONE, "-c:a", "flac", "-attach", str(picture), "-metadata:s:t", "mimetype=image/png"),
        *("-f", "matroska", "-y", str(path)),
    )
    picture.unlink()
    return path


def repeated_picture(path: Path, seconds: int, rate: int) -> Path:
    """A film whose chunks are one picture of 8192 x 4320 again and again."""
    return _pictures(path, "jpeg", (8192, 4320), [jpeg(8192, 4320)] * seconds * rate, rate=rate)


def growing_picture(path: Path, side: int) -> Path:
    """A film of five pictures of 320 x 240, and of five of ``side`` x ``side`` behind them."""
    large = jpeg(side, side)
    pictures = [jpeg(320, 240)] * 5 + [bytes(bytearray(large)) for _ in range(5)]
    return _pictures(path, "jpeg", (320, 240), pictures, rate=2)


def repeated_edits(path: Path, edits: int, seconds: int = 30) -> Path:
    """A film whose edit list shows it again and again."""
    pictures = [jpeg(320, 240)] * (25 * seconds)
    return _pictures(path, "jpeg", (320, 240), pictures, rate=25, edits=edits)


def many_samples(path: Path, samples: int) -> Path:
    """A sound of one fragment, whose run of samples needs no bytes for each."""
    path.write_bytes(_fragmented() + _fragment(1, samples))
    return path


def many_samples_later(path: Path, samples: int) -> Path:
    """The same behind a fragment like any other, and before both a list of them: where there is
    one, only the first fragment is read when the file is opened."""
    fragments = [_fragment(1, RATE), _fragment(2, samples)]
    head = struct.pack(">4xIIIIHH", 1, RATE, 0, 0, 0, len(fragments))
    listed = (struct.pack(">III", len(one), RATE, 1 << 31) for one in fragments)
    path.write_bytes(_fragmented() + box("sidx", head, *listed) + b"".join(fragments))
    return path


def _fragmented() -> bytes:
    """The beginning of a sound in fragments."""
    none = Track(sound_entry(RATE), RATE, 1, 0, [], size=0)
    extends = box("mvex", box("trex", struct.pack(">4xIIIII", 1, 1, 1, 2, 0)))
    return FILE_TYPE + index(none, more=extends)


def _fragment(number: int, samples: int) -> bytes:
    """A second of sound, said to be of as many samples."""
    header = box("tfhd", struct.pack(">II", 0x020000, 1))
    run = box("trun", struct.pack(">II", 0, samples))
    moof = box("moof", box("mfhd", struct.pack(">4xI", number)), box("traf", header, run))
    return moof + box("mdat", _tone(1))


def wide_flac(path: Path, seconds: int) -> Path:
    """A FLAC of the highest rate and eight channels, each block a constant: forty bytes for half a
    million samples."""
    rate, block = 655_350, 65_535
    samples = rate * seconds // block * block
    packed = rate << 44 | 7 << 41 | 15 << 36 | samples
    info = struct.pack(">HH3x3x", block, block) + packed.to_bytes(8, "big") + bytes(16)
    numbers = np.arange(samples // block)
    parts = [b"fLaC\x80" + len(info).to_bytes(3, "big") + info]
    edges = [0, 0x80, 0x800, 0x10000, 0x200000]
    for low, high in pairwise(edges):
        chosen = numbers[(numbers >= low) & (numbers < high)]
        if len(chosen):
            parts.append(_frames(chosen, block).tobytes())
    path.write_bytes(b"".join(parts))
    return path


def _frames(numbers: npt.NDArray[np.int64], block: int) -> npt.NDArray[np.uint8]:
    """FLAC frames of these numbers, all coded in as many bytes, one a row."""
    head = np.frombuffer(b"\xff\xf8\x7e\x78", np.uint8)  # block and rate (tens) follow in 16 bits
    coded = np.frombuffer("".join(map(chr, numbers)).encode("utf-8", "surrogatepass"), np.uint8)
    count = len(numbers)
    sizes = np.frombuffer(struct.pack(">HH", block - 1, 65_535), np.uint8)
    row = [np.tile(head, (count, 1)), coded.reshape(count, -1), np.tile(sizes, (count, 1))]
    row.append(_checksum(np.hstack(row), 8, 0x07))
    row.append(np.tile(np.frombuffer(8 * b"\x00\x00\x01", np.uint8), (count, 1)))
    row.append(_checksum(np.hstack(row), 16, 0x8005))
    return np.hstack(row)


def _checksum(rows: npt.NDArray[np.uint8], bits: int, polynomial: int) -> npt.NDArray[np.uint8]:
    """The cyclic redundancy check of each row, most significant byte first."""
    mask, top = (1 << bits) - 1, 1 << (bits - 1)
    state = np.zeros(len(rows), np.int64)
    for column in rows.T:
        state ^= column.astype(np.int64) << (bits - 8)
        for _ in range(8):
            state = np.where(state & top, state << 1 ^ polynomial, state << 1) & mask
    whole = np.stack([state >> shift & 0xFF for shift in range(bits - 8, -1, -8)], axis=1)
    return whole.astype(np.uint8)


def _pictures(
    path: Path,
    codec: str,
    size: tuple[int, int],
    pictures: list[bytes],
    *,
    rate: int,
    edits: int = 0,
) -> Path:
    """A film of these pictures, equal neighbours stored once, beside a tone stored once."""
    seconds = max(1, len(pictures) // rate)
    data, offsets = bytearray(_tone(1)), []
    for number, picture in enumerate(pictures):
        if number == 0 or picture is not pictures[number - 1]:
            start = DATA_AT + len(data)
            data += picture
        offsets.append(start)
    sizes = [len(picture) for picture in pictures]
    film = Track(
        picture_entry(codec, *size), rate, 1, len(pictures), offsets, sizes=sizes, edits=edits
    )
    return write_film(path, bytes(data), film, _sound_track(DATA_AT, seconds))


def _sound_track(at: int, seconds: int) -> Track:
    """One second of sound at a place of the file, again and again."""
    chunks = [at] * seconds
    return Track(sound_entry(RATE), RATE, 1, seconds * RATE, chunks, size=2, per_chunk=RATE)


def _tone(seconds: int) -> bytes:
    wave = np.sin(np.arange(seconds * RATE) * (2 * np.pi * 440 / RATE)) * 8000
    return bytes(wave.astype("<i2").tobytes())


_TONE = ("-f", "lavfi", "-i", "sine=f=440:r=44100:d=5")


def _ffmpeg(*arguments: str) -> bytes:
    return subprocess.run(
        [executable(), "-v", "error", *arguments], capture_output=True, timeout=120, check=True
    ).stdout
