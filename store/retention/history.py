"""``task_history.jsonl``: one line for each task that left the file, synced before it leaves."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from store.clock import from_text, to_text
from store.file.codec import encode_line
from store.file.disk import USUAL_MODE, mode_of, replace_whole, sync_folder, write_all
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
            path.rename(_rotated(folder, now))
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
    sync_folder(folder)


def _rotated(folder: Path, now: datetime) -> Path:
    stem = f"task_history-{now:%Y%m%dT%H%M%S}"
    path, number = folder / f"{stem}.jsonl", 1
    while path.exists():
        path, number = folder / f"{stem}-{number}.jsonl", number + 1
    return path


def files(folder: Path) -> list[Path]:
    """The history's files, oldest first."""
    return [*sorted(folder.glob("task_history-*.jsonl")), folder / NAME]


def entries(folder: Path) -> Iterator[dict[str, Any]]:
    """Every whole line, oldest first; torn and foreign ones, and files that cannot be read, are
    skipped.
    """
    for path in files(folder):
        try:
            with path.open("rb") as lines:
                for line in lines:
                    with contextlib.suppress(ValueError):
                        entry = orjson.loads(line)
                        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
                            yield entry
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning("the history cannot be read: %s", error)


def ids(folder: Path) -> set[str]:
    """The ids of all tasks that have left the file and were not restored since."""
    found: set[str] = set()
    for entry in entries(folder):
        if entry.get("left_because") == RESTORED:
            found.discard(entry["id"])
        else:
            found.add(entry["id"])
    return found


def forget_old(folder: Path, days: float, now: datetime) -> None:
    """Removes lines older than ``days``; for the holder of the lock. Raises OSError."""
    limit = now - timedelta(days=days)
    for path in files(folder):
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        dates = [_date(line) for line in lines]
        kept = [line for line, date in zip(lines, dates, strict=True) if not date or date >= limit]
        if len(kept) == len(lines):
            continue
        if path.name == NAME or any(date and date >= limit for date in dates):
            replace_whole(path, b"".join(kept))
        else:
            path.unlink()
            sync_folder(folder)


def _date(line: bytes) -> datetime | None:
    try:
        entry = orjson.loads(line)
    except ValueError:
        return None
    return from_text(entry.get("left_at")) if isinstance(entry, dict) else None
