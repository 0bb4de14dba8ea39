"""What the rooms of the pipeline hand to each other: frozen dataclasses, no logic.

Times are seconds, levels decibels, rates hertz. The map between the two files is
always ``reference_time = speed * dance_time + offset``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
class Segment:
    """A stretch of the dance whose music is one continuous stretch of the reference."""

    dance_start: float
    """Seconds on the dance's time line."""
    dance_end: float
    """Seconds on the dance's time line."""
    offset: float
    """Seconds; ``reference_time = speed * dance_time + offset``."""
    speed: float = 1.0
    """How much faster the reference runs than the dance's clock; 1.0 is the same speed."""
    pitch_moved: bool = False
    """Whether the pitch moved with the speed (resampled), or was kept (time-stretched)."""
    semitones: float = 0.0
    """How much higher the music sounds in the dance than in the reference, whatever the speed: it
    was put into another key."""
    begins: bool = False
    """Whether it is known that the line does not go on before ``dance_start``."""
    ends: bool = False
    """The same of what is after ``dance_end``."""


@dataclass(frozen=True)
class Candidate:
    """Another place where the music could be."""

    offset: float
    speed: float
    confidence: float


@dataclass(frozen=True)
class Evidence:
    """What the plots show: a correlation curve over offsets, at the chosen speed."""

    offsets: tuple[float, ...] = ()
    """Seconds, at most a few hundred points."""
    scores: tuple[float, ...] = ()
    """The curve's value at each offset, scaled to a peak of 1."""
    details: Mapping[str, float] = field(default_factory=dict)
    """Named figures: peak ratio, share of windows that agree, and the like."""


@dataclass(frozen=True)
class MethodAlignment:
    """One method's answer."""

    method: str
    matched: bool
    ambiguous: bool
    confidence: float
    """0 to 1: how likely it is that the answer is right; 0.5 or less when ambiguous."""
    segments: tuple[Segment, ...]
    candidates: tuple[Candidate, ...] = ()
    error_ms: float | None = None
    """Estimated error in milliseconds."""
    reason: str | None = None
    """A code of ``pipeline.reasons`` when not matched."""
    evidence: Evidence = field(default_factory=Evidence)
    told: frozenset[float] = frozenset()
    """Those starts and ends of segments (seconds of the dance) that the sound tells sharply, as
    far as the method knows."""


@dataclass(frozen=True)
class Alignment:
    """The task's answer, made from the answers of all methods."""

    matched: bool
    ambiguous: bool
    confidence: float
    segments: tuple[Segment, ...]
    candidates: tuple[Candidate, ...]
    agreement_ms: float | None
    """The largest difference of the two maps over their common stretch; None with one answer."""
    error_ms: float | None
    reason: str | None
    variants: Mapping[str, MethodAlignment]

    @property
    def longest(self) -> Segment | None:
        """The segment whose offset and speed stand for the whole."""
        return max(self.segments, key=lambda s: s.dance_end - s.dance_start, default=None)
