"""A task's answer: where the song was found or placed, how sure that is, what else it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.model import BEST_FIRST, Candidate, Segment
from pipeline.tasks.values import mapping, number, objects, text

if TYPE_CHECKING:
    from pipeline.job.warnings import Notice

Take = Sequence[Segment]
JUMP_SECONDS = 0.25
"""By how much the song jumps, forwards or back, where another take begins."""
MAX_CANDIDATES = 8
CONFIRMED = "place_confirmed"
"""The key of a record by which a person said that the place of its results is the right one."""
INAUDIBLE_MS = 2.0
"""Two places nearer than this cannot be distinguished."""


@dataclass(frozen=True)
class Answer:
    """The answer of a task as its file has it, with usable figures only."""

    exists: bool = False
    """Whether there is one: nothing is known before both methods have answered."""
    by_hand: bool = False
    """Whether a person placed the song and nothing was found to refine that by."""
    placed: bool = False
    """Whether a person gave the place of the song, whether or not it could be refined."""
    ambiguous: bool = False
    """Whether the music fits at more than one place, and nobody has chosen yet."""
    confirmed: bool = False
    """Whether a person chose the place that the results have already."""
    confidence: float | None = None
    """0 to 1; None for a person's place, of which it would say nothing."""
    distance_ms: float | None = None
    """How far the two methods are apart; None with one answer."""
    offset: float | None = None
    """Seconds; of the longest segment."""
    speed: float = 1.0
    segments: tuple[Segment, ...] = ()
    """In the order of the dance."""
    candidates: tuple[Candidate, ...] = ()
    """The likeliest first."""
    tracks: Mapping[str, int] = field(default_factory=dict)
    """Which sound track of each file the answer stands on, from 1, by role."""
    notices: tuple[Notice, ...] = ()
    """What a person should know of these tracks."""
    automatic: Answer | None = None
    """The automatic answer that a place given by hand has replaced."""
    methods: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Each method's own confidence, and its estimated error (milliseconds)."""

    best: str | None = None
    """The method that comes first, as a short record says it that has no figures (a row of the
    list); None where that is the more careful one."""

    def rank(self, method: str) -> tuple[bool, float, int, int]:
        """Sorts methods: the surer first, as the judge does; of equally sure ones the one that is
        off by less, in steps that one can hear (``INAUDIBLE_MS``); of equal ones the more careful.
        """
        confidence, error_ms = self.methods.get(method, (0.0, 0.0))
        place = BEST_FIRST.index(method) if method in BEST_FIRST else len(BEST_FIRST)
        return method != self.best, -round(confidence, 2), round(error_ms / INAUDIBLE_MS), place

    @property
    def agreement_ms(self) -> float | None:
        """How far the two methods are apart; None for a person's place, which both went by."""
        return None if self.placed else self.distance_ms

    @property
    def placed_by_choice(self) -> bool:
        """Whether a person chose among the places of music that fits at more than one."""
        return self.confirmed or (self.automatic is not None and self.automatic.ambiguous)

    @property
    def takes(self) -> tuple[Take, ...]:
        """The segments by take, in order."""
        takes: list[list[Segment]] = []
        for segment in self.segments:
            if takes and abs(_jump(takes[-1][-1], segment)) < JUMP_SECONDS:
                takes[-1].append(segment)
            else:
                takes.append([segment])
        return tuple(takes)


def read_answer(
    alignment: object, options: Mapping[str, Any] | None = None, *, confirmed: bool = False
) -> Answer:
    """The answer in a record's ``alignment``; one that does not exist for what is none.

    ``options`` are the task's: a record from before the alignment kept it has a person's place
    there. ``confirmed`` is what the record has under :data:`CONFIRMED`.
    """
    found = mapping(alignment)
    if not found:
        return Answer()
    by_hand = found.get("by_hand") is True
    hint = found.get("hint") or mapping(options).get("hint")
    placed = by_hand or (found.get("matched") is not False and isinstance(hint, Mapping))
    tracks = mapping(found.get("tracks"))
    numbers = {role: number(mapping(tracks.get(role)).get("track")) for role in tracks}
    automatic = read_answer(found.get("automatic"))
    return Answer(
        exists=True,
        by_hand=by_hand,
        placed=placed,
        ambiguous=found.get("ambiguous") is True and not confirmed,
        confirmed=confirmed,
        confidence=None if placed else number(found.get("confidence")),
        distance_ms=number(found.get("agreement_ms")),
        offset=number(found.get("offset")),
        speed=number(found.get("speed")) or 1.0,
        segments=_segments(found.get("segments")),
        candidates=_candidates(found.get("candidates")),
        tracks={role: int(one) for role, one in numbers.items() if one is not None},
        notices=tuple(track_notices(found)),
        automatic=automatic if automatic.exists else None,
        methods=_methods(found.get("variants")),
        best=text(found.get("best")),
    )


def _methods(given: object) -> dict[str, tuple[float, float]]:
    """Confidence and error of the methods that found the music."""
    said = {name: mapping(one) for name, one in mapping(given).items()}
    return {
        name: (number(one.get("confidence")) or 0.0, number(one.get("error_ms")) or 0.0)
        for name, one in said.items()
        if one.get("matched") is True
    }


def _segments(given: object) -> tuple[Segment, ...]:
    names = ("dance_start", "dance_end", "offset", "speed")
    rows: list[dict[str, Any]] = [
        {name: number(one.get(name)) for name in names} for one in objects(given)
    ]
    found = [Segment(**row) for row in rows if None not in row.values() and row["speed"] > 0]
    return tuple(sorted(found, key=lambda one: one.dance_start))


def _candidates(given: object) -> tuple[Candidate, ...]:
    found = [
        Candidate(offset, number(one.get("speed")) or 1.0, number(one.get("confidence")) or 0.0)
        for one in objects(given)
        if (offset := number(one.get("offset"))) is not None
    ]
    return tuple(sorted(found, key=lambda one: -one.confidence)[:MAX_CANDIDATES])


def _jump(one: Segment, two: Segment) -> float:
    """Seconds of the song that are left out between two segments; below 0 are played again."""
    between = (one.dance_end + two.dance_start) / 2
    return song_time(two, between) - song_time(one, between)


def song_time(segment: Segment, at: float) -> float:
    """The moment of the song (seconds) under a moment of the dance."""
    return segment.speed * at + segment.offset


def track_notices(alignment: Mapping[str, Any]) -> list[Notice]:
    """What a person should know of the tracks of an answer (``pipeline.job.tracks.said``): which
    one it was, when that was not the first, and when none could be compared."""
    tracks = mapping(alignment.get("tracks"))
    found: list[Notice] = []
    for role in ("dance", "reference"):
        track = mapping(tracks.get(role))
        said = {"track": track.get("track"), "of": track.get("of")}
        if track.get("why") == "fits" and track.get("track") != 1:
            found.append({"code": f"{role}_track", **said})
        if track.get("why") == "played" and role == "reference" and alignment.get("matched"):
            found.append({"code": "reference_played", **said})
    if tracks.get("left_out"):
        found.append({"code": "tracks_left_out", "pairs": tracks["left_out"]})
    return found
