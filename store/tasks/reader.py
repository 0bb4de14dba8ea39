"""Tasks made from records: only those that changed are made anew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from store.commit.group_commit import GroupCommit
from store.errors import NoSuchTask
from store.model import Record, Snapshot, Task, is_task, is_task_id, to_task
from store.records.draft import Patch

_FIRST = datetime.min.replace(tzinfo=UTC)


class Reader:
    """What readers see: the file, with the changes on top that are not on the disk yet."""

    def __init__(self, commit: GroupCommit) -> None:
        self._commit = commit
        self._made: dict[str, tuple[Record, Task]] = {}
        self._overlay: tuple[Mapping[str, Any], tuple[Patch, ...], Mapping[str, Any]] | None = None
        self._last: tuple[Mapping[str, Any], tuple[Task, ...], str] | None = None

    def records(self) -> Mapping[str, Any]:
        """Id → record, unsaved changes included."""
        waiting, saved = self._commit.waiting, self._commit.view.now().records
        if not waiting:
            return saved
        overlay = self._overlay
        if overlay and overlay[0] is saved and overlay[1] is waiting:
            return overlay[2]
        records = self._commit.with_waiting(saved, waiting).records
        self._overlay = (saved, waiting, records)
        return records

    def record(self, task_id: str) -> Record:
        """The record of a task; raises NoSuchTask."""
        record: Record = self.records().get(task_id, {})
        if not is_task(record):
            raise NoSuchTask(f"there is no task {task_id}")
        return record

    def task(self, task_id: str, record: Record | None = None) -> Task:
        """The task of a record, the present one without it; then raises NoSuchTask."""
        record = record or self.record(task_id)
        made = self._made.get(task_id)
        if made is None or made[0] is not record:
            made = self._made[task_id] = (record, to_task(task_id, record))
        return made[1]

    def snapshot(self) -> Snapshot:
        """All tasks, the ids of unsaved ones, and what is wrong with the file."""
        records = self.records()
        last = self._last
        if last is None or last[0] is not records:
            last = self._last = (records, *self._all(records))
        problems = dict(self._commit.view.problems)
        if last[2]:
            problems["unknown_records"] = last[2]
        return Snapshot(last[1], self._commit.unsaved(), problems)

    def _all(self, records: Mapping[str, Any]) -> tuple[tuple[Task, ...], str]:
        tasks = [self.task(key, record) for key, record in records.items() if is_task(record)]
        tasks.sort(key=lambda task: task.created_at or _FIRST)
        self._made = {task.id: (records[task.id], task) for task in tasks}
        said = {
            "no tasks, left as they are": [k for k, r in records.items() if not is_task(r)],
            "ids that are no uuid4, never started": [t.id for t in tasks if not is_task_id(t.id)],
        }
        return tuple(tasks), "; ".join(f"{k}: {', '.join(v[:5])}" for k, v in said.items() if v)
