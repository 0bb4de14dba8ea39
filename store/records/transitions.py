"""What may happen to a record: plain functions from a record to the next one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from store.clock import from_text, to_text
from store.errors import BadPatch, Fenced, WrongState
from store.file.codec import detach
from store.model import (
    ATOMS,
    BASE_KEYS,
    CANCELLED,
    FAILED,
    FINISHED,
    INTERRUPTED,
    PENDING,
    PROCESSING,
    STATUSES,
    SUCCESS,
    Record,
)
from store.settings import StoreSettings

_MESSAGES = {PENDING: "等待处理...", PROCESSING: "正在处理，请稍候..."}
_FAILURES = {CANCELLED: "已取消", INTERRUPTED: "处理失败：服务多次中断，已停止重试"}
_TIMES = frozenset(("created_at", "started_at", "completed_at", "not_before"))
_SAID = frozenset(("modular_output", "v2_output", "reason"))
"""Keys from which the message is made, besides the status."""
_OF_A_RUN = ("owner", "stage", "seconds_left", "not_before", "cancel_requested")
"""Keys that mean nothing once the task no longer runs."""
_OF_A_RESULT = (
    *("modular_status", "v2_status", "progress", "reason", "detail", "warnings"),
    *("details", "first_seen_at"),
)
"""Keys that a retry takes back."""


def message_for(record: Mapping[str, Any]) -> str:
    """The text of a status, made from it and from the reason and the outputs."""
    status = record.get("status")
    if status == SUCCESS:
        modular, v2 = record.get("modular_output"), record.get("v2_output")
        if bool(modular) != bool(v2):
            return "处理成功（modular版本）" if modular else "处理成功（V2版本）"
        return "处理成功"
    if status == FAILED:
        return _FAILURES.get(str(record.get("reason")), "处理失败")
    return _MESSAGES[str(status)]


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A detached copy of a caller's fields; raises BadPatch."""
    try:
        result: dict[str, Any] = detach(dict(fields))
    except TypeError as error:
        raise BadPatch(f"these fields cannot be stored as JSON: {error}") from error
    if "status" in result and result["status"] not in STATUSES:
        raise BadPatch(f"status must be one of {', '.join(STATUSES)}, not {result['status']!r}")
    if not _TIMES.isdisjoint(result):
        for key in _TIMES & result.keys():
            if result[key] is not None and from_text(result[key]) is None:
                raise BadPatch(f"{key} must be an ISO 8601 time, not {result[key]!r}")
    return result


def is_flat(fields: Mapping[Any, Any]) -> bool:
    """Whether a plain copy of these fields has nothing in common with them any more, and checking
    them runs no code of a caller.
    """
    for key, value in fields.items():
        if type(key) is not str or type(value) not in ATOMS:
            return False
    return True


def attempts_of(record: Mapping[str, Any]) -> int:
    """The attempts of a record, 0 for a value of the wrong type."""
    value = record.get("attempts")
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def new_record(fields: Mapping[str, Any], now: datetime) -> Record:
    """The record of a new task: pending, with the caller's further ``fields``."""
    record: Record = dict.fromkeys(BASE_KEYS)
    record |= {k: v for k, v in fields.items() if v is not None or k in BASE_KEYS}
    record["status"] = PENDING
    record["created_at"] = fields.get("created_at") or to_text(now)
    record["message"] = fields.get("message") or message_for(record)
    return record


def merged(record: Record, changes: Mapping[str, Any], now: datetime) -> Record:
    """``record`` with ``changes``: a None takes a key away, or makes a base key null.

    ``created_at`` is kept as it is, ``started_at`` is never taken away. A finished task keeps
    its status (WrongState otherwise). The message follows the status unless it is given.
    """
    before = record.get("status")
    after = changes.get("status", before)
    if before in FINISHED and after != before:
        raise WrongState(f"the task is {before} and cannot become {after} (only a retry can)")
    result = record.copy()
    for key, value in changes.items():
        if key == "created_at" and from_text(record.get(key)):
            continue
        if key == "started_at" and value is None:
            continue
        if value is None and key not in BASE_KEYS:
            result.pop(key, None)
        else:
            result[key] = value
    if after == PROCESSING and not result.get("started_at"):
        result["started_at"] = to_text(now)
    if after in FINISHED:
        if not result.get("completed_at"):
            result["completed_at"] = to_text(now)
        if before not in FINISHED:
            result = without(result, _OF_A_RUN)
    if "message" not in changes and (after != before or not _SAID.isdisjoint(changes)):
        result["message"] = message_for(result)
    return result


