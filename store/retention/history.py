"""``task_history.jsonl``: one line for each task that left the file, synced before it leaves."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from store.clock import from_text, to_text
from store.file.codec import encode_line
from store.file.disk import USUAL_MODE, mode_of, replace_whole, sync, write_all
from store.model import Task, is_task, to_task
from store.records.draft import Departure

log = logging.getLogger(__name__)

NAME = "task_history.jsonl"
RESTORED = "restored"
"""Stands for a task that came back, so that the history no longer keeps it away."""


def append(
    task_file: Path, departures: Iterable[Departure], now: datetime, limit_mb: float
) -> None:
    """Appends a line for each departure and syncs; for the holder of the lock.

    Starts a new file beyond ``limit_mb``, with the permissions of the task file. Raises OSError,
    then perhaps with a torn last line, which readers skip and the next append closes off.
    """
    data, left_at = b"", to_text(now)
    for one in departures:
        entry = {"id": one.task_id, "left_at": left_at, "left_because": one.because}
        data += encode_line(entry | {"record": one.record})
    folder, path = task_file.parent, task_file.with_name(NAME)
    with contextlib.suppress(FileNotFoundError):
        if path.lstat().st_size > limit_mb * 1e6:
            path.rename(folder / f"task_history-{now:%Y%m%dT%H%M%S%f}.jsonl")
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, mode_of(task_file) or USUAL_MODE)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            data = b"\n" + data
        write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync(folder)


def files(folder: Path) -> list[Path]:
    """The history's files, oldest first."""
    return [*sorted(folder.glob("task_history-*.jsonl")), folder / NAME]


def _entry(line: bytes) -> dict[str, Any]:
    """What a line says; nothing for one that is torn or foreign."""
    try:
        entry = orjson.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) and isinstance(entry.get("id"), str) else {}


def entries(folder: Path) -> Iterator[dict[str, Any]]:
    """Every whole line, oldest first, of the files that can be read."""
    for path in files(folder):
        try:
            with path.open("rb") as lines:
                yield from filter(None, map(_entry, lines))
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("the history cannot be read: %s", error)


def ids(folder: Path) -> set[str]:
    """The ids of all tasks that have left the file and were not restored since."""
    left = {entry["id"]: entry.get("left_because") for entry in entries(folder)}
    return {task_id for task_id, because in left.items() if because != RESTORED}


def tasks(folder: Path, present: Mapping[str, Any], since: datetime | None) -> tuple[Task, ...]:
    """The finished tasks in the history that are not ``present``, oldest first."""
    found: dict[str, Task] = {}
    for entry in entries(folder):
        record, left_at = entry.get("record"), from_text(entry.get("left_at"))
        if entry["id"] in present or not isinstance(record, dict) or not is_task(record):
            continue
        if since and (left_at is None or left_at < since):
            continue
        extra = {key: entry.get(key) for key in ("left_at", "left_because")}
        found.pop(entry["id"], None)
        found[entry["id"]] = to_task(entry["id"], record | extra)
    return tuple(task for task in found.values() if task.finished)


def forget_old(folder: Path, days: float, now: datetime) -> None:
    """Removes lines older than ``days``; for the holder of the lock. Raises OSError."""
    limit = now - timedelta(days=days)
    for path in files(folder):
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        dates = [from_text(_entry(line).get("left_at")) for line in lines]
        kept = [line for line, date in zip(lines, dates, strict=True) if not date or date >= limit]
        if len(kept) == len(lines):
            continue
        if path.name == NAME or any(date and date >= limit for date in dates):
            replace_whole(path, b"".join(kept))
        else:
            path.unlink()
            sync(folder)
