"""Removes old tasks: those that finished more than ``keep_hours`` ago.

The order makes every crash harmless: a line in the history (synced), then the record leaves the
file (synced), then the files leave the disk. So no row outlives its files; files whose row is gone
are found again by the history and removed at the next cleanup.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from store.clock import RELEASED, from_text, to_text
from store.model import ADJUST, PENDING, PROCESSING, is_finished, run_of
from store.records.draft import Draft

FIRST_SEEN = "first_seen_at"


def remove_old(draft: Draft) -> dict[str, Any]:
    """Takes old tasks out of the draft; returns their records by id.

    An unreadable date is never old. A task that finished under a wrong clock counts from when it
    was first seen by a clock that is right, which is noted here.
    """
    now, old = draft.context.now, {}
    limit = now - timedelta(hours=draft.context.settings.keep_hours)
    for task_id, record in list(draft.records.items()):
        if not is_finished(record):
            continue
        since = from_text(record.get("completed_at"))
        if since and since < RELEASED:
            since = from_text(record.get(FIRST_SEEN))
            if FIRST_SEEN not in record and now >= RELEASED:
                draft.put(task_id, record | {FIRST_SEEN: to_text(now)})
        if since and since < limit and not run_of(record, ADJUST, PENDING, PROCESSING):
            draft.remove(task_id, "expired")
            old[task_id] = record
    return old
