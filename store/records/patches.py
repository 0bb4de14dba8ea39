"""The patches behind the store's methods; each is safe to apply twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from store.clock import from_text, to_text
from store.errors import BadPatch, Fenced, WrongState
from store.model import (
    ADJUST,
    FINISHED,
    KINDS,
    PENDING,
    PROCESSING,
    SUCCESS,
    TASK,
    Record,
    count,
    is_task,
    is_task_id,
    run_of,
)
from store.records import transitions
from store.records.draft import Draft, Outdated, Patch
from store.settings import StoreSettings

Alive = Callable[[object], bool]
Fence = tuple[str | None, int | None]
"""Owner and attempt of the run that a change is meant for; None for any."""


def create(task_id: str, fields: Mapping[str, Any]) -> Patch:
    """A new pending task."""

    def apply(draft: Draft) -> Record:
        if not is_task_id(task_id):
            raise BadPatch(f"a task's id is a uuid4 in lower case, not {task_id!r}")
        if task_id in draft.records:
            raise WrongState(f"there is a task {task_id} already")
        return draft.put(task_id, transitions.new_record(fields, draft.form, draft.now))

    return Patch("create", apply, task_id)


def update(
    task_id: str,
    changes: Mapping[str, Any],
    fence: Fence,
    kind: str = TASK,
    expected: Record | None = None,
) -> Patch:
    """``changes`` to the state of a run; only to the record that is ``expected``, if one is."""

    def apply(draft: Draft) -> Record:
        record, run = _run(draft, task_id, kind)
        transitions.check_fence(run, *fence)
        if expected is not None and record is not expected and record != expected:
            raise Outdated
        return _put(draft, task_id, kind, transitions.merged(run, changes, draft.form, draft.now))

    ends = changes.get("status") in FINISHED and fence != (None, None)
    return Patch("update", apply, task_id, changes, keep=ends)


def finish_adjustment(task_id: str, changes: Mapping[str, Any], fence: Fence) -> Patch:
    """The end of an adjustment that worked: ``changes`` to the task, one revision more."""

    def apply(draft: Draft) -> Record:
        record, run = _run(draft, task_id, ADJUST)
        transitions.check_fence(run, *fence)
        result = transitions.merged(record, changes, draft.form, draft.now)
        result |= {"revision": count(record.get("revision")) + 1}
        return draft.put(task_id, transitions.without(result, (ADJUST,)))

    return Patch("finish", apply, task_id, keep=True)


def _run(draft: Draft, task_id: str, kind: str) -> tuple[Record, Record]:
    record = draft.task(task_id)
    run = run_of(record, kind)
    if run is None:
        raise Fenced("there is no such run of the task any more")
    return record, run


def _put(draft: Draft, task_id: str, kind: str, run: Record) -> Record:
    return draft.put(task_id, run if kind == TASK else draft.task(task_id) | {kind: run})


def find_due(
    records: Mapping[str, Any], kind: str, settings: StoreSettings, now: datetime
) -> str | None:
    """The id of the task whose run of this kind is next: the one that has waited longest, of the
    groups that have the fewest runs under way.
    """
    runs = {
        task_id: (str(record.get("group")), run)
        for task_id, record in records.items()
        if isinstance(record, dict) and (run := run_of(record, kind, PENDING, PROCESSING))
    }
    under_way = Counter(group for group, run in runs.values() if run["status"] == PROCESSING)

    def turn(task_id: str) -> tuple[int, bool, datetime]:
        group, run = runs[task_id]
        since = from_text(run.get("requested_at" if kind else "created_at"))
        return under_way[group], since is not None, since or now

    due = [
        task_id
        for task_id, (_, run) in runs.items()
        if run["status"] == PENDING
        and is_task_id(task_id)
        and transitions.is_due(run, settings, now)
    ]
    return min(due, key=turn, default=None)


def claim(kind: str, owner: str, settings: StoreSettings) -> Patch:
    """The run of this kind that has waited longest and is due, as processing by ``owner``."""

    def apply(draft: Draft) -> tuple[str, Record] | None:
        task_id = find_due(draft.records, kind, settings, draft.now)
        if task_id is None:
            return None
        run = _run(draft, task_id, kind)[1]
        run = transitions.claimed(run, owner, draft.form, draft.now)
        return task_id, _put(draft, task_id, kind, run)

    def undo(claimed: tuple[str, Record] | None) -> Patch | None:
        return release(claimed[0], kind, (owner, None)) if claimed else None

    return Patch("claim", apply, undo=undo)


def release(task_id: str, kind: str, fence: Fence) -> Patch:
    """A claim given back, the attempt not counted."""

    def apply(draft: Draft) -> Record:
        run = _run(draft, task_id, kind)[1]
        transitions.check_fence(run, *fence)
        return _put(draft, task_id, kind, transitions.released(run, draft.form, draft.now))

    return Patch("release", apply, task_id)


def cancel(task_id: str, kind: str) -> Patch:
    """Ends a pending run; asks the owner of a processing one to end it."""

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        run = run_of(record, kind, PENDING, PROCESSING)
        if run is None:
            return record
        if run["status"] == PENDING:
            run = transitions.cancelled(run, draft.form, draft.now)
        else:
            run = run | {"cancel_requested": True}
        return _put(draft, task_id, kind, run)

    return Patch("cancel", apply, task_id)


def retry(task_id: str) -> Patch:
    """A failed task as pending."""

    def apply(draft: Draft) -> Record:
        return draft.put(task_id, transitions.retried(draft.task(task_id), draft.form))

    return Patch("retry", apply, task_id)


def request(task_id: str, fields: Mapping[str, Any]) -> Patch:
    """A pending run that makes a success once more; takes the place of an earlier one."""

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        if record["status"] != SUCCESS:
            raise WrongState(
                f"only a finished result can be adjusted, this task is {record['status']}"
            )
        number = count(record.get("adjust_number")) + 1
        run = {"number": number, "status": PENDING, **fields, "requested_at": to_text(draft.now)}
        return draft.put(task_id, record | {ADJUST: run, "adjust_number": number})

    return Patch("request", apply, task_id)


def delete(task_id: str, alive: Alive) -> Patch:
    """Takes a task out of the file that nobody is working on; the result is its record."""

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        for kind in KINDS:
            run = run_of(record, kind, PROCESSING)
            if run and alive(run.get("owner")):
                raise WrongState("the task is being processed; cancel it first, then delete it")
        draft.remove(task_id, "deleted")
        return record

    return Patch("delete", apply, task_id)


def orphans(records: Mapping[str, Any], alive: Alive) -> list[tuple[str, str]]:
    """Tasks and kinds of the runs whose owner is dead."""
    return [
        (task_id, kind)
        for task_id, record in records.items()
        if is_task(record)
        for kind in KINDS
        if (run := run_of(record, kind, PROCESSING)) and not alive(run.get("owner"))
    ]


def restore_orphans(alive: Alive, settings: StoreSettings) -> Patch:
    """Every run whose owner is dead as pending, or failed after too many attempts."""

    def apply(draft: Draft) -> int:
        found = orphans(draft.records, alive)
        for task_id, kind in found:
            run = _run(draft, task_id, kind)[1]
            run = transitions.interrupted(run, draft.form, settings, draft.now)
            _put(draft, task_id, kind, run)
        return len(found)

    return Patch("restore_orphans", apply)
