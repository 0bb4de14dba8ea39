"""The benchmark's cases: real music made into pairs of dance and reference with a known map.

``generate.py`` yields them lazily, the same ones each time: every choice is drawn from the names of
the split and the kind. Recipes for each kind are in ``benchmarks.cases.same_speed``,
``benchmarks.cases.other_speed``, ``benchmarks.cases.combined``, ``benchmarks.cases.other_key`` and
``benchmarks.cases.in_rooms``.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from scipy import signal

from benchmarks.cases import warp
from benchmarks.cases.degrade import (
    band_limit,
    coloured_noise,
    equalise,
    reverberate,
    room_response,
)
from benchmarks.cases.tracks import RATE, Split, Track, same_music, tracks
from pipeline.model import Samples, Segment


@dataclass(frozen=True)
class Case:
    """A pair of sounds and what is true of it; ``reference_time = speed * dance_time + offset``."""

    name: str
    kind: str
    """The class of difficulty: a key of ``KINDS``."""
    dance: Samples
    reference: Samples
    rate: int
    truth: tuple[Segment, ...] | None
    """Where dance and reference share music, or ``None`` when they do not."""
    ambiguous: bool = False
    """Whether several places are equally good, so that the answer has to say so."""
    places: tuple[tuple[float, float], ...] = ()
    """The (offset, speed) of every equally good place when ambiguous."""


@dataclass(frozen=True)
class Draw:
    """The random choices of one case: its split, its number within the kind, and its seed."""

    split: Split
    kind: str
    index: int
    again: int = 0
    """Another draw of the same case: the same difficulty, on other music and places."""

    @cached_property
    def random(self) -> np.random.Generator:
        """The case's own generator, the same on every machine."""
        seed = [zlib.crc32(f"{self.split} {self.kind}".encode()), self.index]
        return np.random.default_rng([*seed, self.again] if self.again else seed)

    @property
    def name(self) -> str:
        """Unique over all splits and draws."""
        draw = f"-draw{self.again}" if self.again else ""
        return f"{self.split}-{self.kind}-{self.index}{draw}"

    def seed(self) -> int:
        """A fresh seed for one degradation."""
        return int(self.random.integers(2**31))

    def track(self, least_seconds: float = 100, turn: int = 0) -> Track:
        """A track of the split that is long enough; kinds start at different tracks.

        Another ``turn`` gives another track.
        """
        long = [t for t in tracks(self.split) if t.seconds >= least_seconds]
        first = zlib.crc32(self.kind.encode()) + 5 * self.index + 3 * self.again
        return long[(first + turn) % len(long)]

    def other_track(self, track: Track, least_seconds: float = 60) -> Track:
        """A random track of the split with other music than ``track``."""
        others = [
            t for t in tracks(self.split) if t.seconds >= least_seconds and not same_music(t, track)
        ]
        return others[int(self.random.integers(len(others)))]


T = TypeVar("T")
Recipe = Callable[[Draw], Case]

MAX_LIKENESS = 0.7
"""Correlation from which another place counts as a repeat."""

KINDS: dict[str, tuple[int, Recipe]] = {}
"""For each kind how many cases a split has, and the recipe."""


def recipe(kind: str, count: int) -> Callable[[Recipe], Recipe]:
    """Registers the recipe of a kind with the number of its cases in a split."""

    def register(function: Recipe) -> Recipe:
        KINDS[kind] = (count, function)
        return function

    return register


@dataclass(frozen=True)
class Scene:
    """A reference and where a dance would start in it."""

    reference: Samples
    start: float
    """The reference's time (seconds) that plays at the dance's first sample."""
    track: Track


