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

TASK, ADJUST = "", "adjust"
"""The kinds of runs. A run is work that is claimed and ends, with a status, attempts and an owner:
that of the task itself, whose state is its record; and an adjustment, which makes a success once
more in another way, whose state is an object in the record, under this key."""
KINDS = (TASK, ADJUST)

Record = dict[str, Any]
"""A task as the file has it. Never changed in place: an update makes a new one."""

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def is_task_id(value: object) -> bool:
    """Whether ``value`` is a uuid4 as :func:`str` writes it; only such an id becomes a path."""
    return isinstance(value, str) and _UUID4.fullmatch(value) is not None


@dataclass(frozen=True)
class Claim:
    """Names one attempt at one run. Whoever passes it to the store changes that very attempt, or
    nothing."""

    owner: str | None
    attempt: int
    kind: str = TASK


@dataclass(frozen=True)
class Form:
    """What an application's records have besides what the store knows."""

    keys: tuple[str, ...] = ()
    """Keys that are always there, ``null`` without a value."""
    of_run: tuple[str, ...] = ()
    """Keys that mean nothing once the task no longer runs."""
    of_result: tuple[str, ...] = ()
    """Keys that a retry takes back."""
    message: Callable[[Mapping[str, Any]], str] = lambda record: str(record.get("status"))
    """The text for people about a record. A text that somebody gave stays while the status does."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What the record says of any run. Values of the wrong type in the file are None here,
    unchanged there."""

    started_at: datetime | None = None
    """Start of the first attempt since the run was asked for."""
    completed_at: datetime | None = None
    attempts: int = 0
    owner: str | None = None
    """The process that is at work on it, and a number."""
    first_owner: str | None = None
    """Who began the attempt under way, where another process has taken it over since."""
    progress: float | None = None
    """0 to 1."""
    reason: str | None = None
    not_before: datetime | None = None
    cancel_requested: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Every key that is no field here."""


@dataclass(frozen=True)
class Adjustment(Run):
    """The run of a finished task that makes it once more."""

    number: int
    """Counts the requests of this task; a later request replaces an earlier one."""
    status: str
    """pending, processing or failed; after a success the run is gone."""
    requested_at: datetime | None = None

    @property
    def claim(self) -> Claim:
        """Names the attempt under way."""
        return Claim(self.owner, self.attempts, ADJUST)


@dataclass(frozen=True)
class Task(Run):
    """A task, frozen."""

    id: str
    status: str
    message: str = ""
    created_at: datetime | None = None
    group: str | None = None
    """Whose task it is; groups take turns, those that begin alike up to a ``/`` as one first."""
    revision: int = 0
    """How often it was made once more."""
    adjust: Adjustment | None = None

    @property
    def claim(self) -> Claim:
        """Names the attempt under way at the task itself."""
        return Claim(self.owner, self.attempts)

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
    ``missing``, ``unreadable``, ``not_saved``, ``history``, ``unknown_records``, ``cleanup``,
    ``folder``."""


def copied(value: Any) -> Any:
    """A copy of a record's value, however deep: ``copy.deepcopy`` gives up at about 330 levels,
    which a file that somebody else wrote may have.
    """
    if not isinstance(value, (dict, list)):
        return value
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


def count(value: object) -> int:
    """A count of the file; 0 for a value of the wrong type."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def is_task(record: object) -> bool:
    """Whether this value of the file is a task: an object with one of the four statuses."""
    return isinstance(record, dict) and record.get("status") in STATUSES


def is_finished(record: object) -> bool:
    """Whether a value of the file is a finished task."""
    return isinstance(record, dict) and record.get("status") in FINISHED


def run_of(record: Mapping[str, Any], kind: str, *statuses: str) -> Record | None:
    """The state of a record's run of this kind, if there is one in these statuses (any)."""
    run = record if kind == TASK else record.get(kind)
    if not isinstance(run, dict) or (kind != TASK and record.get("status") != SUCCESS):
        return None
    return run if run.get("status") in (statuses or STATUSES) else None


def _to_adjustment(value: object) -> Adjustment | None:
    if not isinstance(value, dict) or value.get("status") not in (PENDING, PROCESSING, FAILED):
        return None
    known, extra = _read(value, _OF_ADJUSTMENT)
    return Adjustment(**({"number": 0} | known), extra=extra)


_READ: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("owner", "first_owner", "group", "reason"), _text),
    **dict.fromkeys(
        ("created_at", "started_at", "completed_at", "requested_at", "not_before"), from_text
    ),
    **dict.fromkeys(("attempts", "number", "revision"), count),
    "status": str,
    "message": lambda value: _text(value) or "",
    "progress": _number,
    "cancel_requested": lambda value: value is True,
    "adjust": _to_adjustment,
}
"""How each key of a record becomes a field."""


_OF_TASK = Task.__dataclass_fields__.keys() & _READ.keys()
_OF_ADJUSTMENT = Adjustment.__dataclass_fields__.keys() & _READ.keys()


def _read(record: Record, keys: set[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    known = {key: _READ[key](value) for key, value in record.items() if key in keys}
    return known, {key: copied(value) for key, value in record.items() if key not in keys}


def to_task(task_id: str, record: Record) -> Task:
    """The task of a record for which :func:`is_task` holds.

    Nested values are copied, so that nothing a caller does to them reaches the file.
    """
    known, extra = _read(record, _OF_TASK)
    return Task(id=task_id, **known, extra=extra)
