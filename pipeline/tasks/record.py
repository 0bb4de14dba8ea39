"""Facts of a task as the file has them: a person may have edited any, so each is cleaned here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from store import Task

ACTIVE = frozenset({"pending", "processing"})
MUTE = frozenset({"no_sound", "silent"})
"""Reasons that say that a file has no sound to find anything by."""


def as_time(value: str | datetime | None) -> datetime | None:
    """A moment of the task file; naive ones are UTC; None for what is no date."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def seconds_spent(task: Task, now: datetime) -> float | None:
    """Seconds since the task was started, or between its start and its end."""
    started = as_time(task.started_at)
    if started is None:
        return None
    ended = as_time(task.completed_at)
    if task.status == "processing" or ended is None:
        if task.status != "processing":
            return None
        ended = now
    return max(0.0, (ended - started).total_seconds())


def number(value: Any) -> float | None:
    """A figure of the file, which a person may have edited; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e15 else None


def adjusting(task: Task) -> bool:
    """Whether an adjustment of the task is being made."""
    return task.adjust is not None and task.adjust.status in ACTIVE


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
