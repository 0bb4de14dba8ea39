"""A task as code sees it, and a task as the file has it (its *record*, a JSON object)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from store.clock import from_text

PENDING, PROCESSING, SUCCESS, FAILED = "pending", "processing", "success", "failed"
STATUSES = (PENDING, PROCESSING, SUCCESS, FAILED)
FINISHED = (SUCCESS, FAILED)

CANCELLED = "cancelled"
INTERRUPTED = "interrupted"

BASE_KEYS = (
    "status",
    "message",
    "created_at",
    "started_at",
    "completed_at",
    "modular_output",
    "v2_output",
)
"""Always in a record, ``null`` without a value; every other key only with a value."""

PATH_KEYS = ("modular_output", "v2_output", "dance_file", "reference_file")
"""Keys whose value is a path relative to the project's root."""

Record = dict[str, Any]
"""A task as the file has it. Never changed in place: an update makes a new one."""

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def is_task_id(value: object) -> bool:
    """Whether ``value`` is a uuid4 as :func:`str` writes it; only such an id becomes a path."""
    return isinstance(value, str) and _UUID4.fullmatch(value) is not None


@dataclass(frozen=True)
class Adjustment:
    """A request to render a finished task once more with other options."""

    number: int
    """Counts the requests of this task; a later request replaces an earlier one."""
    status: str
    """pending, processing or failed; after a success the request is gone."""
    options: Mapping[str, Any] = field(default_factory=dict)
    requested_at: datetime | None = None
    attempts: int = 0
    owner: str | None = None
    progress: float | None = None
    """0 to 1."""
    reason: str | None = None
    detail: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True)
class Task:
    """A task, frozen. Values of the wrong type in the file are None here, unchanged there."""

    id: str
    status: str
    message: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    """Start of the first attempt since the task was created or retried."""
    completed_at: datetime | None = None
    modular_output: str | None = None
    v2_output: str | None = None
    dance_name: str | None = None
    reference_name: str | None = None
    dance_size: int | None = None
    """Bytes."""
    reference_size: int | None = None
    """Bytes."""
    dance_file: str | None = None
    reference_file: str | None = None
    modular_status: str | None = None
    v2_status: str | None = None
    stage: str | None = None
    progress: float | None = None
    """0 to 1."""
    seconds_left: float | None = None
    attempts: int = 0
    owner: str | None = None
    """Names the claim (a process and a number); pass it back to be fenced."""
    reason: str | None = None
    detail: str | None = None
    warnings: tuple[Any, ...] = ()
    alignment: Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None
    plans: Any = None
    timings: Mapping[str, Any] | None = None
    revision: int = 0
    visitor: str | None = None
    cancel_requested: bool = False
    not_before: datetime | None = None
    adjust: Adjustment | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Every key of the record that is not one of the above."""

    @property
    def finished(self) -> bool:
        """Whether the task is success or failed."""
        return self.status in FINISHED


@dataclass(frozen=True)
class Snapshot:
    """All tasks at one moment."""

    tasks: tuple[Task, ...]
    """Oldest first."""
    unsaved: frozenset[str] = frozenset()
    """Ids with changes that are not on the disk yet."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with the file, one English text under each stable code: ``damaged``,
    ``missing``, ``unreadable``, ``not_saved``, ``history``, ``unknown_records``, ``cleanup``."""


def copied(value: Any) -> Any:
    """A copy of a record's value, however deep: ``copy.deepcopy`` gives up at about 330 levels,
    which a file that somebody else wrote may have.
    """
    whole: list[Any] = [value]
    waiting: list[Any] = [whole]
    while waiting:
        place = waiting.pop()
        for key, inner in place.items() if isinstance(place, dict) else enumerate(place):
            if isinstance(inner, (dict, list)):
                place[key] = inner.copy()
                waiting.append(place[key])
    return whole[0]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def is_task(record: object) -> bool:
    """Whether this value of the file is a task: an object with one of the four statuses."""
    return isinstance(record, dict) and record.get("status") in STATUSES


def to_adjustment(value: object) -> Adjustment | None:
    """The ``adjust`` key of a record as a dataclass; None when there is none."""
    if not isinstance(value, dict) or value.get("status") not in (PENDING, PROCESSING, FAILED):
        return None
    options = value.get("options")
    return Adjustment(
        number=_count(value.get("number")) or 0,
        status=value["status"],
        options=copied(options) if isinstance(options, dict) else {},
        requested_at=from_text(value.get("requested_at")),
        attempts=_count(value.get("attempts")) or 0,
        owner=_text(value.get("owner")),
        progress=_number(value.get("progress")),
        reason=_text(value.get("reason")),
        detail=_text(value.get("detail")),
        not_before=from_text(value.get("not_before")),
    )


def _mapping(value: object) -> Mapping[str, Any] | None:
    return copied(value) if isinstance(value, dict) else None


_NAMES = "dance_name reference_name modular_status v2_status stage owner reason detail visitor"
_READ: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys((*PATH_KEYS, *_NAMES.split()), _text),
    **dict.fromkeys(("created_at", "started_at", "completed_at", "not_before"), from_text),
    **dict.fromkeys(("alignment", "options", "timings"), _mapping),
    **dict.fromkeys(("dance_size", "reference_size"), _count),
    **dict.fromkeys(("attempts", "revision"), lambda value: _count(value) or 0),
    **dict.fromkeys(("progress", "seconds_left"), _number),
    "status": str,
    "message": lambda value: _text(value) or "",
    "warnings": lambda value: tuple(copied(value)) if isinstance(value, list) else (),
    "plans": copied,
    "cancel_requested": lambda value: value is True,
    "adjust": to_adjustment,
}
"""How each key of a record becomes a field of a task."""


def to_task(task_id: str, record: Record, before: tuple[Record, Task] | None = None) -> Task:
    """The task of a record for which :func:`is_task` holds.

    Nested values are copied, so that nothing a caller does to them reaches the file. ``before``
    is an earlier record of this task with what it gave: values that are still the same objects
    (nothing in a record is changed in place) are taken from there.
    """
    extra: dict[str, Any] = {}
    earlier, values = (before[0], vars(before[1]).copy()) if before else (_NOTHING, {})
    values["id"], values["extra"] = task_id, extra
    for key, value in record.items():
        if key not in _READ:
            extra[key] = value if type(value) in ATOMS else copied(value)
        elif key not in earlier or earlier[key] is not value:
            values[key] = _READ[key](value)
    if before and len(values) > 2 + len(record) - len(extra):  # a key of before is gone
        return to_task(task_id, record)
    # A frozen dataclass sets each of its fields by a call of its own, the 27 that are absent as
    # well: that was a fifth of the time of an update. What is absent is the class's default.
    task = object.__new__(Task)
    object.__setattr__(task, "__dict__", values)
    return task


_NOTHING: Record = {}
ATOMS = frozenset((str, int, float, bool, type(None)))
"""Types of which a copy is the thing itself."""


def is_finished(record: object) -> bool:
    """Whether a value of the file is a finished task."""
    return isinstance(record, dict) and record.get("status") in FINISHED


def count_finished(records: Mapping[str, Any]) -> int:
    """How many of the records are finished tasks."""
    return sum(map(is_finished, records.values()))
