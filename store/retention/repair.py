"""Repairs a damaged or missing task file: it is kept, and tasks are recovered from every source."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from store.file.codec import decode
from store.file.disk import NotAFile, Signature, put_aside, read_whole
from store.file.view import Reading, State
from store.model import is_task
from store.retention import history

log = logging.getLogger(__name__)


def backup_of(path: Path) -> Path:
    """Where the last good copy stands."""
    return path.with_name(f"{path.name}.bak")


def records_in(path: Path) -> dict[str, Any]:
    """The records in a copy of the file; none when it is absent or unreadable."""
    try:
        content = read_whole(path)
    except (NotAFile, OSError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return {}
    return dict(decode(content.raw).records) if content else {}


def healed(
    path: Path, reading: Reading, before: State, now: datetime, kept: dict[Signature, Path]
) -> tuple[dict[str, Any], str]:
    """The records to go on with after a damaged ``reading``, and a text that says what was done.

    For the holder of the lock. The damaged file is kept aside first. Each whole record in it is
    taken; ids that it lacks are filled in from what this process saw last and from ``.bak``,
    except those in the history, which have left on purpose. ``kept`` remembers what stands aside
    already, so that a write that fails again and again does not fill the disk with copies.
    Raises OSError, nothing changed.
    """
    salvaged: Mapping[str, Any] = reading.decoded.records if reading.decoded else {}
    raw = reading.content.raw if reading.content and not reading.content.is_link else None
    seen = reading.signature if raw is not None else None
    aside = kept.get(seen) if seen else None
    if aside is None or not aside.exists():
        aside = put_aside(path, raw, "corrupt", f"{now:%Y%m%dT%H%M%SZ}")
    if seen:
        kept[seen] = aside
    records = dict(salvaged)
    filled = 0
    if not reading.decoded or reading.decoded.salvaged:
        gone = history.ids(path.parent)
        for source in (before.records, records_in(backup_of(path))):
            for task_id, record in source.items():
                if task_id not in records and task_id not in gone:
                    records[task_id] = record
                    filled += 1
    text = (
        f"{path.name} was damaged ({'; '.join(reading.damage)}). It is kept as {aside.name}; "
        f"{len(salvaged)} tasks were found whole in it, {filled} came from the last good copy."
    )
    log.warning(text)
    return records, text


def missing(path: Path, now: datetime) -> str | None:
    """Keeps the last good copy from being overwritten when the file itself is gone.

    Returns a text for people, None when there is nothing to lose. For the holder of the lock.
    """
    tasks = sum(map(is_task, records_in(backup_of(path)).values()))
    if not tasks:
        return None
    aside = path.with_name(f"{path.name}.missing-{now:%Y%m%dT%H%M%S%fZ}")
    backup_of(path).rename(aside)
    text = (
        f"{path.name} is gone. Its last copy, with {tasks} tasks, is kept as {aside.name}; "
        f"`python -m store restore {aside.name}` brings them back."
    )
    log.warning(text)
    return text
