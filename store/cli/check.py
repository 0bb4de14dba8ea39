"""What is wrong with a task file, in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from store.clock import from_text
from store.file.view import look
from store.model import FINISHED, STATUSES, is_task, is_task_id
from store.retention.copies import backup_of
from store.retention.task_files import safe_path

_DATES = ("created_at", "started_at", "completed_at")


def check(path: Path) -> list[str]:
    """Everything wrong with the file and beside it, one sentence each; empty when all is well.

    Raises OSError when the file cannot be read at all.
    """
    state, found = look(path), []
    if state.signature is None:
        found.append(f"{path} is absent; the store begins with no tasks.")
        if backup_of(path).exists():
            command = f"python -m store restore {backup_of(path)}"
            found.append(f"There is a copy; `{command}` brings its tasks back.")
    for note in state.damage:
        found.append(f"{path.name} is damaged: {note}. The store keeps such a file aside, goes on.")
    if state.damage:
        found.append(f"{sum(map(is_task, state.records.values()))} tasks stand whole in it.")
    for task_id, record in state.records.items():
        found += [f"Task {task_id}: {text}." for text in _wrong(path, task_id, record)]
    for kind in ("corrupt", "missing", "replaced"):
        for aside in sorted(path.parent.glob(f"{path.name}.{kind}-*")):
            found.append(f"{aside.name} was kept aside; remove it when it is no longer wanted.")
    return found


def _wrong(path: Path, task_id: str, record: Any) -> Iterator[str]:
    if not isinstance(record, dict):
        yield "it is no object; the store leaves it as it is"
        return
    if not is_task(record):
        yield f"its status {record.get('status')!r} is none of {', '.join(STATUSES)}"
        return
    if not is_task_id(task_id):
        yield "its id is no uuid4; it is shown, and never started"
    for key in _DATES:
        if record.get(key) is not None and from_text(record[key]) is None:
            yield f"{key} is {record[key]!r}, no ISO 8601 time"
    if record["status"] in FINISHED and not record.get("completed_at"):
        yield "it is finished without a completed_at, and therefore never cleaned up"
    for key, value in record.items():
        if key.endswith(("_file", "_output")) and isinstance(value, str):
            target = safe_path(path.parent, value)
            if target is None:
                yield f"{key} {value!r} does not lie safely inside {path.parent.name}/"
            elif not target.exists() and "/results/" in value:
                yield f"{key} {value!r} does not exist"
