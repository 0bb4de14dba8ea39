"""The automatic answer, saved while a place given by hand stands in its stead.

It stands in the task's details as ``alignment["automatic"]``: the answer as the two methods gave
it, with the nudge that its results had. Going back to it (the adjustment's option ``automatic``)
renders the plans with that answer's segments; nothing is aligned again, but where the person chose
another sound track. The curves for the plots wait beside the results.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import reasons
from pipeline.job.answer_json import segment_from_json, segment_to_json
from pipeline.model import VARIANTS, VariantName
from pipeline.reasons import JobError
from pipeline.tasks.record import value_of
from pipeline.tasks.values import mapping

if TYPE_CHECKING:
    from store import Task

ANSWER_KEY = "automatic"
"""The key of the saved answer in the alignment."""
GO_BACK = "automatic"
"""The option that goes back to the saved answer."""
PLACE_OPTIONS = frozenset({"hint", GO_BACK, "dance_track", "reference_track"})
"""Options that say which place in which track is meant; the others say how it is rendered."""
EVIDENCE, SAVED_EVIDENCE = "evidence.json", "evidence-automatic.json"


def saved_answer(task: Task) -> Mapping[str, Any] | None:
    """The automatic answer that a place by hand has replaced; None without one."""
    alignment = mapping(value_of(task, "alignment"))
    answer = alignment.get(ANSWER_KEY)
    return answer if isinstance(answer, Mapping) else None


def with_saved_answer(task: Task, new: Mapping[str, Any]) -> dict[str, Any]:
    """The alignment of a place by hand, with the automatic answer before it saved in it.

    The other candidates stay: whoever chose one may choose again.
    """
    before = mapping(value_of(task, "alignment"))
    answer = saved_answer(task)
    if answer is None and before.get("matched") and not _by_a_person(task):
        answer = {**before, "nudge_ms": mapping(value_of(task, "options")).get("nudge_ms", 0.0)}
    if answer is None:
        return dict(new)
    return {
        **new,
        "candidates": new.get("candidates") or answer.get("candidates"),
        ANSWER_KEY: answer,
    }


def _by_a_person(task: Task) -> bool:
    """Whether the present answer came from a hint already."""
    alignment = mapping(value_of(task, "alignment"))
    given = mapping(value_of(task, "options")).get("hint")
    return bool(alignment.get("hint") or alignment.get("by_hand") or given)


def saved_alignment(task: Task) -> dict[str, Any]:
    """The alignment after going back; raises ``JobError`` when no answer was saved."""
    answer = saved_answer(task)
    if answer is None:
        raise JobError(reasons.RENDER_FAILED, "no automatic answer was saved to go back to")
    return {key: value for key, value in answer.items() if key != "nudge_ms"}


def effective_options(task: Task, request: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a request is rendered and saved with.

    Going back takes the nudge back too: the present one belongs to another place.
    """
    if not request.get(GO_BACK):
        return dict(request)
    answer = saved_answer(task) or {}
    options = {key: value for key, value in request.items() if key not in PLACE_OPTIONS}
    chosen = {
        f"{role}_track": track
        for role, track in track_numbers(answer).items()
        if answer["tracks"][role].get("why") == "chosen"
    }
    return options | chosen | {"nudge_ms": answer.get("nudge_ms") or 0.0}


def track_numbers(answer: Mapping[str, Any]) -> dict[str, int]:
    """Which sound track of each file an answer stands on, by role; empty where each has one."""
    tracks = answer.get("tracks")
    found = tracks if isinstance(tracks, Mapping) else {}
    return {role: found[role]["track"] for role in ("dance", "reference") if role in found}


def plans_of(task: Task) -> dict[VariantName, Mapping[str, Any]]:
    """The present plans with the automatic answer's segments, of the methods that had an answer.

    Raises ``JobError`` when there is nothing to go back to; KeyError, TypeError or ValueError
    for a record that somebody spoilt.
    """
    variants = saved_alignment(task)["variants"]
    plans = mapping(value_of(task, "plans"))
    made: dict[VariantName, Mapping[str, Any]] = {}
    for name in VARIANTS:
        answer = variants.get(name) or {}
        if name in plans and answer.get("matched") and answer.get("segments"):
            segments = [segment_to_json(segment_from_json(one)) for one in answer["segments"]]
            made[name] = {**plans[name], "segments": segments}
    if not made:
        raise JobError(reasons.RENDER_FAILED, "the automatic answer has no plan to go by")
    return made


def keep_evidence(results: Path) -> None:
    """Lays the automatic answer's curves aside, unless that was done before; never the answer's
    of a place by hand that an interrupted run has put there."""
    if (results / EVIDENCE).is_file() and not (results / SAVED_EVIDENCE).exists():
        shutil.copyfile(results / EVIDENCE, results / SAVED_EVIDENCE)


def put_evidence_back(results: Path) -> None:
    """Puts the automatic answer's curves back, if they are not there already."""
    if (results / SAVED_EVIDENCE).is_file():
        (results / SAVED_EVIDENCE).replace(results / EVIDENCE)
