"""From tasks to the rows of the table: search, filter, sort, one page, and the queue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from store import Task
from ui.words.format import as_time, seconds_spent

Status = Literal["pending", "processing", "success", "failed"]
STATUSES: tuple[Status, ...] = ("pending", "processing", "success", "failed")
ORDERS = ("newest", "oldest", "name", "status", "confidence")
ACTIVE = frozenset({"pending", "processing"})
MUTE = frozenset({"no_sound", "silent"})
"""Reasons that say that a file has no sound to find anything by."""

_ANSWERED = frozenset({"render_v2", "render_modular", "verify"})
"""Stages of a run in which both methods have answered."""
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class View:
    """What of the tasks the viewer wants to see."""

    search: str = ""
    statuses: frozenset[str] = frozenset()
    """Empty means all."""
    order: str = "newest"
    page: int = 1
    """From 1."""
    page_size: int = 25


@dataclass(frozen=True)
class Page:
    """One page of the table."""

    tasks: tuple[Task, ...]
    number: int
    pages: int
    matching: int


@dataclass(frozen=True)
class Queue:
    """What is waiting and running, over all viewers: the queue is one."""

    places: Mapping[str, int]
    """Place of each pending task by id, from 1."""
    running: int
    adjusting: int
    """Finished tasks whose results are being made anew, or wait for that."""
    seconds_left: float | None
    """Seconds until the whole queue is done, None when nothing tells; how long an adjustment
    takes is not known."""


def take_page(tasks: Sequence[Task], view: View) -> Page:
    """The tasks of one page of the view; a page beyond the end gives the last one."""
    needle = view.search.strip().casefold()
    found = [
        task
        for task in tasks
        if (not view.statuses or task.status in view.statuses)
        and (not needle or _contains(task, needle))
    ]
    _sort(found, view.order)
    pages = max(1, -(-len(found) // view.page_size))
    number = min(max(1, view.page), pages)
    start = (number - 1) * view.page_size
    return Page(tuple(found[start : start + view.page_size]), number, pages, len(found))


def _contains(task: Task, needle: str) -> bool:
    return (
        needle in (task.dance_name or "").casefold()
        or needle in (task.reference_name or "").casefold()
        or task.id.startswith(needle)
    )


def _sort(tasks: list[Task], order: str) -> None:
    """In place and stable; the given order is oldest first."""
    if order == "newest":
        tasks.reverse()
        tasks.sort(key=_created, reverse=True)
    elif order == "oldest":
        tasks.sort(key=_created)
    elif order == "name":
        tasks.sort(key=lambda task: (task.dance_name or "").casefold())
    elif order == "status":
        tasks.sort(key=lambda task: STATUSES.index(task.status) if task.status in STATUSES else 9)
    elif order == "confidence":
        tasks.sort(key=lambda task: confidence(task) or -1.0, reverse=True)


def _created(task: Task) -> datetime:
    return as_time(task.created_at) or _NEVER


def number(value: Any) -> float | None:
    """A figure of the file, which a person may have edited; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def adjusting(task: Task) -> bool:
    """Whether an adjustment of the task is being made."""
    return task.adjust is not None and task.adjust.status in ACTIVE


def answer(task: Task) -> Mapping[str, Any]:
    """The task's alignment; empty when there is none, or only that of an earlier attempt."""
    if task.status == "pending" or (task.status == "processing" and task.stage not in _ANSWERED):
        return {}
    return task.alignment if isinstance(task.alignment, Mapping) else {}


def plan_of(task: Task, kind: str) -> Mapping[str, Any]:
    """The render plan of a variant as the file has it; empty when there is none."""
    plans = task.plans if isinstance(task.plans, Mapping) else {}
    plan = plans.get(kind)
    return plan if isinstance(plan, Mapping) else {}


def options_of(task: Task) -> dict[str, Any]:
    """The options that the present result was made with."""
    for kind in ("modular", "v2"):
        options = plan_of(task, kind).get("options")
        if isinstance(options, Mapping):
            return dict(options)
    return dict(task.options or {})


def warnings_of(task: Task) -> list[Mapping[str, Any]]:
    """The task's warnings, each with its ``code``; what a person made of them is left out."""
    given = task.warnings if isinstance(task.warnings, Sequence) else ()
    return [warning for warning in given if isinstance(warning, Mapping)]


def cut_off_at(task: Task, role: str) -> float | None:
    """Where a file that was cut off ends (seconds); None for a whole one."""
    found = [w for w in warnings_of(task) if w.get("code") == f"{role}_cut_off"]
    return number(found[0].get("at")) if found else None


def same_file(task: Task) -> bool:
    """Whether one recording was given as both the dance and the reference."""
    return any(warning.get("code") == "same_file" for warning in warnings_of(task))


def waiting(task: Task) -> bool:
    """Whether a person has to place the song: the dance has no sound to find it by."""
    of_reference = task.extra.get("reason_role") == "reference"
    return task.status == "failed" and task.reason in MUTE and not of_reference


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


def queue_of(tasks: Iterable[Task], workers: int, now: datetime) -> Queue:
    """The queue: places in the order of creation, and when it will be empty.

    A waiting task is taken to need as long as the median of the last twenty that ended
    well; the workers share them evenly.
    """
    pending: list[Task] = []
    left: list[float] = []
    spent: list[float] = []
    running = adjusted = 0
    known = True
    for task in tasks:
        adjusted += adjusting(task)
        if task.status == "pending":
            pending.append(task)
        elif task.status == "processing":
            running += 1
            seconds = number(task.seconds_left)
            if seconds is None:
                known = False
            else:
                left.append(seconds)
        elif task.status == "success":
            seconds = seconds_spent(task, now)
            if seconds is not None:
                spent.append(seconds)
    typical = sorted(spent[-20:])[len(spent[-20:]) // 2] if spent else None
    if not known and typical is not None:
        left.extend([typical] * (running - len(left)))
        known = True
    total: float | None = None
    if known and not adjusted and (not pending or typical is not None):
        total = sum(left) + len(pending) * (typical or 0.0)
        total = max([total / max(1, workers), *left])
    return Queue({task.id: i for i, task in enumerate(pending, 1)}, running, adjusted, total)
