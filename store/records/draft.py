"""The next content of the file while it is being made, and the patches that make it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from store.errors import NoSuchTask, NotSaved
from store.model import Form, Record, is_task


@dataclass(frozen=True)
class Departure:
    """A task that leaves the file."""

    task_id: str
    record: Any
    because: str
    """deleted, expired (older than a day) or restored (it came back)."""


@dataclass
class Draft:
    """A copy of the records that patches change; the file is written from it."""

    records: dict[str, Any]
    now: datetime
    form: Form
    held: str = ""
    """Why no task can leave just now: its line could not be written into the history."""
    changed: bool = False
    departures: list[Departure] = field(default_factory=list)

    def task(self, task_id: str) -> Record:
        """The record of a task; raises NoSuchTask."""
        record = self.records.get(task_id)
        if not isinstance(record, dict) or not is_task(record):
            raise NoSuchTask(f"there is no task {task_id}")
        return record

    def put(self, task_id: str, record: Record) -> Record:
        """Makes ``record`` that of the task, with the message that it should have."""
        before = self.records.get(task_id)
        record = self._with_message(before if isinstance(before, dict) else {}, record)
        if before != record or list(before) != list(record):
            self.records[task_id] = record
            self.changed = True
        return record

    def _with_message(self, before: Record, record: Record) -> Record:
        given, message = record.get("message"), self.form.message
        if before.get("message") != given:
            return record if given else record | {"message": message(record)}
        moved = before.get("status") != record["status"]
        if not moved and (not given or given != message(before)):
            return record  # somebody's own text
        return record | {"message": message(record)}

    def remove(self, task_id: str, because: str) -> None:
        """Takes a record out, to the history; raises NotSaved while nothing can leave."""
        if self.held:
            raise NotSaved(self.held)
        self.departures.append(Departure(task_id, self.records.pop(task_id), because))
        self.changed = True


@dataclass(frozen=True, eq=False)
class Patch:
    """One change of the store's own making, applied under the lock between processes.

    What a *caller's* function computes is computed before, without a lock, and arrives here as
    a plain mapping together with the record it was computed from.
    """

    name: str
    apply: Callable[[Draft], Any]
    """Changes the draft, returns the caller's result, raises a StoreError to refuse. Safe to
    apply twice."""
    task_id: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    """The keys that an update changes."""
    keep: bool = False
    """Whether it stays in memory when it cannot be saved: the end of a run."""
    undo: Callable[[Any], Patch | None] | None = None
    """From the result, the patch that takes back what may be in the file although the caller was
    told that it was not saved."""


class Outdated(Exception):
    """The record is no longer the one that a caller's function was given."""
