"""H.264 in field pictures (PAFF), which no encoder at hand writes: made here from raw samples.

Every macroblock is I_PCM, so that there is nothing to encode. The parameter sets and slice headers
are written after ITU-T H.264, 7.3.2.1.1, 7.3.2.2 and 7.3.3. There are no supplemental messages,
as in recordings of television: only the first field of a frame gets a time stamp.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from tests.media.clips import RATE, WIDTH, barcode, write_sound

LINES = 160
"""Whole macroblocks in either field."""
FPS = 25
START = b"\x00\x00\x00\x01"


class Bits:
    """Bits put together, with the Exp-Golomb codes of H.264."""

    def __init__(self) -> None:
        self.text = ""

    def u(self, value: int, width: int) -> None:
        self.text += format(value, f"0{width}b")

    def ue(self, *values: int) -> None:
        for value in values:
            code = format(value + 1, "b")
            self.text += "0" * (len(code) - 1) + code

    def closed(self, stop: str) -> bytes:
        text = self.text + stop
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")


def parameter_sets() -> bytes:
    sps = Bits()
    sps.u(77, 8)  # Main
    sps.u(0, 8)
    sps.u(30, 8)
    sps.ue(
        0, 4, 2, 1
    )  # id, 8 bits of frame_num, order of output is that of decoding, one reference
    sps.u(0, 1)
    sps.ue(WIDTH // 16 - 1, LINES // 32 - 1)
    sps.u(0b0, 1)  # not only frames
    sps.u(0b0, 1)  # nor adaptive in a frame
    sps.u(0b100, 3)  # direct_8x8_inference; no cropping, no more
    pps = Bits()
    pps.ue(0, 0)
    pps.u(0, 2)
    pps.ue(0, 0, 0)
    pps.u(0, 3)
    pps.ue(0, 0, 0)
    pps.u(0b100, 3)  # the deblocking filter may be off
    return START + b"\x67" + sps.closed("1") + START + b"\x68" + pps.closed("1")


def field(samples: NDArray[np.uint8], frame: int, *, bottom: bool, first: bool) -> bytes:
    """One field (grey, shape (lines, width)) as a slice; ``first`` of the stream."""
    head = Bits()
    head.ue(0, 7, 0)  # I
    head.u(frame % 256, 8)
    head.u(0b11 if bottom else 0b10, 2)
    if first:
        head.ue(0)
        head.u(0, 2)
    else:
        head.u(0, 1)
    head.ue(0, 1)  # no change of the quantiser, no deblocking
    head.ue(25)  # I_PCM
    data = head.closed("")
    chroma = bytes([128]) * 128
    rows, columns = samples.shape[0] // 16, samples.shape[1] // 16
    blocks = samples.reshape(rows, 16, columns, 16).swapaxes(1, 2).reshape(-1, 256)
    following = Bits()
    following.ue(25)
    between = following.closed("")
    data += between.join(block.tobytes() + chroma for block in blocks)
    return START + (b"\x65" if first else b"\x21") + data + b"\x80"


def make_fields(folder: Path, music: NDArray[np.float32], seconds: float) -> Path:
    """An MPEG-TS of 25 frames a second in two fields each: picture n's upper field shows 2n, the
    lower one 2n + 1 (``barcode``), with ``music`` from the first on."""
    sound = write_sound(music[: round(seconds * RATE)], folder / "fields.m4a", "-c:a", "aac")
    count = round(seconds * FPS)
    raw = folder / "fields.h264"
    access: list[bytes] = []
    for number in range(count):
        two = b""
        for bottom in (False, True):
            grey = np.repeat(barcode(2 * number + bottom, WIDTH, LINES)[:LINES:2], 1, axis=0)
            two += START + b"\x09\xf0"
            if not bottom and number % FPS == 0:
                two += parameter_sets()
            two += field(grey, number, bottom=bottom, first=number == 0 and not bottom)
        access.append(two)
    raw.write_bytes(b"".join(access))
    out = folder / "fields.ts"
    unit = Fraction(1, 90_000)
    with (
        av.open(str(raw)) as description,
        av.open(str(sound)) as heard,
        av.open(str(out), "w", format="mpegts") as target,
    ):
        picture = target.add_stream_from_template(description.streams.video[0])
        track = target.add_stream_from_template(heard.streams.audio[0])
        pending = [p for p in heard.demux() if p.dts is not None]
        for number, data in enumerate(access):
            while pending and (pending[0].dts or 0) * pending[0].time_base <= Fraction(number, FPS):
                each = pending.pop(0)
                each.stream = track
                target.mux(each)
            packet = av.Packet(data)
            packet.stream, packet.time_base = picture, unit
            packet.pts = packet.dts = number * 90_000 // FPS
            packet.is_keyframe = number == 0
            target.mux(packet)
    return out
