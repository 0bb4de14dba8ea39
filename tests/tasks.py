"""Tasks as the page reads them, made of any keys of a record."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from pipeline.tasks.record import TaskRecord, read
from store import Task

OWN = frozenset(field.name for field in fields(Task))
"""Keys that the store knows; it carries all others along."""


def task_of(task_id: str, status: str, **keys: Any) -> TaskRecord:
    """The task of a record with these keys."""
    own = {key: value for key, value in keys.items() if key in OWN}
    rest = {key: value for key, value in keys.items() if key not in OWN}
    return read(Task(task_id, status, **own, extra=rest))
