"""Removes old tasks: those that finished more than ``keep_hours`` (24) ago.
The order makes every crash harmless: a line in the history (synced), then the record leaves the
file (synced), then the files leave the disk. A row whose files are gone can therefore not be;
files whose row is gone are found again by the history and removed at the next cleanup.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from store.clock import RELEASED, from_text, to_text
from store.model import ADJUST, PENDING, PROCESSING, is_finished, run_of
from store.records.draft import Draft
from store.settings import StoreSettings

log = logging.getLogger(__name__)

FIRST_SEEN = "first_seen_at"

_JUMP_SECONDS = 3600.0
"""How far the wall clock may be ahead of the machine's own before that is a jump."""


def is_old(record: Any, now: datetime, keep_hours: float) -> bool:
    """Whether a task finished more than ``keep_hours`` ago; an unreadable date is never old.

    A task that finished under a wrong clock counts from when it was first seen.
    """
    if not is_finished(record):
        return False
    key = FIRST_SEEN if _misdated(record) else "completed_at"
    since = from_text(record.get(key))
    return since is not None and now - since > timedelta(hours=keep_hours)


def _misdated(record: Mapping[str, Any]) -> bool:
    completed = from_text(record.get("completed_at"))
    return completed is not None and completed < RELEASED


def remove_old(draft: Draft, settings: StoreSettings) -> dict[str, Any]:
    """Takes old tasks out of the draft; returns their records by id.

    Notes when a task that finished under a wrong clock was first seen, by a clock that is right.
    """
    old = {}
    for task_id, found in list(draft.records.items()):
        record = found
        misdated = is_finished(record) and _misdated(record) and FIRST_SEEN not in record
        if misdated and draft.now >= RELEASED:
            record = draft.put(task_id, record | {FIRST_SEEN: to_text(draft.now)})
        adjusted = is_finished(record) and run_of(record, ADJUST, PENDING, PROCESSING)
        if is_old(record, draft.now, settings.keep_hours) and not adjusted:
            draft.remove(task_id, "expired")
            old[task_id] = record
    return old


class ClockJump:
    """Notices a wall clock that leapt ahead, so that one wrong moment expires nothing.

    The clock that it is compared with counts a suspended machine's time as well. After one
    round of waiting the new time is believed.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._before = (clock().timestamp(), _since_boot())

    def detected(self) -> bool:
        """Whether the clock leapt ahead since the last call."""
        now = (self._clock().timestamp(), _since_boot())
        ahead = (now[0] - self._before[0]) - (now[1] - self._before[1])
        self._before = now
        if ahead > _JUMP_SECONDS:
            log.warning("the clock leapt ahead by %.0f s; this cleanup is left out", ahead)
        return ahead > _JUMP_SECONDS


def _since_boot() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
