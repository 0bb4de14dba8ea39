"""Tasks made from records: only those that changed are made anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from store.clock import Clock
from store.commit.group_commit import GroupCommit
from store.errors import StoreError
from store.file.view import State, View
from store.model import Record, Snapshot, Task, is_task, is_task_id, to_task
from store.records.draft import Draft, Outdated, Patch

_FIRST = datetime.min.replace(tzinfo=UTC)


class Tasks:
    """What readers see: the file, with the changes on top that are not on the disk yet."""

    def __init__(self, view: View, commit: GroupCommit, clock: Clock) -> None:
        self._view = view
        self._commit = commit
        self._clock = clock
        self._made: dict[str, tuple[Record, Task]] = {}
        self._overlay: tuple[State, int, Mapping[str, Any]] | None = None
        self._last: tuple[Mapping[str, Any], tuple[Task, ...], str | None] | None = None
        self._ticking = threading.Lock()
        self._changes: dict[Any, dict[str, Any]] = {}

    def records(self) -> Mapping[str, Any]:
        """Id → record, unsaved changes included."""
        version = self._commit.version
        state = self._view.now()
        waiting = (*self._commit.kept, *self._commit.ticks.values())
        if not waiting:
            self._overlay = None
            return state.records
        overlay = self._overlay
        if overlay and overlay[0] is state and overlay[1] == version:
            return overlay[2]
        draft = Draft(dict(state.records), self._clock())
        for patch in waiting:
            try:
                patch.apply(draft)
            except (StoreError, Outdated):
                continue  # the commit says so when it comes to it
        self._overlay = (state, version, draft.records)
        return draft.records

    def tick(
        self, key: Any, changes: Mapping[str, Any], patch: Callable[[Any, Mapping[str, Any]], Patch]
    ) -> None:
        """Adds changes that may be lost; those of one key are merged."""
        with self._ticking:
            alive = self._commit.ticks
            self._changes = {k: v for k, v in self._changes.items() if k in alive}
            self._changes[key] = merged = self._changes.get(key, {}) | dict(changes)
            self._commit.tick(key, lambda _: patch(key, merged))

    def task(self, task_id: str, record: Record) -> Task:
        """The task of a record."""
        made = self._made.get(task_id)
        if made and made[0] is record:
            return made[1]
        task = to_task(task_id, record, made)
        self._made[task_id] = (record, task)
        return task

    def snapshot(self) -> Snapshot:
        """All tasks, the ids of unsaved ones, and what is wrong with the file."""
        records = self.records()
        last = self._last
        if last is None or last[0] is not records:
            last = self._last = (records, *self._all(records))
        problems = dict(self._view.problems)
        if last[2]:
            problems["unknown_records"] = last[2]
        kept = {patch.task_id for patch in self._commit.kept if patch.task_id}
        return Snapshot(last[1], frozenset(kept) | self._commit.unsynced, problems)

    def _all(self, records: Mapping[str, Any]) -> tuple[tuple[Task, ...], str | None]:
        tasks, unknown, named = [], [], []
        for task_id, record in records.items():
            if not is_task(record):
                unknown.append(task_id)
                continue
            tasks.append(self.task(task_id, record))
            if not is_task_id(task_id):
                named.append(task_id)
        if len(self._made) > 2 * len(tasks) + 100:
            self._made = {t.id: self._made[t.id] for t in tasks if t.id in self._made}
        tasks.sort(key=lambda task: task.created_at or _FIRST)
        said = []
        if unknown:
            said.append(f"no tasks, left as they are: {', '.join(unknown[:5])}")
        if named:
            said.append(f"ids that are no uuid4, never started: {', '.join(named[:5])}")
        return tuple(tasks), "; ".join(said) or None
