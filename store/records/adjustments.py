"""Adjustments: a finished task rendered once more with other options (nudge, mix, …).

The task stays ``success`` throughout. The request stands in the record under ``adjust`` with a
status of its own (pending → processing → gone, or failed with the reason), its own attempts,
owner and back-off, so that it survives restarts as a task does. A later request takes the place
of an earlier one, whose late result is then fenced off by its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from store.clock import to_text
from store.errors import Fenced, WrongState
from store.model import CANCELLED, FAILED, INTERRUPTED, PENDING, PROCESSING, SUCCESS, Record
from store.records.transitions import attempts_of, backoff, merged
from store.settings import StoreSettings

_LONGEST_DETAIL = 200
"""Characters of an error's text that stay in the record."""


def request_of(record: Mapping[str, Any], status: str | None = None) -> dict[str, Any] | None:
    """The request in a record (in this status), None without one."""
    value = record.get("adjust")
    if not isinstance(value, dict) or (status is not None and value.get("status") != status):
        return None
    return value


def requested(record: Record, options: Mapping[str, Any], now: datetime) -> Record:
    """A success with a new request; raises WrongState for any other task."""
    if record.get("status") != SUCCESS:
        raise WrongState(f"only a finished result can be adjusted, this task is {record['status']}")
    number = _count(record.get("adjust_number")) + 1
    request = {
        "number": number,
        "status": PENDING,
        "options": dict(options),
        "requested_at": to_text(now),
    }
    return record | {"adjust": request, "adjust_number": number}


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def claimed_request(record: Record, owner: str) -> Record:
    """A pending request as processing by ``owner``."""
    request = request_of(record, PENDING) or {}
    request = {k: v for k, v in request.items() if k not in ("not_before", "progress")}
    request |= {"status": PROCESSING, "attempts": attempts_of(request) + 1, "owner": owner}
    return record | {"adjust": request}


def fence_request(record: Mapping[str, Any], owner: str, number: int) -> dict[str, Any]:
    """The request of this number, being processed by this owner; raises Fenced."""
    request = request_of(record, PROCESSING)
    if request is None or request.get("number") != number:
        raise Fenced("the adjustment was replaced or taken back")
    if request.get("owner") != owner:
        raise Fenced("the adjustment belongs to another owner by now")
    return request


def finished_request(record: Record, changes: Mapping[str, Any], now: datetime) -> Record:
    """The record with the new result: still success, one revision more, no request."""
    result = merged(record, changes, now)
    result.pop("adjust", None)
    return result | {"revision": _count(record.get("revision")) + 1}


def failed_request(record: Record, reason: str, detail: str | None) -> Record:
    """The record with its old result, and the request as failed with the reason."""
    request = request_of(record) or {}
    failed: dict[str, Any] = {k: request[k] for k in ("number", "options") if k in request}
    failed |= {"status": FAILED, "reason": reason}
    if detail:
        failed["detail"] = detail[:_LONGEST_DETAIL]
    return record | {"adjust": failed}


def released_request(record: Record) -> Record:
    """A request as pending again, the attempt not counted."""
    request = dict(request_of(record) or {})
    request |= {"status": PENDING, "attempts": max(0, attempts_of(request) - 1)}
    for key in ("owner", "progress"):
        request.pop(key, None)
    return record | {"adjust": request}


def cancelled_request(record: Record) -> Record:
    """The record without its request, or with it as failed/cancelled when it was running."""
    if request_of(record, PROCESSING):
        return failed_request(record, CANCELLED, None)
    return {k: v for k, v in record.items() if k != "adjust"}


def interrupted_request(record: Record, settings: StoreSettings, now: datetime) -> Record:
    """A request whose owner is dead: pending after a wait, or failed."""
    attempts = attempts_of(request_of(record) or {})
    if attempts >= settings.max_attempts:
        return failed_request(record, INTERRUPTED, None)
    again = released_request(record)
    again["adjust"] |= {
        "attempts": attempts,
        "not_before": to_text(backoff(attempts, settings, now)),
    }
    return again