def scene(draw: Draw, dance_seconds: float, reference_seconds: float = 0.0) -> Scene:
    """A stretch of a track and a place in it that does not come again.

    ``dance_seconds`` are of the reference's time.
    """
    wanted = reference_seconds or float(draw.random.uniform(60, 200))
    wanted = max(wanted, dance_seconds + 15)

    def attempt(turn: int) -> tuple[float, Scene]:
        track = draw.track(min(wanted, 100), turn // 4)
        sound = track.samples()
        length = min(len(sound), int(wanted * RATE))
        first = int(draw.random.integers(0, len(sound) - length + 1))
        reference = sound[first : first + length]
        start = float(draw.random.uniform(0, max(0.1, length / RATE - dance_seconds)))
        likeness = resemblance(reference, start, dance_seconds)
        return likeness, Scene(reference, start, track)

    return most_distinct(attempt)


def most_distinct(attempt: Callable[[int], tuple[float, T]], turns: int = 12) -> T:
    """The first of some attempts that resembles nothing else by ``MAX_LIKENESS``, or the best one.

    Much of this music is made of loops that come again sample for sample; a place in such a loop
    would make any answer a guess, and the case would measure nothing.
    """
    best: tuple[float, T] | None = None
    for turn in range(turns):
        found = attempt(turn)
        if best is None or found[0] < best[0]:
            best = found
        if best[0] < MAX_LIKENESS:
            break
    assert best is not None  # noqa: S101  (there is at least one turn)
    return best[1]


def resemblance(reference: Samples, start: float, seconds: float) -> float:
    """The highest correlation of an excerpt with any other place of the reference, 0 to 1."""
    excerpt = reference[int(start * RATE) : int((start + seconds) * RATE)]
    return rival(excerpt, reference, int(start * RATE) / RATE, least_overlap=0.999)


def rival(
    dance: Samples, reference: Samples, offset: float | None, least_overlap: float = 0.1
) -> float:
    """How well a clean dance fits anywhere but at ``offset``: normalised correlation, 0 to 1.

    Each place is judged by the stretch in which the two overlap, of at least ``least_overlap`` of
    the dance and 4 s. At ``offset`` (seconds) the correlation would be 1.
    """
    rate = RATE // 4
    ours, theirs = (
        np.diff(signal.decimate(x.astype(np.float64), 4, ftype="fir")) for x in (dance, reference)
    )
    curve = np.abs(signal.correlate(theirs, ours, mode="full", method="fft"))
    lags = np.arange(-len(ours) + 1, len(theirs))
    first, last = np.maximum(lags, 0), np.minimum(lags + len(ours), len(theirs))
    sums = [np.concatenate(([0.0], np.cumsum(x**2))) for x in (theirs, ours)]
    energy = (sums[0][last] - sums[0][first]) * (sums[1][last - lags] - sums[1][first - lags])
    floor = 1e-6 * sums[0][-1] * sums[1][-1]
    least = max(4 * rate if least_overlap < 0.9 else 0, int(least_overlap * len(ours)))
    fits = np.where(last - first >= least, curve / np.sqrt(energy + floor + 1e-20), 0)
    if offset is not None:
        fits[np.abs(lags - offset * rate) < rate // 20] = 0
    return float(fits.max(initial=0.0))


def record(
    reference: Samples, offset: float, seconds: float, *, speed: float = 1.0,
    engine: warp.Engine | None = None, semitones: float = 0.0,
) -> tuple[Samples, Segment]:  # fmt: skip
    """The dance's sound by the map, silent where the reference has nothing, and the truth.

    ``engine`` keeps the pitch by that time stretcher, or moves it by so many semitones; without it
    the pitch moves with the speed.
    """
    begin = max(0.0, -offset / speed)
    end = min(seconds, (len(reference) / RATE - offset) / speed)
    count, first = round(seconds * RATE), int(np.ceil(begin * RATE))
    at = speed * first / RATE + offset
    length = end - first / RATE
    if engine is None:
        music = warp.play(reference, RATE, at, length, speed)
    else:
        music = warp.stretch(reference, RATE, at, length, speed, engine, semitones)
    dance = np.zeros(count, dtype=np.float32)
    dance[first : first + len(music)] = music[: count - first]
    pitch_moved = speed != 1 and engine is None
    return dance, Segment(begin, end, offset, speed, pitch_moved=pitch_moved, semitones=semitones)


def room_tone(count: int, seed: int, level: float = 0.001) -> Samples:
    """The quiet noise of an empty room (pink; ``level`` is its root mean square)."""
    return coloured_noise(count, "pink", seed) * np.float32(level)


def phone(x: Samples, draw: Draw, *, direct_db: float = 3.0) -> Samples:
    """An ordinary recording of a class: loudspeaker, room, a phone's band, and room tone."""
    recorded = equalise(x, RATE, draw.seed(), 6.0)
    response = room_response(RATE, float(draw.random.uniform(0.3, 0.8)), direct_db, draw.seed())
    recorded = band_limit(reverberate(recorded, response), RATE, 120, 7000)
    return recorded + room_tone(len(x), draw.seed(), 0.003)


def matched(
    draw: Draw, dance: Samples, reference: Samples, truth: Segment | tuple[Segment, ...]
) -> Case:
    """A case with one right answer."""
    segments = truth if isinstance(truth, tuple) else (truth,)
    return Case(draw.name, draw.kind, fit(dance), fit(reference), RATE, segments)


def fit(x: Samples) -> Samples:
    """Turned down where it would go beyond full scale, as a file cannot."""
    return x * np.float32(min(1.0, 0.98 / max(float(np.max(np.abs(x), initial=0.0)), 1e-9)))


def unrelated(draw: Draw, dance: Samples, reference: Samples) -> Case:
    """A case that has to be rejected."""
    return Case(draw.name, draw.kind, fit(dance), fit(reference), RATE, None)
