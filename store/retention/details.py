"""What a record would be too large with, in a file beside the task's results.

The task file is written anew with each change of any task. So a record may name its details, and
they stand in ``results/<task>/details-<name>.json``: keys of the record that only somebody wants
to see who asks for this one task. Who writes them makes a new file with a name of its own, syncs
it, and then lets the record name it: whatever crashes, the record names a whole file that belongs
to it.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from store.file.codec import encode
from store.file.disk import replace_whole
from store.model import Task, to_task
from store.retention.task_files import make_task_folder, safe_path

log = logging.getLogger(__name__)

KEY = "details"
"""Under this key a record names its details."""
_NAME = re.compile(r"[0-9a-f]{8}")
_FIELDS = frozenset(field.name for field in fields(Task)) - {"id", "status", "extra"}


def whole(outputs: Path, task: Task, fetch: Callable[[Path], bool] = Path.is_file) -> Task:
    """The task with its details; without those that cannot be read, which the log says. ``fetch``
    brings a file to this disk."""
    if KEY not in task.extra:
        return task
    path = path_of(outputs, task.id, task.extra[KEY])
    try:
        if path:
            fetch(path)
        found = json.loads(path.read_bytes()) if path else {}
        read = to_task(task.id, {**found, "status": task.status})
    except (OSError, ValueError, TypeError, RecursionError) as error:
        log.warning("[%s] its details cannot be read: %s", task.id, error)
        return task
    values: dict[str, Any] = {key: getattr(read, key) for key in _FIELDS & found.keys()}
    return replace(task, **values, extra={**task.extra, **read.extra})


def path_of(outputs: Path, task_id: str, name: object) -> Path | None:
    """Where the details of this name stand; None for what is no name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    return safe_path(outputs, str(outputs / "results" / task_id / f"{KEY}-{name}.json"))


def write(outputs: Path, task_id: str, values: Mapping[str, Any]) -> str:
    """Writes details under a new name, synced, and returns the name; raises OSError."""
    name = secrets.token_hex(4)
    folder = make_task_folder(outputs, "results", task_id)
    replace_whole(folder / f"{KEY}-{name}.json", encode(dict(values)))
    return name
