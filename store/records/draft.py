"""The next content of the file while it is being made, and the patches that make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from store.errors import NoSuchTask, NotSaved
from store.model import Record, count_finished, is_finished, is_task


@dataclass(frozen=True)
class Departure:
    """A task that leaves the file."""

    task_id: str
    record: Any
    because: str
    """deleted, expired (older than a day) or capped (too many finished ones)."""


@dataclass
class Draft:
    """A copy of the records that patches change; the file is written from it."""

    records: dict[str, Any]
    now: datetime
    finished: int = 0
    """How many finished tasks there are."""
    changed: bool = False
    departures: list[Departure] = field(default_factory=list)
    touched: dict[str, None] | None = field(default_factory=dict)
    """Ids whose record was put since the bytes were last made, new ones in the order of the file;
    None: they may all differ."""
    removed: set[str] = field(default_factory=set)
    outdated: list[Patch] = field(default_factory=list)
    """Kept patches that must be computed again from the present record."""
    held: str = ""
    """Why no task can leave just now: its line could not be written into the history."""
    waiting: list[Patch] = field(default_factory=list)
    """Kept patches that go on waiting, because of ``held``."""

    def recount(self) -> None:
        """Counts the finished tasks anew, after the records were replaced as a whole."""
        self.finished = count_finished(self.records)
        self.touched = None

    def task(self, task_id: str) -> Record:
        """The record of a task; raises NoSuchTask."""
        record = self.records.get(task_id)
        if not isinstance(record, dict) or not is_task(record):
            raise NoSuchTask(f"there is no task {task_id}")
        return record

    def put(self, task_id: str, record: Record) -> Record:
        """Makes ``record`` that of the task."""
        before = self.records.get(task_id)
        if before != record or list(before) != list(record):
            if not isinstance(before, dict) or before.get("status") != record["status"]:
                self.finished += is_finished(record) - is_finished(before)
            self.records[task_id] = record
            self.changed = True
            if self.touched is not None:
                self.touched[task_id] = None
        return record

    def remove(self, task_id: str, because: str) -> None:
        """Takes a record out, to the history; raises NotSaved while nothing can leave."""
        if self.held:
            raise NotSaved(self.held)
        record = self.records.pop(task_id)
        self.finished -= is_finished(record)
        self.changed = True
        self.removed.add(task_id)
        if self.touched is not None:
            self.touched.pop(task_id, None)
        self.departures.append(Departure(task_id, record, because))


@dataclass(eq=False)  # as good as frozen, which would cost a call for each field
class Patch:
    """One change of the store's own making, applied under the lock between processes.

    What a *caller's* function computes is computed before, without a lock, and arrives here as
    a plain mapping together with the record it was computed from.
    """

    name: str
    apply: Callable[[Draft], Any]
    """Changes the draft, returns the caller's answer, raises a StoreError to refuse. Safe to
    apply twice."""
    task_id: str | None = None
    keep: bool = True
    """Whether it stays in memory when it cannot be saved."""
    undo: Callable[[Any], Patch | None] | None = None
    """From the answer of a patch that is not kept, and whose caller was told "not saved",
    the patch that takes it back."""
    absorb: Callable[[Patch], Patch | None] | None = None
    """From the next unsaved patch of the same task, one patch that does both, if there can be
    one: so that hours of failing saves do not pile up patches."""
    redo: Callable[[], Any] | None = None
    """Computes and submits the change again when the record is no longer the one it was
    computed from (for a kept patch)."""

    def check(self) -> None:
        """Raises BadPatch for what can never be stored, if that was not found out before."""


def keep(kept: tuple[Patch, ...], patch: Patch) -> tuple[Patch, ...]:
    """The unsaved patches with one more; patches of different tasks commute."""
    for place in range(len(kept) - 1, -1, -1):
        if kept[place].task_id == patch.task_id:
            absorb = kept[place].absorb
            both = absorb(patch) if absorb else None
            return (*kept[:place], both, *kept[place + 1 :]) if both else (*kept, patch)
    return (*kept, patch)


class Outdated(Exception):
    """The record is no longer the one that a caller's function was given."""
