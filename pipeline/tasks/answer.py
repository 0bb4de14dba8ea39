"""A task's answer: where the song was found or placed, how sure that is, what else it may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.job.warnings import Notice
from pipeline.tasks import record
from pipeline.tasks.record import number
from store import Task

Segment = Mapping[str, float]
"""``dance_start``, ``dance_end``, ``offset`` (seconds) and ``speed``."""
Take = Sequence[Segment]
JUMP = 0.25
"""Seconds by which the song jumps, forwards or back, where another take begins."""


_ANSWERED = frozenset({"render_v2", "render_modular"})
"""Stages of a run in which both methods have answered."""


def answer(task: Task) -> Mapping[str, Any]:
    """The task's alignment; empty when there is none, or only that of an earlier attempt."""
    if task.status == "pending" or (task.status == "processing" and task.stage not in _ANSWERED):
        return {}
    return task.alignment if isinstance(task.alignment, Mapping) else {}


def by_hand(task: Task) -> bool:
    """Whether a person placed the song and nothing was found to refine that by."""
    return answer(task).get("by_hand") is True


def placed(task: Task) -> bool:
    """Whether a person gave the place of the song, whether or not it could be refined."""
    found = answer(task)
    given = found.get("hint") or (task.options or {}).get("hint")
    return by_hand(task) or (
        bool(found) and found.get("matched") is not False and isinstance(given, Mapping)
    )


def automatic(task: Task) -> Mapping[str, Any]:
    """The automatic answer that a place given by hand has replaced; empty without one."""
    kept = answer(task).get("automatic")
    return kept if isinstance(kept, Mapping) else {}


def confidence(task: Task) -> float | None:
    """0 to 1; None before the answer, and for a person's place, of which it would say nothing."""
    return None if placed(task) else number(answer(task).get("confidence"))


def percent(task: Task) -> float | None:
    """The confidence in per cent; None for a failure, where there is no answer to be sure of."""
    value = None if task.status == "failed" else confidence(task)
    return None if value is None else 100.0 * value


def agreement_ms(task: Task) -> float | None:
    """How far the two methods are apart (milliseconds), or None with one answer or none."""
    return None if placed(task) else number(answer(task).get("agreement_ms"))


def ambiguous(task: Task) -> bool:
    """Whether the music fits at more than one place, and nobody has chosen yet."""
    return answer(task).get("ambiguous") is True


def chosen(task: Task) -> bool:
    """Whether a person gave the place of music that fits at more than one."""
    return automatic(task).get("ambiguous") is True


def segments_of(task: Task) -> list[dict[str, float]]:
    """The matched parts with usable figures (seconds), in the order of the dance."""
    given: Any = answer(task).get("segments")
    found = []
    for one in given if isinstance(given, list) else ():
        values = (
            {
                name: record.number(one.get(name))
                for name in ("dance_start", "dance_end", "offset", "speed")
            }
            if isinstance(one, Mapping)
            else {}
        )
        usable = {name: value for name, value in values.items() if value is not None}
        if usable and len(usable) == len(values) and usable["speed"] > 0:
            found.append(usable)
    return sorted(found, key=lambda one: one["dance_start"])


def takes_of(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments by take, in order."""
    takes: list[list[Segment]] = []
    for segment in segments:
        if takes and abs(_jump(takes[-1][-1], segment)) < JUMP:
            takes[-1].append(segment)
        else:
            takes.append([segment])
    return takes


def _jump(one: Segment, two: Segment) -> float:
    """Seconds of the song that are left out between two segments; below 0 are played again."""
    between = (one["dance_end"] + two["dance_start"]) / 2
    return song_time(two, between) - song_time(one, between)


def song_time(segment: Segment, at: float) -> float:
    """The moment of the song (seconds) under a moment of the dance."""
    return segment["speed"] * at + segment["offset"]


def candidates_of(task: Task) -> list[dict[str, float]]:
    """The candidates with usable figures, the likeliest first."""
    found: list[dict[str, float]] = []
    given: Any = answer(task).get("candidates")
    for one in given if isinstance(given, list) else ():
        if not isinstance(one, Mapping):
            continue
        offset, speed = record.number(one.get("offset")), record.number(one.get("speed"))
        if offset is not None:
            found.append(
                {
                    "offset": offset,
                    "speed": speed or 1.0,
                    "confidence": record.number(one.get("confidence")) or 0.0,
                }
            )
    return sorted(found, key=lambda one: -one["confidence"])[:8]


def of_tracks(alignment: Mapping[str, Any]) -> list[Notice]:
    """What a person should know of the tracks of an answer (``pipeline.job.tracks.said``): which
    one it was, when that was not the first, and when nothing could tell."""
    tracks = alignment.get("tracks")
    if not isinstance(tracks, Mapping):
        return []
    found: list[Notice] = []
    for role in ("dance", "reference"):
        told = tracks.get(role)
        if not isinstance(told, Mapping):
            continue
        said = {"track": told.get("track"), "of": told.get("of")}
        if told.get("why") == "fits" and told.get("track") != 1:
            found.append({"code": f"{role}_track", **said})
        if told.get("why") == "played" and role == "reference" and alignment.get("matched"):
            found.append({"code": "reference_played", **said})
    if tracks.get("left_out"):
        found.append({"code": "tracks_left_out", "pairs": tracks["left_out"]})
    return found
