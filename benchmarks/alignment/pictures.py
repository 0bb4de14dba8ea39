"""Draws the pictures of ``docs/alignment.md``: what each stage sees of real cases.

    python -m benchmarks.alignment.pictures docs/pictures

Uses the stages' own functions on cases of the develop split, and Pillow, which Streamlit brings.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import signal

from benchmarks.alignment.held_sound import HeldSound
from benchmarks.cases.case import Case
from benchmarks.cases.generate import generate
from pipeline.align import METHODS, judge
from pipeline.align.modular import arrival as fine
from pipeline.align.modular import search as find
from pipeline.align.modular import tempo as speeds
from pipeline.align.modular.features import extract
from pipeline.align.modular.fit import fit
from pipeline.align.modular.takes import find_takes, tracks_of
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import covering, frame_size, power_frames
from pipeline.align.sounds.speeds import at_speed
from pipeline.align.v2.onset_bits import extract as extract_bits
from pipeline.model import Samples, Sound

Values = NDArray[np.float32] | NDArray[np.float64]
Colour = tuple[int, int, int]

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 900, 170, 60, 20, 34, 52
INK, GREY, GRID = (30, 30, 40), (110, 110, 120), (228, 228, 234)
RED, BLUE, GREEN = (214, 73, 51), (46, 98, 176), (44, 140, 80)
RATE = 8000
SHOWN_MS = (-40, 60)
"""Around the direct sound."""
RUNNER_UP_SECONDS = 0.5
"""A peak farther than this from the chosen one is another place."""


class Picture:
    """Panels one under the other, each with its own axes."""

    def __init__(self, panels: int) -> None:
        self.image = Image.new("RGB", (WIDTH, TOP + panels * (PANEL + GAP)), (255, 255, 255))
        self.draw = ImageDraw.Draw(self.image)
        self.font = ImageFont.load_default(12)
        self.row = -1

    def panel(self, title: str, x: tuple[float, float], y: tuple[float, float], unit: str) -> None:
        """Begins the next panel: its title, and the limits and unit of its axes."""
        self.row += 1
        self.top = TOP + self.row * (PANEL + GAP)
        self.x, self.y = x, y
        self.text(LEFT, self.top - 20, title, INK)
        for step in np.linspace(*x, 7):
            at = self.across(float(step))
            self.draw.line([(at, self.top), (at, self.top + PANEL)], fill=GRID)
            label = f"{step:.2f}".rstrip("0").rstrip(".")
            self.text(min(at - 12, WIDTH - 40), self.top + PANEL + 3, label, GREY)
        self.text(WIDTH - RIGHT - 200, self.top + PANEL + 17, unit, GREY, right=True)
        self.draw.rectangle([LEFT, self.top, WIDTH - RIGHT, self.top + PANEL], outline=GREY)
        for value in y:
            self.text(6, self.down(value) - (14 if value == y[0] else 0), f"{value:.3g}", GREY)

    def text(self, x: float, y: float, text: str, colour: Colour, *, right: bool = False) -> None:
        """Writes; with ``right`` the text ends at the picture's right edge."""
        if right:
            x = WIDTH - RIGHT - self.draw.textlength(text, font=self.font)
        self.draw.text((x, y), text, fill=colour, font=self.font)

    def across(self, value: float) -> float:
        """Pixels from the left."""
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down(self, value: float) -> float:
        """Pixels from above."""
        return self.top + PANEL * (1 - (value - self.y[0]) / (self.y[1] - self.y[0]))

    def curve(self, xs: Values, ys: Values, colour: Colour, width: int = 1) -> None:
        """A line through points, the highest of those that share a column."""
        columns = np.clip(np.array([self.across(float(x)) for x in xs]), LEFT, WIDTH - RIGHT)
        points = []
        for group in np.split(np.arange(len(xs)), np.flatnonzero(np.diff(columns.astype(int))) + 1):
            best = group[int(np.argmax(np.abs(ys[group])))]
            height = float(np.clip(ys[best], *self.y))
            points.append((float(columns[best]), self.down(height)))
        self.draw.line(points, fill=colour, width=width)

    def map(self, values: Values) -> None:
        """Values (rows, columns) as shades over the whole panel, the first row below."""
        top = float(np.percentile(np.abs(values), 99)) + 1e-9
        share = np.clip(np.maximum(values, 0) / top, 0, 1)[::-1]
        shades = (255 - 16 * np.round(share * 13)).astype(np.uint8)  # few shades: a small file
        picture = Image.fromarray(shades).resize(
            (WIDTH - LEFT - RIGHT - 1, PANEL - 1), Image.Resampling.NEAREST
        )
        self.image.paste(picture.convert("RGB"), (LEFT + 1, self.top + 1))

    def mark(
        self, value: float, label: str, colour: Colour, line: int = 0, *, whole: bool = False
    ) -> None:
        """An upright line with a label; a short one, so as not to hide a peak, or a ``whole``."""
        at = self.across(value)
        end = self.top + (PANEL if whole else 20 + 15 * line)
        self.draw.line([(at, self.top), (at, end)], fill=colour, width=2)
        length = self.draw.textlength(label, font=self.font)
        place = at + 5 if at + 5 + length < WIDTH - RIGHT else at - 5 - length
        self.text(place, self.top + 4 + 15 * line, label, colour)

    def save(self, target: Path) -> None:
        """As a PNG of few colours."""
        few = self.image.quantize(64, dither=Image.Dither.NONE)
        few.save(target, format="PNG", optimize=True)


