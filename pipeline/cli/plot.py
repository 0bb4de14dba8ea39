"""Draws an alignment: waveforms, correlation curves, the chosen place.

Drawn with Pillow, which Streamlit brings, so that the command line needs no plotting library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from pipeline.job.model import Outcome
from pipeline.model import LineMap

WIDTH_PIXELS, PANEL_PIXELS, MARGIN_PIXELS, LEFT_PIXELS = 1200, 190, 42, 70
WHITE, INK, GREY, GRID = (255, 255, 255), (30, 30, 40), (120, 120, 130), (226, 226, 232)
COLOURS = {"dance": (214, 73, 51), "reference": (46, 98, 176), "v2": (214, 73, 51)}
COLOURS["modular"] = (46, 98, 176)
MATCHED = (255, 243, 205)


class _Panel:
    """One plot with its own axes, in pixels of the whole picture."""

    def __init__(self, draw: ImageDraw.ImageDraw, row: int, low: float, high: float) -> None:
        self.draw = draw
        self.top = MARGIN_PIXELS + row * (PANEL_PIXELS + MARGIN_PIXELS)
        self.low, self.high = low, max(high, low + 1e-6)

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return LEFT_PIXELS + share * (WIDTH_PIXELS - LEFT_PIXELS - 20)

    def y(self, share: float) -> float:
        return self.top + PANEL_PIXELS * (1.0 - share)

    def frame(self, title: str) -> None:
        right = WIDTH_PIXELS - 20
        for n in range(11):
            value = self.low + (self.high - self.low) * n / 10
            x = self.x(value)
            self.draw.line([(x, self.top), (x, self.top + PANEL_PIXELS)], fill=GRID)
            self.draw.text((x - 14, self.top + PANEL_PIXELS + 3), f"{value:.1f}", fill=GREY)
        self.draw.rectangle([LEFT_PIXELS, self.top, right, self.top + PANEL_PIXELS], outline=GREY)
        self.draw.text((LEFT_PIXELS, self.top - 16), title, fill=INK)

    def wave(
        self,
        wave: Mapping[str, Any],
        colour: tuple[int, int, int],
        line: LineMap,
        middle: float,
        within: tuple[float, float] = (-inf, inf),
    ) -> None:
        """One waveform; on the dance's time line, of which only ``within`` (seconds) is drawn."""
        low, high = wave["low"], wave["high"]
        scale = max((*map(abs, low), *high, 1e-6))
        for index, (bottom, top) in enumerate(zip(low, high, strict=True)):
            time = (index + 0.5) / len(low) * wave["duration"]
            at = line.dance_time(time)
            x = self.x(at)
            if within[0] <= at <= within[1] and LEFT_PIXELS <= x <= WIDTH_PIXELS - 20:
                ends = [(x, self.y(middle + top / scale * 0.22))]
                ends.append((x, self.y(middle + bottom / scale * 0.22)))
                self.draw.line(ends, fill=colour)

    def curve(self, xs: Sequence[float], ys: Sequence[float], colour: tuple[int, int, int]) -> None:
        least, most = min(ys), max(ys)
        span = (most - least) or 1.0
        points = [
            (self.x(x), self.y(0.95 * (y - least) / span)) for x, y in zip(xs, ys, strict=True)
        ]
        self.draw.line(points, fill=colour, width=2)

    def mark(self, value: float, label: str, colour: tuple[int, int, int]) -> None:
        x = self.x(value)
        self.draw.line([(x, self.top), (x, self.top + PANEL_PIXELS)], fill=colour)
        self.draw.text((x + 4, self.top + 4), label, fill=colour)


def draw(outcome: Outcome, target: Path) -> None:
    """Writes the picture of an alignment that was just made as a PNG; raises ``OSError``."""
    curves = {
        name: curve
        for name, curve in outcome.evidence["variants"].items()
        if len(curve["offsets"]) > 1
    }
    waves = outcome.evidence["waveforms"]
    rows = 1 + len(curves)
    image = Image.new(
        "RGB", (WIDTH_PIXELS, rows * (PANEL_PIXELS + MARGIN_PIXELS) + MARGIN_PIXELS), WHITE
    )
    canvas = ImageDraw.Draw(image)
    answer = outcome.alignment
    several = len(answer["segments"]) > 1  # each has a line of its own
    line = LineMap(answer["offset"], answer["speed"]) if answer["matched"] else LineMap(0.0)
    first = min(0.0, line.dance_time(0.0))
    last = max(waves["dance"]["duration"], line.dance_time(waves["reference"]["duration"]))
    if several:
        first, last = 0.0, waves["dance"]["duration"]
    panel = _Panel(canvas, 0, first, last)
    for segment in answer["segments"]:
        box = [panel.x(segment["dance_start"]), panel.top]
        box += [panel.x(segment["dance_end"]), panel.top + PANEL_PIXELS]
        canvas.rectangle(box, fill=MATCHED)
    of_which = f"{len(answer['segments'])} parts, the longest: " if several else ""
    says = (
        f"{of_which}reference_time = {line.speed:.6f} * dance_time {line.offset:+.4f} s, "
        f"confidence {answer['confidence']:.2f}"
        if answer["matched"]
        else f"not matched ({answer['reason']})"
    )
    panel.frame(f"dance (top) and reference (bottom) on the dance's time line, seconds: {says}")
    panel.wave(waves["dance"], COLOURS["dance"], LineMap(0.0), 0.75)
    song, colour = waves["reference"], COLOURS["reference"]
    if several:
        for one in answer["segments"]:
            stretch = (one["dance_start"], one["dance_end"])
            panel.wave(song, colour, LineMap(one["offset"], one["speed"]), 0.25, stretch)
    else:
        panel.wave(song, colour, line, 0.25)
    for row, (name, curve) in enumerate(curves.items(), start=1):
        xs, ys = curve["offsets"], curve["scores"]
        panel = _Panel(canvas, row, min(xs), max(xs))
        panel.frame(f"{name}: correlation against the offset in seconds")
        panel.curve(xs, ys, COLOURS[name])
        own = answer["variants"][name]
        if own["matched"]:
            panel.mark(own["offset"], "chosen", INK)
        for candidate in own["candidates"]:
            panel.mark(candidate["offset"], "candidate", GREY)
    image.save(target, format="PNG")
