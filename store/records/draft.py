"""The next content of the file while it is being made, and the patches that make it.

Each patch is safe to apply twice. What a *caller's* function computes is computed before, without a
lock, and arrives here as a plain mapping together with the record it was computed from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from store.errors import BadPatch, NoSuchTask, NotSaved, WrongState
from store.model import FINISHED, TASK, Claim, Record, is_task, is_task_id
from store.records import transitions
from store.records.transitions import Context, Transition, in_run


@dataclass(frozen=True)
class Departure:
    """A task that leaves the file."""

    task_id: str
    record: Any
    because: str
    """deleted, expired (older than ``keep_hours``) or restored (it came back)."""


@dataclass
class Draft:
    """A copy of the records that patches change; the file is written from it."""

    records: dict[str, Any]
    context: Context
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
        before = self.records.get(task_id, {})
        record = self._with_message(before, record)
        if before != record or list(before) != list(record):
            self.records[task_id] = record
            self.changed = True
        return record

    def _with_message(self, before: Record, record: Record) -> Record:
        given, message = record.get("message"), self.context.form.message
        if before.get("message") != given:
            return record if given else record | {"message": message(record)}
        moved = before.get("status") != record["status"]
        if not moved and (not given or given != message(before)):
            return record  # somebody's own text
        return record | {"message": message(record)}

    def change(self, task_id: str, transition: Transition) -> Record:
        """Puts what the transition makes of a task; raises NoSuchTask, and what it raises."""
        return self.put(task_id, transition(self.task(task_id), self.context))

    def remove(self, task_id: str, because: str) -> None:
        """Takes a record out, to the history; raises NotSaved while nothing can leave."""
        if self.held:
            raise NotSaved(self.held)
        self.departures.append(Departure(task_id, self.records.pop(task_id), because))
        self.changed = True


@dataclass(frozen=True, eq=False)
class Patch:
    """One change of the file, applied under the lock between processes."""

    apply: Callable[[Draft], Any]
    """Changes the draft, returns the caller's result, raises a StoreError to refuse."""
    task_id: str | None = None
    keep: bool = False
    """Whether it stays in memory when it cannot be saved: the end of a run."""
    undo: Patch | None = None
    """Takes back what may be in the file although the caller was told that it was not saved."""
    progress: Mapping[str, Any] | None = None
    """The keys of an update that may wait and may be lost."""
    claim: Claim | None = None


class Outdated(Exception):
    """The record is no longer the one that a caller's function was given."""


def change(task_id: str, transition: Transition, *, keep: bool = False) -> Patch:
    """What the transition makes of a task; the result is its record."""
    return Patch(lambda draft: draft.change(task_id, transition), task_id, keep)


def create(task_id: str, fields: Mapping[str, Any]) -> Patch:
    """A new pending task."""

    def apply(draft: Draft) -> Record:
        if not is_task_id(task_id):
            raise BadPatch(f"a task's id is a uuid4 in lower case, not {task_id!r}")
        if task_id in draft.records:
            raise WrongState(f"there is a task {task_id} already")
        return draft.put(task_id, transitions.new_record(fields, draft.context))

    return Patch(apply, task_id)


def update(
    task_id: str,
    changes: Mapping[str, Any],
    claim: Claim | None,
    *,
    expected: Record | None = None,
    progress: bool = False,
) -> Patch:
    """``changes`` to a run; only to the record that is ``expected``, if one is."""
    transition = in_run(
        claim.kind if claim else TASK,
        lambda run, context: transitions.merged(run, changes, context),
        claim,
    )

    def apply(draft: Draft) -> Record:
        if expected is not None and draft.task(task_id) != expected:
            raise Outdated
        return draft.change(task_id, transition)

    ends = changes.get("status") in FINISHED and claim is not None
    return Patch(apply, task_id, ends, progress=changes if progress else None, claim=claim)


Find = Callable[[Mapping[str, Any], str, Context], str | None]
"""The id of the task among these whose run of this kind is to be taken, if there is one."""
Take = Callable[[Record, str, Context], Record]
"""A run as this owner's."""


def claim(kind: str, owner: str, find: Find, take: Take) -> Patch:
    """The run of this kind that ``find`` finds, as ``take`` makes it the ``owner``'s."""

    def apply(draft: Draft) -> tuple[str, Record] | None:
        task_id = find(draft.records, kind, draft.context)
        if task_id is None:
            return None
        taken = in_run(kind, lambda run, context: take(run, owner, context))
        return task_id, draft.change(task_id, taken)

    def give_back(draft: Draft) -> int:
        return every(draft, lambda found: found == owner, transitions.released)

    return Patch(apply, undo=Patch(give_back))


def every(draft: Draft, wanted: Callable[[object], bool], transition: Transition) -> int:
    """What the transition makes of each run under way whose owner is ``wanted``; how many."""
    found = transitions.processing(draft.records, wanted)
    for task_id, kind in found:
        draft.change(task_id, in_run(kind, transition))
    return len(found)


def delete(task_id: str, alive: Callable[[object], bool]) -> Patch:
    """Takes a task out of the file that nobody is working on."""

    def apply(draft: Draft) -> None:
        if transitions.processing({task_id: draft.task(task_id)}, alive):
            raise WrongState("the task is being processed; cancel it first, then delete it")
        draft.remove(task_id, "deleted")

    return Patch(apply, task_id)