def sounds(name: str) -> tuple[Case, Sound, Sound]:
    """A case and both its sounds at the methods' rate."""
    case = next(iter(generate("develop", names=[f"develop-{name}"])))

    def thin(sound: Samples) -> HeldSound:
        return HeldSound(signal.resample_poly(sound, RATE, case.rate).astype(np.float32), RATE)

    return case, thin(case.dance), thin(case.reference)


def line_of(case: Case, take: int = 0) -> Line:
    """The true line of a take, in frames of the modular method."""
    assert case.truth is not None  # noqa: S101  (pictures are of cases that match)
    segment = case.truth[take]
    return Line(segment.offset * 100, segment.speed - 1)


def features(target: Path) -> None:
    """The same four seconds as both methods see them, in the dance and in the reference."""
    case, dance, reference = sounds("phone-0")
    lag = line_of(case).lag / 100
    start = 8.0
    picture = Picture(4)
    for sound, at, what in ((dance, start, "dance, filmed"), (reference, start + lag, "reference")):
        flux = extract(sound).part(round(at * 100), round(at * 100) + 400)
        picture.panel(
            f"modular, {what}: whitened mel flux", (at, at + 4), (0, 32), "seconds; bands"
        )
        picture.map(flux.T)
    for sound, at, what in ((dance, start, "dance, filmed"), (reference, start + lag, "reference")):
        bits = extract_bits(sound).part(round(at * 62.5), round(at * 62.5) + 250)
        picture.panel(f"v2, {what}: onset bits", (at, at + 4), (0, 28), "seconds; bands")
        picture.map(bits.T)
    picture.save(target)


def framed(dance: Sound, reference: Sound) -> FramedPair:
    """The pair with the features of the modular method."""
    return FramedPair(dance, reference, extract(dance), extract(reference))


def stacked(pair: FramedPair, number: int) -> tuple[Values, Values]:
    """Lags (s) and scores of the first ``number`` windows, stacked without drift."""
    frames = pair.dance_frames
    starts = covering(frames.count, find.WINDOW_FRAMES, find.HOP_FRAMES, 0)[:number]
    group = np.stack([frames.part(s, s + find.WINDOW_FRAMES) for s in starts])
    curves = find.correlate(group, pair.reference_frames, [starts[-1] - s for s in starts])
    total = curves.sum(axis=0) / np.sqrt(number)
    return (np.arange(len(total)) - (find.WINDOW_FRAMES - 1) - starts[-1]) / 100, total


