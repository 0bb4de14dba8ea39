"""The size cap: the oldest finished tasks move to the history, never one that still runs."""

from __future__ import annotations

from datetime import UTC, datetime

from store.clock import from_text
from store.codec import encode
from store.draft import Draft, is_finished
from store.settings import StoreSettings

_SLACK = 0.95
"""Trimmed below the cap, so that not every later write has to append to the history."""
_NEVER = datetime.max.replace(tzinfo=UTC)


def trim(draft: Draft, size: int, settings: StoreSettings) -> bool:
    """Removes the oldest finished tasks when the draft is over a cap; whether it was.

    ``size`` is that of the encoded draft (bytes). A finished task whose date cannot be read
    counts as the youngest. Tasks with an adjustment under way stay.
    """
    limit = settings.max_finished_mb * 1e6
    too_many = draft.finished > settings.max_finished
    if not too_many and size <= limit:
        return False
    count = draft.finished - int(settings.max_finished * _SLACK) if too_many else 0
    excess = size - limit * _SLACK if size > limit else 0.0
    candidates = [(task_id, r) for task_id, r in draft.records.items() if is_finished(r)]
    candidates.sort(key=lambda item: from_text(item[1].get("completed_at")) or _NEVER)
    removed = False
    for task_id, record in candidates:
        if count <= 0 and excess <= 0:
            break
        adjust = record.get("adjust")
        if isinstance(adjust, dict) and adjust.get("status") in ("pending", "processing"):
            continue
        excess -= len(encode({task_id: record})) if excess > 0 else 0
        count -= 1
        draft.remove(task_id, "capped")
        removed = True
    return removed
