"""How well a text can be read, by the pixels of a screenshot: a canvas has no styles to ask."""

from __future__ import annotations

import io
from collections import Counter
from itertools import pairwise

from PIL import Image

AA = 4.5
"""The least contrast of text, WCAG 2.2, 1.4.3."""
MIN_CELL = 16
"""Pixels of a cell of a table at least: less is a table's frame."""


def luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def columns(png: bytes, top: int, bottom: int) -> list[tuple[int, int, int, int]]:
    """The cells of a table's row, from its ``top`` to its ``bottom`` (pixels), left to right.

    Between two cells is a line: one colour from top to bottom, which is not the row's ground.
    """
    with Image.open(io.BytesIO(png)) as picture:
        band = picture.convert("RGB").crop((0, top, picture.width, bottom))
    strips = [band.crop((x, 0, x + 1, band.height)) for x in range(band.width)]
    plain = [strip.getcolors(1) for strip in strips]
    ground = Counter(colours[0][1] for colours in plain if colours).most_common(1)[0][0]
    lines = [x for x, colours in enumerate(plain) if colours and colours[0][1] != ground]
    edges = [0, *lines, band.width]
    return [
        (left + 1, top, right, bottom) for left, right in pairwise(edges) if right - left > MIN_CELL
    ]


def contrast(png: bytes, box: tuple[int, int, int, int] | None = None) -> float:
    """Contrast of the most common colour of a picture (its ground) and the one that differs most.

    ``box``: left, upper, right and lower edge of the part to look at (pixels).
    """
    with Image.open(io.BytesIO(png)) as picture:
        part = picture.convert("RGB").crop(box)
        counts: Counter[tuple[int, ...]] = Counter(part.getdata())
    ground = luminance(counts.most_common(1)[0][0])
    return max(
        (max(ground, other) + 0.05) / (min(ground, other) + 0.05)
        for other in map(luminance, counts)
    )
