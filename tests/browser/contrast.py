"""How well a text can be read, by the pixels of a screenshot: a canvas has no styles to ask."""

from __future__ import annotations

import io
from collections import Counter

from PIL import Image

AA = 4.5
"""The least contrast of text, WCAG 2.2, 1.4.3."""


def luminance(colour: tuple[int, ...]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2)."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (value / 255 for value in colour[:3])
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


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