def without(record: Record, keys: tuple[str, ...]) -> Record:
    """``record`` without some keys."""
    return {key: value for key, value in record.items() if key not in keys}


def fence(record: Mapping[str, Any], owner: str | None, attempt: int | None) -> None:
    """Raises Fenced unless the record is being processed by this owner, in this attempt."""
    if owner is None and attempt is None:
        return
    if record.get("status") != PROCESSING:
        raise Fenced(f"the task is {record.get('status')} by now, not processing")
    if owner is not None and record.get("owner") != owner:
        raise Fenced("the task belongs to another owner by now")
    if attempt is not None and attempts_of(record) != attempt:
        raise Fenced(f"the task is at attempt {attempts_of(record)} by now, not {attempt}")


def claimed(record: Record, owner: str, now: datetime) -> Record:
    """A pending record as processing by ``owner``, one attempt more."""
    attempts = attempts_of(record)
    result = without(record, _OF_A_RUN) | {
        "status": PROCESSING,
        "message": _MESSAGES[PROCESSING],
        "attempts": attempts + 1,
        "owner": owner,
    }
    if attempts == 0 or from_text(record.get("started_at")) is None:
        result["started_at"] = to_text(now)
    return result


def released(record: Record, now: datetime) -> Record:
    """A processing record as pending again, the attempt not counted."""
    if record.get("cancel_requested") is True:
        return cancelled(record, now)
    attempts = attempts_of(record) - 1
    result = _waiting(record)
    return result | {"attempts": attempts} if attempts > 0 else without(result, ("attempts",))


def _waiting(record: Record) -> Record:
    return without(record, (*_OF_A_RUN, "progress")) | {
        "status": PENDING,
        "message": _MESSAGES[PENDING],
    }


def cancelled(record: Record, now: datetime) -> Record:
    """A record as failed/cancelled."""
    return merged(record, {"status": FAILED, "reason": CANCELLED}, now)


def interrupted(record: Record, settings: StoreSettings, now: datetime) -> Record:
    """A processing record whose owner is dead: pending after a wait, or failed."""
    if record.get("cancel_requested") is True:
        return cancelled(record, now)
    attempts = attempts_of(record)
    if attempts >= settings.max_attempts:
        return merged(record, {"status": FAILED, "reason": INTERRUPTED}, now)
    return _waiting(record) | {"not_before": to_text(backoff(attempts, settings, now))}


def backoff(attempts: int, settings: StoreSettings, now: datetime) -> datetime:
    """When something that was interrupted ``attempts`` times is due again."""
    wait = settings.backoff_seconds * 2 ** max(0, min(attempts, 20) - 1)
    return now + timedelta(seconds=min(wait, settings.max_backoff_seconds))


def is_due(not_before: object, settings: StoreSettings, now: datetime) -> bool:
    """Whether a ``not_before`` has passed, or lies too far ahead to be ours."""
    moment = from_text(not_before)
    ahead = (moment - now).total_seconds() if moment else 0.0
    return ahead <= 0 or ahead > settings.max_backoff_seconds + 1


def retried(record: Record) -> Record:
    """A failed record as pending, as if it had just been handed in; raises WrongState."""
    if record.get("status") != FAILED:
        raise WrongState(f"only a failed task can be tried again, this one is {record['status']}")
    result = _waiting(without(record, (*_OF_A_RESULT, "attempts")))
    return result | {"completed_at": None, "modular_output": None, "v2_output": None}
