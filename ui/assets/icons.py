"""Draws the mark, two waves that come into step, as SVG and as an app's icons.

The waves are drawn from one formula: half a turn apart at the left, one line at the right.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from ui.assets import LIGHT

SIZES = (192, 512)
"""Pixels of the icons that a home screen asks for (web app manifest)."""
APPLE_SIZE = 180
"""Pixels of the icon that iPhones take (apple-touch-icon)."""
GROUND, SONG, PHONE = "#a3164d", "#ffffff", "#ff9dbd"
CORNER = 0.235
"""Radius of the mark's corners; a home screen rounds an icon's by itself."""
THICK = 0.088
POINTS = 48
OVERSAMPLING = 4


def wave(side: int, *, scale: float = 1.0) -> list[tuple[float, float]]:
    """Points of one wave in a square of 1; ``side`` is 1 for the song and -1 for the phone."""
    points = []
    for number in range(POINTS + 1):
        share = number / POINTS
        apart = math.cos(math.pi / 2 * min(1.0, share / 0.62)) ** 1.5
        turn = 2 * math.pi * 1.5 * share + math.pi
        y = 0.21 * math.sin(turn + side * apart * math.pi / 2)
        points.append((0.5 + (share - 0.5) * 0.66 * scale, 0.5 + y * scale))
    return points


def write_mark(target: Path) -> None:
    """The mark as SVG, 32 units wide."""

    def path(points: Sequence[tuple[float, float]], colour: str) -> str:
        line = " ".join(f"{x * 32:.2f},{y * 32:.2f}" for x, y in points)
        return (
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="{THICK * 32}" '
            'stroke-linecap="round" stroke-linejoin="round"/>'
        )

    target.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="{CORNER * 32:.2f}" fill="{GROUND}"/>'
        f"{path(wave(-1), PHONE)}{path(wave(1), SONG)}</svg>\n"
    )


def write_icon(target: Path, size: int, *, corner: float = CORNER, scale: float = 1.0) -> None:
    """The mark as a PNG of ``size`` pixels; a home screen that cuts its own shape wants no corner
    and waves within four fifths."""
    large = size * OVERSAMPLING
    picture = Image.new("RGBA", (large, large))
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((0, 0, large - 1, large - 1), corner * large, fill=GROUND)
    radius = THICK * scale * large / 2
    for side, colour in ((-1, PHONE), (1, SONG)):
        points = [(x * large, y * large) for x, y in wave(side, scale=scale)]
        pen.line([c for point in points for c in point], fill=colour, width=round(2 * radius))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    small = picture.resize((size, size), Image.Resampling.LANCZOS)
    small.quantize(64, method=Image.Quantize.FASTOCTREE).save(target, optimize=True)


def write_manifest(target: Path) -> None:
    """The web app manifest; its addresses are relative, since a proxy may serve the page under a
    path."""

    def icon(name: str, size: int, purpose: str) -> dict[str, str]:
        return {"src": name, "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}

    manifest = {
        "name": "Retrack",
        "short_name": "Retrack",
        "description": "Your dance, the clean song, in sync.",
        "start_url": "../",
        "scope": "../",
        "display": "standalone",
        "background_color": LIGHT,
        "theme_color": LIGHT,
        "icons": [
            *(icon(f"icon-{size}.png", size, "any") for size in SIZES),
            icon("icon-maskable.png", SIZES[-1], "maskable"),
        ],
    }
    target.write_text(json.dumps(manifest, indent=2) + "\n")


def write_icons(folder: Path) -> None:
    """Mark, icons and manifest into ``folder``."""
    write_mark(folder / "mark.svg")
    for size in SIZES:
        write_icon(folder / f"icon-{size}.png", size)
    write_icon(folder / "icon-maskable.png", SIZES[-1], corner=0.0, scale=0.8)
    write_icon(folder / "icon-apple.png", APPLE_SIZE, corner=0.0, scale=0.9)
    write_manifest(folder / "manifest.webmanifest")
