"""Copies of the file, made (the last good one, ``.bak``, and one a day) and put to use: a damaged
or missing file is kept aside, and tasks are recovered from every source.
"""

from __future__ import annotations

import logging
import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from store.file.disk import Signature, put_aside, replace_whole, signature_at
from store.file.view import State, look
from store.model import is_task
from store.records.draft import Departure, Draft, Patch
from store.retention import history

log = logging.getLogger(__name__)

FOLDER = "task_backups"
_NAME = re.compile(r"task_status-(\d{4})-(\d{2})-(\d{2})\.json")
_MOMENT = "%Y%m%dT%H%M%SZ"


def backup_of(path: Path) -> Path:
    """Where the last good copy stands."""
    return path.with_name(f"{path.name}.bak")


def make(path: Path, target: Path) -> None:
    """Copies the file to ``target``, synced, with the file's permissions.

    Raises OSError, and ValueError for a file that is damaged or absent.
    """
    state = look(path)
    if state.raw is None or state.damage:
        why = "; ".join(state.damage) or "it is absent"
        raise ValueError(f"{path} is not backed up: {why}")
    replace_whole(target, state.raw, like=path)


def renew(path: Path, seconds: float, days: int, now: datetime) -> None:
    """Makes ``.bak`` when the file is newer and it is older than ``seconds``, and today's copy when
    there is none; removes those older than ``days``. Raises as :func:`make` does.
    """
    file, copy = signature_at(path), signature_at(backup_of(path))
    if file is None:
        return
    young = copy is not None and 0 <= time.time() - copy[2] / 1e9 < seconds
    if copy is None or (file[2] > copy[2] and not young):
        make(path, backup_of(path))
    folder = path.parent / FOLDER
    target = folder / f"task_status-{now:%Y-%m-%d}.json"
    if days and not target.exists():
        folder.mkdir(exist_ok=True)
        make(path, target)
    oldest = f"task_status-{now - timedelta(days=days):%Y-%m-%d}.json"
    if folder.is_dir() and not folder.is_symlink():
        for daily in list(folder.iterdir()):
            if _NAME.fullmatch(daily.name) and daily.name <= oldest:
                daily.unlink(missing_ok=True)


def newest(path: Path) -> Path | None:
    """The newest copy that there is."""
    found = [*(path.parent / FOLDER).glob("task_status-*.json"), backup_of(path)]
    files = [copy for copy in found if copy.is_file()]
    return max(files, key=lambda copy: copy.stat().st_mtime_ns, default=None)


def _records_in_backup(path: Path) -> dict[str, Any]:
    try:
        return dict(look(backup_of(path)).records)
    except OSError as error:
        log.warning("%s cannot be read: %s", backup_of(path), error)
        return {}


def healed(
    path: Path, damaged: State, before: State, now: datetime, kept: dict[Signature, Path]
) -> tuple[dict[str, Any], str]:
    """The records to go on with after ``damaged`` content, and a text that says what was done.

    For the holder of the lock. The damaged file is kept aside first. Each whole record in it is
    taken; ids that it lacks are filled in from what this process saw last and from ``.bak``,
    except those in the history, which have left on purpose. ``kept`` remembers what stands aside
    already, so that a write that fails again and again does not fill the disk with copies.
    Raises OSError, nothing changed.
    """
    aside = kept.get(damaged.signature) if damaged.signature else None
    if damaged.raw is None or aside is None or not aside.exists():
        aside = put_aside(path, damaged.raw, "corrupt", f"{now:{_MOMENT}}")
    if damaged.signature:
        kept[damaged.signature] = aside
    filled: dict[str, Any] = {}
    if damaged.torn:
        others = history.ids(path.parent) | damaged.records.keys()
        found = _records_in_backup(path) | dict(before.records)
        filled = {key: record for key, record in found.items() if key not in others}
    text = (
        f"{path.name} was damaged ({'; '.join(damaged.damage)}). It is kept as {aside.name}; "
        f"{len(damaged.records)} tasks were found whole in it, {len(filled)} came from the last "
        "good copy."
    )
    log.warning(text)
    return {**damaged.records, **filled}, text


def missing(path: Path, now: datetime) -> str:
    """Keeps the last good copy from being overwritten when the file itself is gone.

    Returns a text for people, an empty one when there is nothing to lose. For the holder of the
    lock.
    """
    tasks = sum(map(is_task, _records_in_backup(path).values()))
    if not tasks:
        return ""
    aside = path.with_name(f"{path.name}.missing-{now:%Y%m%dT%H%M%S%fZ}")
    backup_of(path).rename(aside)
    text = (
        f"{path.name} is gone. Its last copy, with {tasks} tasks, is kept as {aside.name}; "
        f"`python -m store restore {aside.name}` brings them back."
    )
    log.warning(text)
    return text


def restore(path: Path, source: Path, now: datetime, *, replace: bool) -> Patch:
    """Adds the records of ``source`` that the file lacks; with ``replace`` the file becomes
    what ``source`` is, and what it was before is kept aside. The result is how many came back.

    Raises ValueError for a source without a task, OSError.
    """
    records = dict(look(source).records)
    if not any(map(is_task, records.values())):
        raise ValueError(f"there are no tasks in {source}")
    if replace and (raw := look(path).raw) is not None:
        put_aside(path, raw, "replaced", f"{now:{_MOMENT}}")
    departed = history.ids(path.parent)

    def apply(draft: Draft) -> int:
        new = [key for key in records if key not in draft.records]
        draft.records = dict(records) if replace else draft.records | {k: records[k] for k in new}
        draft.changed = True
        draft.departures += [
            Departure(key, None, history.RESTORED) for key in new if key in departed
        ]
        return sum(is_task(records[key]) for key in (records if replace else new))

    return Patch(apply)
