"""Bringing tasks back from a copy."""

from __future__ import annotations

from pathlib import Path

from store.clock import utc_now
from store.commit.group_commit import GroupCommit
from store.file.disk import put_aside
from store.file.view import View, look
from store.model import is_task
from store.records.draft import Departure, Draft, Patch
from store.retention.history import RESTORED, ids


def restore(commit: GroupCommit, view: View, source: Path, *, replace: bool) -> int:
    """Adds the records of ``source`` that the file lacks; with ``replace`` the file becomes
    what ``source`` is, and what it was before is kept aside. Returns how many tasks came back.

    Raises ValueError for a source without a task, NotSaved, OSError.
    """
    reading = look(source)
    records = dict(reading.decoded.records) if reading.decoded else {}
    if not any(map(is_task, records.values())):
        raise ValueError(f"there are no tasks in {source}")
    if replace and (present := look(view.path).content):
        put_aside(view.path, present.raw, "replaced", f"{utc_now():%Y%m%dT%H%M%SZ}")
    gone = ids(view.path.parent)

    def apply(draft: Draft) -> int:
        new = [key for key in records if key not in draft.records]
        draft.records = dict(records) if replace else draft.records | {k: records[k] for k in new}
        draft.changed = True
        draft.departures += [Departure(key, None, RESTORED) for key in new if key in gone]
        return sum(is_task(records[key]) for key in (records if replace else new))

    return int(commit.submit(Patch("restore", apply)))