def candidates(target: Path) -> None:
    """One window alone against the whole reference, and four stacked along the line."""
    case, dance, reference = sounds("noise-2")
    pair = framed(dance, reference)
    picture = Picture(2)
    for number, title in ((1, "one window of 8 s"), (4, "four windows, stacked along a line")):
        lags, scores = stacked(pair, number)
        high = float(scores.max()) * 1.15
        picture.panel(
            f"{title}: standard deviations of chance",
            (float(lags[0]), float(lags[-1])), (0, high), "offset, seconds",
        )  # fmt: skip
        picture.curve(lags, np.maximum(scores, 0), BLUE)
        picture.mark(line_of(case).lag / 100, "the true place", RED)
    picture.save(target)


def all_speeds(target: Path) -> None:
    """The best score at every speed, with the pitch moved and kept."""
    case, dance, reference = sounds("mild_kept-2")
    start, stop = speeds.liveliest(dance)
    size = frame_size(dance.rate, 0.064)
    grid = speeds.SPEEDS
    power = power_frames(dance, round(start * 100), int((stop - start) * 100), size, 100.0)
    spectra = speeds.reference_spectra(reference)
    picture = Picture(1)
    scores = np.zeros((2, len(grid)))
    for column, speed in enumerate(grid):
        for moved in (0, 1):
            bank = speeds.FLUX.bank(dance.rate, float(speed) if moved else 1.0)
            values = at_speed(power @ bank, float(speed))
            values = speeds.decorrelated(speeds.FLUX.of(values))
            scores[moved, column] = speeds.best_place(values, spectra)[2]
    picture.panel(
        "best place at each speed, standard deviations of chance: pitch kept (blue), moved (grey)",
        (float(grid[0]), float(grid[-1])), (0, float(scores.max()) * 1.15), "speed",
    )  # fmt: skip
    picture.curve(grid, scores[1], GREY, 2)
    picture.curve(grid, scores[0], BLUE, 2)
    assert case.truth is not None  # noqa: S101
    speed = case.truth[0].speed
    picture.mark(speed, f"the true speed, {speed:.3f}", RED)
    picture.save(target)


def following(target: Path) -> None:
    """How alike the two are around a line without drift, and the line that was fitted."""
    case, dance, reference = sounds("drift-0")
    pair = framed(dance, reference)
    true = line_of(case)
    middle = pair.dance_frames.count / 2
    flat = Line(true.at(middle) - middle)
    fitted = fit(pair, flat, middle)
    count = pair.dance_frames.count // 100
    near = pair.products(flat, 0, count * 100, 8)
    rows = near.reshape(17, count, 100).sum(axis=2)
    picture = Picture(1)
    picture.panel(
        "likeness around a line without drift, second by second; fitted line (red)",
        (0, count), (-85, 85), "seconds of the dance; milliseconds",
    )  # fmt: skip
    picture.map(rows)
    time = np.array([0.0, count])
    away = np.array([10 * (fitted.at(t * 100) - flat.at(t * 100)) for t in time])
    picture.draw.line(
        [(picture.across(t), picture.down(a)) for t, a in zip(time, away, strict=True)],
        fill=RED, width=2,
    )  # fmt: skip
    drift = f"found {fitted.drift * 1e6:.0f}, true {true.drift * 1e6:.0f} millionths"
    picture.text(LEFT + 8, picture.top + 6, drift, RED)
    picture.save(target)


