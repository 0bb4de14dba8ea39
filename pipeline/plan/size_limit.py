"""How a result is kept below a size: the rates of sound and picture, and the picture's size. Pure.

A megabyte is 10^6 bytes here, the smaller of its two meanings, so that a file is below either.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline import reasons
from pipeline.reasons import RenderError

MEGABYTE = 1_000_000
MAX_MEGABYTES = 4000.0
FULL_SOUND_BPS = 320_000
SOUND_RATES_BPS = (FULL_SOUND_BPS, 256_000, 192_000, 160_000, 128_000, 96_000)
"""What the sound may be encoded with, the best first."""
SOUND_SHARE = 0.25
"""The most of a file that its sound takes, where that leaves the lowest rate."""
LEAST_BITS_PER_PIXEL = 0.05
"""For each pixel of each picture at 30 pictures a second; a picture with fewer bits is made
smaller. What Apple's HLS authoring specification (2.26) gives its two smallest H.264 pictures:
145 kb/s for 416x234 and 365 kb/s for 640x360."""
RATE_EXPONENT = 0.585
"""Twice as many pictures a second need 1.5 times the bits, as in YouTube's recommended rates for
30 and 60 pictures a second (2 ** 0.585 = 1.5)."""
USUAL_HZ = 30.0
LEAST_SIDE_PIXELS = 240
"""A picture with a shorter side than this is no longer worth watching: the limit is refused."""
INDEX_BYTES_PER_PICTURE = 12
INDEX_BYTES_PER_SOUND_PACKET = 8
"""What each takes in the index of a file that we encode (its size and place), a little more than
measured: 7 to 9 bytes for either."""
MOST_INDEX_BYTES = 44
"""The most that a copied picture takes there, with times of its own in a chunk of its own."""
SOUND_PACKETS_PER_SECOND = 48_000 / 1024
HEADER_BYTES = 4096
SOUND_MARGIN = 1.03
"""How far the sound may be above its rate."""
CODEC_ALLOWANCE = 2.0
"""H.264 needs about twice the bits of the codecs that came after it (HEVC, VP9, AV1); a copy is
never given more of what the dance's own pictures take."""


@dataclass(frozen=True)
class Fit:
    """How a result of a limited size is encoded."""

    sound_bps: int
    short_side: int
    """Of the picture (pixels)."""


def index_bytes(pictures: int, seconds: float) -> int:
    """About how much a file has besides its pictures and its sound."""
    packets = seconds * SOUND_PACKETS_PER_SECOND
    parts = pictures * INDEX_BYTES_PER_PICTURE + packets * INDEX_BYTES_PER_SOUND_PACKET
    return HEADER_BYTES + math.ceil(parts)


def copied_bytes(picture_bytes: int, pictures: int, seconds: float) -> int:
    """The most that a result takes whose pictures are copied."""
    sound = seconds * FULL_SOUND_BPS / 8 * SOUND_MARGIN
    entries = (pictures + seconds * SOUND_PACKETS_PER_SECOND) * MOST_INDEX_BYTES
    return picture_bytes + HEADER_BYTES + math.ceil(entries + sound)


def fit(limit: float, *, seconds: float, pictures: int, size: tuple[int, int]) -> Fit:
    """How to encode ``pictures`` pictures of ``size`` (pixels) that last ``seconds`` into at most
    ``limit`` megabytes.

    Raises ``RenderError`` (``size_limit``), whose text names the least limit that would do.
    """
    found = _fit(limit, seconds=seconds, pictures=pictures, size=size)
    if found is None:
        least = least_megabytes(seconds=seconds, pictures=pictures, size=size)
        raise RenderError(
            reasons.SIZE_LIMIT,
            f"{limit:g} MB are too few for {seconds:.0f} s of film: nothing would be left to see; "
            f"allow at least {least} MB",
        )
    return found


def least_megabytes(*, seconds: float, pictures: int, size: tuple[int, int]) -> int:
    """The smallest limit (whole megabytes) that :func:`fit` does not refuse."""
    low, high = 0, 1
    while (
        high < MAX_MEGABYTES and _fit(high, seconds=seconds, pictures=pictures, size=size) is None
    ):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _fit(middle, seconds=seconds, pictures=pictures, size=size) is None:
            low = middle
        else:
            high = middle
    return high


def _fit(limit: float, *, seconds: float, pictures: int, size: tuple[int, int]) -> Fit | None:
    whole = (limit * MEGABYTE - index_bytes(pictures, seconds)) * 8 / seconds
    sound = next((r for r in SOUND_RATES_BPS if r <= SOUND_SHARE * whole), SOUND_RATES_BPS[-1])
    hertz = pictures / seconds
    weight = USUAL_HZ * (hertz / USUAL_HZ) ** RATE_EXPONENT
    pixels = (whole - sound) / (LEAST_BITS_PER_PIXEL * weight)
    short, long = min(size), max(size)
    if pixels < min(LEAST_SIDE_PIXELS, short) ** 2 * long / short:
        return None
    if pixels >= short * long:
        return Fit(sound, short)
    side = math.floor(math.sqrt(pixels * short / long))
    return Fit(sound, side - side % 2)
