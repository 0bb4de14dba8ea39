"""Copies of the file: the last good one (``.bak``) and one a day."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta
from pathlib import Path

from store.file.disk import replace_whole, signature_at
from store.file.view import look
from store.retention.repair import backup_of

FOLDER = "task_backups"
_NAME = re.compile(r"task_status-(\d{4})-(\d{2})-(\d{2})\.json")


def is_due(path: Path, seconds: float, now: float) -> bool:
    """Whether the file is newer than its ``.bak``, and the ``.bak`` older than ``seconds``."""
    file, copy = signature_at(path), signature_at(backup_of(path))
    if file is None:
        return False
    if copy is None:
        return True
    return file[2] > copy[2] and not 0 <= now - copy[2] / 1e9 < seconds


def make(path: Path, target: Path) -> None:
    """Copies the file to ``target``, synced, with the file's permissions.

    Raises OSError, and ValueError for a file that is damaged or absent.
    """
    reading = look(path)
    if reading.content is None or reading.damage:
        why = "; ".join(reading.damage) or "it is absent"
        raise ValueError(f"{path} is not backed up: {why}")
    replace_whole(target, reading.content.raw, like=path)


def renew(path: Path, seconds: float, days: int, now: datetime) -> None:
    """Makes ``.bak`` when it is older than ``seconds``, and today's copy when there is none;
    removes those older than ``days``. Raises as :func:`make` does.
    """
    if is_due(path, seconds, time.time()):
        make(path, backup_of(path))
    folder = path.parent / FOLDER
    target = folder / f"task_status-{now:%Y-%m-%d}.json"
    if days and not target.exists() and signature_at(path) is not None:
        folder.mkdir(exist_ok=True)
        make(path, target)
    oldest = f"task_status-{now - timedelta(days=days):%Y-%m-%d}.json"
    if folder.is_dir() and not folder.is_symlink():
        for copy in list(folder.iterdir()):
            if _NAME.fullmatch(copy.name) and copy.name <= oldest:
                copy.unlink(missing_ok=True)


def copies(path: Path) -> list[Path]:
    """All copies that there are, newest first."""
    folder = path.parent / FOLDER
    found = [p for p in folder.glob("task_status-*.json") if p.is_file()]
    if backup_of(path).is_file():
        found.append(backup_of(path))
    return sorted(found, key=lambda p: p.stat().st_mtime_ns, reverse=True)
