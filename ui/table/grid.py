"""The rows of the list in words and figures, as the component in the browser draws them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.tasks.queue import Queue
from pipeline.tasks.record import TaskRecord
from ui.parts.viewer import Viewer
from ui.parts.without_routes import without_routes
from ui.routes.files import file_path
from ui.service import Service
from ui.table import actions, pictures
from ui.words import sentences
from ui.words.format import duration, moment, size
from ui.words.names import shown_name
from ui.words.text import t


@dataclass(frozen=True)
class Look:
    """What is known at one look at the tasks, besides the tasks."""

    unsaved: Collection[str]
    """Ids of tasks with changes that are not on the disk yet."""
    queue: Queue
    now: datetime
    zone: ZoneInfo
    extras: Sequence[str] = ()
    """The columns of ``EXTRAS`` that somebody wants to see."""


def row_of(service: Service, viewer: Viewer, task: TaskRecord, look: Look) -> dict[str, Any]:
    """A task as the component takes it (``ui/components/list/script.js``)."""
    return {
        "id": task.id,
        "picture": pictures.picture_url(service, viewer, task),
        "name": shown_name(task.dance_name) or task.id[:8],
        "song": shown_name(task.reference_name),
        "chip": {"text": sentences.status_text(task), "tone": sentences.status_tone(task)},
        "note": note(task, look),
        "progress": progress(task),
        "when": {
            "text": moment(task.created_at, look.now, look.zone),
            "full": f"{task.created_at.astimezone(look.zone):%Y-%m-%d %H:%M:%S}"
            if task.created_at
            else "",
        },
        "extras": [EXTRAS[name](service, task, look) for name in look.extras],
        "action": _action(service, viewer, task),
        "menu": [
            {"name": name, "label": t(f"action.{name}")}
            for name in actions.possible(task)
            if name != "open"  # which is what the card itself does
        ],
    }


def _action(service: Service, viewer: Viewer, task: TaskRecord) -> dict[str, str]:
    """What somebody most likely wants: the film of what is done, else to stop, retry or look."""
    href = _film_url(service, viewer, task)
    name = "save" if href else actions.next_action(task)
    return {"name": name, "label": t(f"action.{name}"), "href": href}


def _no_film_url(service: Service, viewer: Viewer, task: TaskRecord) -> str:
    """No address: the task's page has a button instead."""
    return ""


@without_routes(_no_film_url)
def _film_url(service: Service, viewer: Viewer, task: TaskRecord) -> str:
    """Where the finished film is downloaded; empty for none, or while a person has to choose."""
    best = task.best
    settled = task.status == "success" and not task.adjusting and not task.answer.ambiguous
    if not settled or best is None or file_path(service, task, best) is None:
        return ""
    return viewer.url(service, task, best, download="1")


def note(task: TaskRecord, look: Look) -> str:
    """What goes on or went wrong; empty for what is simply done."""
    said = []
    if task.status != "success" or task.adjusting:
        said.append(sentences.stage_text(task, look.queue))
    done = progress(task)
    if done is not None:
        said.insert(0, f"{done}%")
    if task.id in look.unsaved:
        said.append(t("table.unsaved"))
    return " · ".join(filter(None, said))


def progress(task: TaskRecord) -> int | None:
    """Whole per cents of what is being made; None for nothing."""
    if task.status == "success":
        being_made = task.adjust if task.adjusting else None
        return None if being_made is None else int(100 * (being_made.progress or 0.0))
    if task.status != "processing" or task.progress is None:
        return None
    return int(100 * task.progress)


def _agreement(service: Service, task: TaskRecord, look: Look) -> str:
    return sentences.agreement_text(task)


def _confidence(service: Service, task: TaskRecord, look: Look) -> str:
    """In per cent; empty for a failure, where there is no answer to be sure of."""
    value = None if task.status == "failed" else task.answer.confidence
    return "" if value is None else f"{value:.0%}"


def _size(service: Service, task: TaskRecord, look: Look) -> str:
    """Of the dance, and of its result."""
    path = file_path(service, task, task.best) if task.best else None
    result = size(path.stat().st_size) if path is not None and path.is_file() else ""
    return " → ".join(filter(None, [size(task.dance_size), result]))


def _spent(service: Service, task: TaskRecord, look: Look) -> str:
    return duration(task.seconds_spent(look.now))


EXTRAS: Mapping[str, Callable[[Service, TaskRecord, Look], str]] = {
    "agreement": _agreement,
    "confidence": _confidence,
    "size": _size,
    "spent": _spent,
}
"""Columns that are shown when somebody chooses them."""
