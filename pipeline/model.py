"""What the parts of the pipeline hand to each other: frozen dataclasses.

Times are seconds, levels decibels, rates hertz.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:  # a small work's process does without NumPy, and so does what reads a record
    import numpy as np
    from numpy.typing import NDArray

VariantName = str
"""A method's name, and that of its result: one of ``VARIANTS``."""
VARIANTS: tuple[VariantName, ...] = ("v2", "modular")
"""In the order in which they are made: v2 can be watched first (docs/decisions/0002)."""
BEST_FIRST = VARIANTS[::-1]
"""In the order in which they are shown: the most exact one first."""

Samples: TypeAlias = "NDArray[np.float32]"

Progress = Callable[[float], None]
"""Called with the fraction done of the present stage, 0 to 1."""


class Sound(Protocol):
    """Mono sound that is read window by window, so that length does not become memory.

    Sample 0 is time 0 of the file's presentation time line (the container's start).
    """

    @property
    def rate(self) -> int:
        """Samples a second (hertz)."""

    @property
    def frames(self) -> int:
        """How many samples there are."""

    def read(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop`` (float32, full scale ±1); zeros outside the file."""


@dataclass(frozen=True)
class LineMap:
    """The map between the two files: ``reference_time = speed * dance_time + offset``."""

    offset: float
    """Seconds."""
    speed: float = 1.0
    """How much faster the reference runs than the dance's clock; 1.0 is the same speed."""

    def reference_time(self, dance_time: float) -> float:
        """The reference's time at a time of the dance (seconds)."""
        return self.speed * dance_time + self.offset

    def dance_time(self, reference_time: float) -> float:
        """The dance's time at a time of the reference (seconds)."""
        return (reference_time - self.offset) / self.speed

    def overlap(self, dance: float, reference: float) -> tuple[float, float]:
        """From when to when of the dance both files last, by their durations (seconds); the end
        is not after the start where they share no time."""
        return max(self.dance_time(0.0), 0.0), min(self.dance_time(reference), dance)

    def shifted(self, later: float) -> LineMap:
        """The map by which the same music plays ``later`` seconds later in the dance."""
        return LineMap(self.offset - self.speed * later, self.speed)


@dataclass(frozen=True)
class Segment:
    """A stretch of the dance whose music is one continuous stretch of the reference."""

    dance_start: float
    """Seconds on the dance's time line."""
    dance_end: float
    """Seconds on the dance's time line."""
    offset: float
    """Seconds; see ``LineMap``."""
    speed: float = 1.0
    """See ``LineMap``."""
    _: KW_ONLY
    pitch_moved: bool = False
    """Whether the pitch moved with the speed (resampled), or was kept (time-stretched)."""
    semitones: float = 0.0
    """How much higher the music sounds in the dance than in the reference, whatever the speed: it
    was put into another key."""
    begins: bool = False
    """Whether it is known that the line does not go on before ``dance_start``."""
    ends: bool = False
    """The same of what is after ``dance_end``."""

    @property
    def line(self) -> LineMap:
        """Its map."""
        return LineMap(self.offset, self.speed)

    @property
    def length(self) -> float:
        """Seconds of the dance."""
        return self.dance_end - self.dance_start

    def shared(self, other: Segment) -> float:
        """Seconds of the dance that both last; below 0 the seconds between them."""
        start = max(self.dance_start, other.dance_start)
        return min(self.dance_end, other.dance_end) - start

    def on(self, line: LineMap) -> Segment:
        """The same stretch on another map."""
        return replace(self, offset=line.offset, speed=line.speed)

    def shifted(self, later: float) -> Segment:
        """The same music in a dance in which everything comes ``later`` seconds later."""
        start, end = self.dance_start + later, self.dance_end + later
        return replace(self.on(self.line.shifted(later)), dance_start=start, dance_end=end)


def longest(segments: Iterable[Segment]) -> Segment | None:
    """The segment whose map stands for all; None without any."""
    return max(segments, key=lambda segment: segment.length, default=None)


@dataclass(frozen=True)
class Candidate:
    """Another place where the music could be."""

    offset: float
    speed: float
    confidence: float

    @property
    def line(self) -> LineMap:
        """Its map."""
        return LineMap(self.offset, self.speed)


@dataclass(frozen=True)
class Evidence:
    """What the plots show: a correlation curve over offsets, at the chosen speed."""

    offsets: tuple[float, ...] = ()
    """Seconds, at most a few hundred points."""
    scores: tuple[float, ...] = ()
    """The curve's value at each offset, scaled to a peak of 1."""
    details: Mapping[str, float] = field(default_factory=dict)
    """Named figures for a person to read: peak ratio, share of windows that agree, and the like;
    nothing is decided by them."""


@dataclass(frozen=True, kw_only=True)
class MethodAlignment:
    """One method's answer."""

    method: str
    matched: bool = False
    ambiguous: bool = False
    confidence: float = 0.0
    """0 to 1: how likely it is that the answer is right; 0.5 or less when ambiguous."""
    segments: tuple[Segment, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    error_ms: float | None = None
    """Estimated error in milliseconds."""
    reason: str | None = None
    """A code of ``pipeline.reasons`` when not matched."""
    evidence: Evidence = field(default_factory=Evidence)
    sharp_limits: frozenset[float] = frozenset()
    """Those starts and ends of segments (seconds of the dance) that the sound itself shows, as far
    as the method knows; the others are only likely."""
    score: float = 0.0
    """The best take's correlation in deviations of chance."""
    weight: float = 0.0
    """All the evidence for the answer, to compare a method's answers at different speeds."""
    confidence_cap: float = 1.0
    """The highest confidence that the check for missing music allows."""
    present: bool = False
    """Whether the music is surely there, wherever else it fits."""
    confirmed_error_ms: float | None = None
    """Estimated error in milliseconds where another method finds the same arrival; None where that
    leaves it as it is."""
    refined: bool | None = None
    """Whether a place given by a person was refined by the sound; None without such a place."""


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """The task's answer, made from the answers of all methods."""

    matched: bool
    ambiguous: bool = False
    confidence: float
    segments: tuple[Segment, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    agreement_ms: float | None = None
    """The largest difference of the two maps over their common stretch; None with one answer."""
    error_ms: float | None = None
    reason: str | None = None
    variants: Mapping[str, MethodAlignment]
