"""What is wrong with a task file, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from store.clock import from_text
from store.file.view import look
from store.model import FINISHED, STATUSES, is_task, is_task_id
from store.retention.repair import backup_of
from store.retention.task_files import safe_path

_DATES = ("created_at", "started_at", "completed_at")


def check(path: Path) -> list[str]:
    """Everything wrong with the file and beside it, one sentence each; empty when all is well.

    Raises OSError when the file cannot be read at all.
    """
    reading = look(path)
    if reading.signature is None:
        found = [f"{path} is absent; the store begins with no tasks."]
        if backup_of(path).exists():
            found.append(
                f"There is a copy, {backup_of(path).name}; "
                f"`python -m store restore {backup_of(path)}` brings its tasks back."
            )
        return found
    found = [
        f"{path.name} is damaged: {note}. The store keeps such a file aside and goes on."
        for note in reading.damage
    ]
    records: Mapping[str, Any] = reading.decoded.records if reading.decoded else {}
    if reading.damage:
        found.append(f"{sum(map(is_task, records.values()))} tasks stand whole in it.")
    for task_id, record in records.items():
        found += [f"Task {task_id}: {text}." for text in _check_record(path, task_id, record)]
    for kind in ("corrupt", "missing", "replaced"):
        for aside in sorted(path.parent.glob(f"{path.name}.{kind}-*")):
            found.append(f"{aside.name} was kept aside; remove it when it is no longer wanted.")
    return found


def _check_record(path: Path, task_id: str, record: Any) -> list[str]:
    if not isinstance(record, dict):
        return ["it is no object; the store leaves it as it is"]
    if not is_task(record):
        return [f"its status {record.get('status')!r} is none of {', '.join(STATUSES)}"]
    found = []
    if not is_task_id(task_id):
        found.append("its id is no uuid4; it is shown, and never started")
    for key in _DATES:
        value = record.get(key)
        if value is not None and from_text(value) is None:
            found.append(f"{key} is {value!r}, no ISO 8601 time")
    if record["status"] in FINISHED and not record.get("completed_at"):
        found.append("it is finished without a completed_at, and therefore never cleaned up")
    for key, value in record.items():
        if key.endswith(("_file", "_output")) and isinstance(value, str):
            target = safe_path(path.parent, value)
            if target is None:
                found.append(f"{key} {value!r} does not lie safely inside {path.parent.name}/")
            elif not target.exists() and "/results/" in value:
                found.append(f"{key} {value!r} does not exist")
    return found
