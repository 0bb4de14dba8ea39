"""Files that leave the disk, and tasks that have left the file."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from store.clock import from_text
from store.errors import StoreError
from store.file.view import View
from store.model import Task, is_task, to_task
from store.retention import history, task_files
from store.settings import StoreSettings
from store.tasks.reader import Reader

log = logging.getLogger(__name__)


def remove_files(outputs: Path, reader: Reader, records: Mapping[str, Any]) -> None:
    """Removes the files of tasks that have left; what cannot be removed is logged, and found
    again by the next :func:`sweep`.
    """
    if not records:
        return
    present = reader.records()
    for task_id, record in records.items():
        if task_id in present:  # it was brought back meanwhile
            continue
        for path in task_files.files_of(outputs, task_id, record, present):
            try:
                task_files.remove_tree(path)
            except OSError as error:
                log.warning("%s could not be removed, it is tried again: %s", path, error)


def run_all(*steps: Callable[[], object]) -> list[str]:
    """Takes each step, whatever became of the others; the errors of those that failed."""
    failures = []
    for step in steps:
        try:
            step()
        except (StoreError, OSError) as error:
            failures.append(str(error))
    return failures


def sweep(view: View, reader: Reader, settings: StoreSettings) -> None:
    """Removes what is ours and no task names, unless the truth about the tasks cannot be read
    just now.
    """
    state = view.now()
    if state.signature is None or state.damage or "unreadable" in view.problems:
        return
    outputs = view.path.parent
    gone = history.ids(outputs)
    removed = task_files.sweep(outputs, reader.records(), gone, settings.orphan_hours)
    if removed:
        log.info("cleanup: %d files or folders that no task names removed", len(removed))


def departed(outputs: Path, present: Mapping[str, Any], since: datetime | None) -> tuple[Task, ...]:
    """The finished tasks in the history that are not ``present``, oldest first."""
    found: dict[str, Task] = {}
    for entry in history.entries(outputs):
        record = entry.get("record")
        left = from_text(entry.get("left_at"))
        if entry["id"] in present or not isinstance(record, dict) or not is_task(record):
            continue
        if since and (left is None or left < since):
            continue
        extra = {key: entry.get(key) for key in ("left_at", "left_because")}
        task = to_task(entry["id"], record | extra)
        found.pop(task.id, None)
        if task.finished:
            found[task.id] = task
    return tuple(found.values())
