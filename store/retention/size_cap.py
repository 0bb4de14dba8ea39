"""The size cap: details leave the oldest finished tasks; a task itself stays its whole time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from store.clock import from_text
from store.file.codec import encode
from store.model import Record, is_finished
from store.records.draft import Draft
from store.settings import StoreSettings

_SLACK = 0.95
"""Trimmed below the cap, so that not every later write has to look for more."""
_NEVER = datetime.max.replace(tzinfo=UTC)


def trim(draft: Draft, size: int, settings: StoreSettings) -> bool:
    """Takes details out of the oldest finished tasks while the draft is over the cap; whether
    there were any.

    ``size`` is that of the encoded draft (bytes). A finished task whose date cannot be read
    counts as the youngest. Tasks with an adjustment under way keep theirs.
    """
    limit = settings.max_finished_mb * 1e6
    if size <= limit:
        return False
    excess = size - limit * _SLACK
    candidates = [(task_id, r) for task_id, r in draft.records.items() if is_finished(r)]
    candidates.sort(key=lambda item: from_text(item[1].get("completed_at")) or _NEVER)
    trimmed = False
    for task_id, record in candidates:
        if excess <= 0:
            break
        adjust = record.get("adjust")
        if isinstance(adjust, dict) and adjust.get("status") in ("pending", "processing"):
            continue
        short = without_details(record)
        if short != record:
            excess -= len(encode({task_id: record})) - len(encode({task_id: short}))
            draft.put(task_id, short)
            trimmed = True
    return trimmed


def without_details(record: Record) -> Record:
    """A record with what its row shows: without plans and timings, and with only the plain values
    of its alignment.
    """
    short = {key: value for key, value in record.items() if key not in ("plans", "timings")}
    if isinstance(short.get("alignment"), dict):
        short["alignment"] = {k: v for k, v in short["alignment"].items() if _is_plain(v)}
    return short


def _is_plain(value: Any) -> bool:
    return not isinstance(value, (dict, list))
