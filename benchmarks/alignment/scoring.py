"""How right one answer to one case is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from benchmarks.alignment.workers import Answer
from benchmarks.cases.case import Case
from pipeline.model import Segment

GROUPS = {
    "measured_room": "measured rooms",
    "mild_moved": "speed ±8 %",
    "mild_kept": "speed ±8 %",
    "full_moved": "speed 0.70–1.40",
    "full_kept": "speed 0.70–1.40",
    "takes": "takes",
    "takes_speed": "takes",
    "cut": "takes",
    "repeat": "repeats",
    "repeat_varied": "repeats",
    "natural_repeat": "repeats",
    "ambiguous": "ambiguous",
    "loop": "ambiguous",
    "practice_loop": "practice loops",
    "speed_hard": "speed, hard",
    "pitch": "pitch ±3 semitones",
    "pitch_hard": "pitch, hard",
    "pitch_beyond": "pitch, beyond",
    "cover": "covers",
    "unrelated": "to reject",
    "same_tempo": "to reject",
    "same_drums": "to reject",
    "other_version": "to reject",
    "no_music": "to reject",
    "other_part": "another part",
    "backwards": "to reject",
    "unrelated_many": "to reject",
    "pitch_unrelated": "to reject",
}
"""The goal that a kind counts for; every other kind is 'same speed'."""
SAME_SPEED = "same speed"
GROUP_ORDER = (SAME_SPEED, *dict.fromkeys(GROUPS.values()))

LIMIT_MS = 100.0
"""How exact a take's limits have to be."""
WRONG_MS = 100.0
"""An answer that is further off names another place."""
SURE_CONFIDENCE = 0.9
"""From here on an answer counts as sure."""
MAX_AMBIGUOUS_CONFIDENCE = 0.5
MIN_COMMON_SECONDS = 0.1
SAME_LINE_SECONDS, MAX_PAUSE_SECONDS = 0.02, 0.3
"""Segments of one line with a shorter pause between them are one take."""
SAME_PLACE_SECONDS = 0.1
RIGHT_MS = 45.0
"""An answer is right, for the table of confidence, when it is nowhere further off."""
MAX_LISTED = 8
"""Of more equally good places than this, so many have to be listed."""
MIN_COVER = 0.5
"""The share of the overlap that an answer's segments have to cover."""


@dataclass(frozen=True)
class Score:
    """One answer, judged."""

    case: str
    kind: str
    method: str
    matched: bool
    ambiguous: bool
    confidence: float | None
    shares_music: bool
    """Whether dance and reference do share music."""
    error_ms: float | None
    """The largest error over the overlap; the smallest such of equally good places."""
    estimated_ms: float | None
    """The error that the answer itself estimates."""
    cover: float
    """The share of the overlap that the answer's segments cover."""
    limits_ms: float | None
    """For takes: the largest error of a segment's limits; infinite when one is missing or extra."""
    handled: bool | None
    """For ambiguous cases, else None: whether the answer said so and listed the places."""
    cpu: float
    seconds: float
    rss: int
    reason: str | None
    failure: str | None
    details: Mapping[str, float] = field(default_factory=dict)
    """What a method's answer says of itself; empty for the judge's."""

    @property
    def group(self) -> str:
        """The goal that this case counts for."""
        return GROUPS.get(self.kind, SAME_SPEED)

    @property
    def right(self) -> bool:
        """Whether following this answer would have been right (for the table of confidence)."""
        return self.shares_music and self.error_ms is not None and self.error_ms <= RIGHT_MS

    @property
    def wrong(self) -> bool:
        """Whether it was accepted and is somewhere more than 100 ms off, or shares no music."""
        return self.matched and (self.error_ms is None or self.error_ms > WRONG_MS)

    def within(self, limit_ms: float) -> bool:
        """Whether it was accepted, covers enough, and is nowhere further off than that."""
        enough = self.matched and self.cover >= MIN_COVER
        return enough and self.error_ms is not None and self.error_ms <= limit_ms