def arrivals(target: Path) -> None:
    """The room's impulse response: the direct sound, and the stronger reflection after it."""
    case, dance, reference = sounds("strong_reflection-1")
    assert case.truth is not None  # noqa: S101
    truth = case.truth[0]
    pair = Pair(dance, reference, truth.line)
    curves, middles = fine.responses(pair, truth.dance_start, truth.dance_end)
    curve, _ = fine.line_up(curves, middles.astype(np.float32), RATE, 4e-4)
    none = np.zeros(len(curves), np.float32)
    lag, _, early = fine.first_arrival(curve, curves, none, RATE)
    times = (np.arange(len(curve)) - len(curve) // 2) * 1000 / RATE
    picture = Picture(1)
    size = np.abs(curve) / np.abs(curve).max()
    picture.panel(
        "impulse response of the room, by size", SHOWN_MS, (0, 1.1), "milliseconds after the truth"
    )
    inside = (times > SHOWN_MS[0]) & (times < SHOWN_MS[1])
    picture.curve(times[inside], size[inside], BLUE)
    picture.mark(lag * 1000 / RATE, f"first arrival, {abs(lag) * 1000 / RATE:.1f} ms", GREEN, 1)
    strongest = (lag / RATE + early) * 1000
    picture.mark(strongest, f"strongest, {strongest:.1f} ms", RED)
    picture.save(target)


def takes(target: Path) -> None:
    """What each line says second by second, the takes made of it (grey), and their limits."""
    case, dance, reference = sounds("takes-0")
    pair = framed(dance, reference)
    lines = tracks_of(pair, find.search(pair))
    found = find_takes(pair, lines)
    limited = METHODS["modular"](dance, reference).segments
    picture = Picture(2)
    high = max(float(known.seconds.max()) for known in lines) * 1.1
    end = pair.dance_frames.count / 100
    for number, take in enumerate(found[:2]):
        known = next(k for k in lines if k.line == take.line)
        picture.panel(
            f"evidence of line {number + 1} in each second, deviations of chance; offset "
            f"{take.line.lag / 100:.2f} s",
            (0, end), (0, high), "seconds of the dance",
        )  # fmt: skip
        seconds = np.arange(len(known.seconds)) + 0.5
        picture.curve(seconds, np.maximum(known.seconds, 0), BLUE, 2)
        middle = (take.start + take.stop) / 200
        last = min(limited, key=lambda s: abs((s.dance_start + s.dance_end) / 2 - middle))
        picture.mark(take.start / 100, "", GREY, whole=True)
        picture.mark(take.stop / 100, "", GREY, whole=True)
        picture.mark(last.dance_start, f"starts {last.dance_start:.2f}", GREEN, whole=True)
        picture.mark(last.dance_end, f"ends {last.dance_end:.2f}", RED, 1, whole=True)
    assert case.truth is not None  # noqa: S101
    true = ", ".join(f"{s.dance_start:.2f} to {s.dance_end:.2f}" for s in case.truth)
    picture.text(LEFT + 8, picture.top + 6, f"true takes: {true} s", INK)
    picture.save(target)


def verdict(target: Path) -> None:
    """Both methods' curves over all places: the winner and the runner-up."""
    _, dance, reference = sounds("natural_repeat-0")
    answers = {name: method(dance, reference) for name, method in METHODS.items()}
    joined = judge(answers)
    picture = Picture(2)
    for name, answer in answers.items():
        xs, ys = np.array(answer.evidence.offsets), np.array(answer.evidence.scores)
        next_best = answer.evidence.details.get("next_ratio", 0.0)
        rival = f"the next place has {next_best:.2f} of the evidence"
        if next_best == 0:
            rival = "no other place comes near"
        picture.panel(
            f"{name}: confidence {answer.confidence:.2f}; {rival}; "
            f"both together {joined.confidence:.2f}",
            (float(xs[0]), float(xs[-1])), (0, 1.15), "offset, seconds",
        )  # fmt: skip
        picture.curve(xs, np.maximum(ys, 0), BLUE)
        best = max(answer.segments, key=lambda s: s.dance_end - s.dance_start).offset
        picture.mark(best, f"chosen, {best:.2f} s", RED)
        away = np.where(np.abs(xs - best) > RUNNER_UP_SECONDS, ys, -1)
        picture.mark(float(xs[int(away.argmax())]), "runner-up", GREY, 1)
    picture.save(target)


STAGES = {
    "features": features,
    "candidates": candidates,
    "speeds": all_speeds,
    "line": following,
    "arrival": arrivals,
    "takes": takes,
    "verdict": verdict,
}


def main(arguments: Sequence[str]) -> None:
    """Draws all pictures, or those that are named, into a folder."""
    folder, *names = arguments
    for name in names or STAGES:
        target = Path(folder) / f"alignment-{name}.png"
        STAGES[name](target)
        print(f"{target}: {target.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