def score(case: Case, method: str, answer: Answer, seconds: float) -> Score:
    """Compares an answer with the truth over the whole overlap."""
    error: float | None = None
    cover, limits, handled = 0.0, None, None
    if case.truth is not None and answer.segments:
        if case.ambiguous:
            truth = case.truth[0]
            places = [
                Segment(truth.dance_start, truth.dance_end, offset, speed)
                for offset, speed in case.places
            ]
            found = [largest_error(place, answer.segments) for place in places]
            error, cover = min(found)
            handled = answer.ambiguous and (answer.confidence or 0.0) <= MAX_AMBIGUOUS_CONFIDENCE
            listed = sum(_listed(place, answer) for place in places)
            handled = handled and listed >= min(len(places), MAX_LISTED)
        else:
            found = [largest_error(truth, answer.segments) for truth in case.truth]
            error, cover = max(e for e, _ in found), min(c for _, c in found)
    if case.truth is not None and GROUPS.get(case.kind) == "takes":
        limits = limits_error(case.truth, answer.segments)
    if case.ambiguous and handled is None:
        handled = False
    return Score(
        case.name, case.kind, method, answer.matched, answer.ambiguous, answer.confidence,
        case.truth is not None, error, answer.error_ms, cover, limits, handled, answer.cpu,
        seconds, answer.rss, answer.reason, answer.failure,
        _details(answer),
    )  # fmt: skip


def _details(answer: Answer) -> dict[str, float]:
    """What a method's answer says of itself."""
    full = answer.full
    if full is None:
        return {}
    return {"score": full.score, **full.evidence.details, "trust": full.confidence_cap}


def largest_error(truth: Segment, found: tuple[Segment, ...]) -> tuple[float, float]:
    """The largest error (milliseconds) over the part of ``truth`` that is covered, and its share.

    A method that says one map for all is judged by it over the whole overlap. Where several
    segments are given, each instant is judged by the segment it lies in; among those that overlap
    a take the ones that hold less than a tenth of a second of it are not counted.
    """
    if len(found) == 1:
        only = found[0]
        overlap = min(truth.dance_end, only.dance_end) - max(truth.dance_start, only.dance_start)
        cover = max(0.0, overlap) / (truth.dance_end - truth.dance_start)
        ends = np.array([truth.dance_start, truth.dance_end])
        if cover == 0.0:
            return float("inf"), 0.0
        return float(np.max(np.abs(_difference(truth, only, ends)))) * 1000, cover
    worst, covered = 0.0, 0.0
    for segment in found:
        start = max(truth.dance_start, segment.dance_start)
        end = min(truth.dance_end, segment.dance_end)
        if end - start > MIN_COMMON_SECONDS:
            covered += end - start
            gap = np.abs(_difference(truth, segment, np.array([start, end])))
            worst = max(worst, float(gap.max()) * 1000)
    cover = covered / (truth.dance_end - truth.dance_start)
    return (worst, cover) if covered else (float("inf"), 0.0)


def limits_error(truth: tuple[Segment, ...], found: tuple[Segment, ...]) -> float:
    """The largest error of the takes' limits (milliseconds); infinite unless one answers to one."""
    joined = _joined(found)
    if len(joined) != len(truth):
        return float("inf")
    pairs = zip(sorted(truth, key=lambda s: s.dance_start), joined, strict=True)
    return 1000 * max(
        max(abs(t.dance_start - f.dance_start), abs(t.dance_end - f.dance_end)) for t, f in pairs
    )


def _joined(found: tuple[Segment, ...]) -> list[Segment]:
    """Neighbours on one line (within 20 ms, under 0.3 s apart) as one segment."""
    out: list[Segment] = []
    for segment in sorted(found, key=lambda s: s.dance_start):
        if out:
            last = out[-1]
            at = np.array([segment.dance_start])
            same_line = abs(float(_difference(last, segment, at)[0])) < SAME_LINE_SECONDS
            if same_line and segment.dance_start - last.dance_end < MAX_PAUSE_SECONDS:
                out[-1] = Segment(last.dance_start, segment.dance_end, last.offset, last.speed)
                continue
        out.append(segment)
    return out


def _difference(
    one: Segment, other: Segment, at: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """How far apart two maps are at some dance times (seconds of the reference)."""
    return (one.speed - other.speed) * at + (one.offset - other.offset)


def _listed(place: Segment, answer: Answer) -> bool:
    """Whether a place is the answer or among its candidates (within 100 ms at the middle)."""
    middle = (place.dance_start + place.dance_end) / 2
    said = [(s.offset, s.speed) for s in answer.segments] + list(answer.candidates)
    wanted = place.speed * middle + place.offset
    return any(
        abs(speed * middle + offset - wanted) <= SAME_PLACE_SECONDS for offset, speed in said
    )
