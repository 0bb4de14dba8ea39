"""What may happen to a run, a task's own or its adjustment: from one state to the next one.

Every run is a JSON object with ``status``, ``attempts``, ``owner`` and so on: that of a task is its
whole record. Nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from store.clock import from_text, to_text
from store.errors import BadPatch, Fenced, WrongState
from store.file.codec import detach
from store.model import (
    CANCELLED,
    FAILED,
    FINISHED,
    INTERRUPTED,
    PENDING,
    PROCESSING,
    STATUSES,
    Form,
    Record,
    count,
)
from store.settings import StoreSettings

BASE_KEYS = ("status", "message", "created_at", "started_at", "completed_at")
"""Always in a record, ``null`` without a value; other keys than these and the form's only with a
value."""
_TIMES = ("created_at", "started_at", "completed_at", "not_before")
_OF_RUN = ("owner", "not_before", "cancel_requested")
_OF_RESULT = ("progress", "reason", "details", "first_seen_at", "attempts")


def checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A detached copy of a caller's fields; raises BadPatch."""
    try:
        result: dict[str, Any] = detach(dict(fields))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadPatch(f"these fields cannot be stored as JSON: {error}") from error
    if "status" in result and result["status"] not in STATUSES:
        raise BadPatch(f"status must be one of {', '.join(STATUSES)}, not {result['status']!r}")
    for key in _TIMES:
        if result.get(key) is not None and from_text(result[key]) is None:
            raise BadPatch(f"{key} must be an ISO 8601 time, not {result[key]!r}")
    return result


def new_record(fields: Mapping[str, Any], form: Form, now: datetime) -> Record:
    """The record of a new task: pending, with the caller's further ``fields``."""
    record: Record = dict.fromkeys((*BASE_KEYS, *form.keys))
    record |= {k: v for k, v in fields.items() if v is not None or k in record}
    return record | {"status": PENDING, "created_at": fields.get("created_at") or to_text(now)}


def merged(run: Record, changes: Mapping[str, Any], form: Form, now: datetime) -> Record:
    """``run`` with ``changes``: a None takes a key away, or makes one null that is always there.

    ``created_at`` is kept as it is, ``started_at`` is never taken away. A finished run keeps its
    status (WrongState otherwise), and only a claim starts one (BadPatch).
    """
    before = run.get("status")
    after = changes.get("status", before)
    if before in FINISHED and after != before:
        raise WrongState(f"the task is {before} and cannot become {after} (only a retry can)")
    if after == PROCESSING != before:
        raise BadPatch("a task becomes processing by a claim, which gives it an owner")
    result = run.copy()
    for key, value in changes.items():
        if key == "created_at" and from_text(run.get(key)):
            continue
        if key == "started_at" and value is None:
            continue
        if value is None and key not in (*BASE_KEYS, *form.keys):
            result.pop(key, None)
        else:
            result[key] = value
    if after in FINISHED:
        if before not in FINISHED:
            result = without(result, (*_OF_RUN, *form.of_run))
        if not result.get("completed_at"):
            result["completed_at"] = to_text(now)
    return result


def without(run: Record, keys: tuple[str, ...]) -> Record:
    """``run`` without some keys."""
    return {key: value for key, value in run.items() if key not in keys}


def check_fence(run: Mapping[str, Any] | None, owner: str | None, attempt: int | None) -> None:
    """Raises Fenced unless the run is being processed by this owner, in this attempt.

    ``owner`` may be a process's whole name, without the number of a claim.
    """
    if owner is None and attempt is None:
        return
    if run is None or run.get("status") != PROCESSING:
        raise Fenced(f"the task is {run.get('status') if run else 'finished'} by now")
    token = str(run.get("owner"))
    if owner is not None and owner not in (token, token.split("/", maxsplit=1)[0]):
        raise Fenced("the task belongs to another owner by now")
    if attempt is not None and count(run.get("attempts")) != attempt:
        raise Fenced(f"the task is at attempt {count(run.get('attempts'))} by now, not {attempt}")


def claimed(run: Record, owner: str, form: Form, now: datetime) -> Record:
    """A pending run as processing by ``owner``, one attempt more."""
    attempts = count(run.get("attempts"))
    result = without(run, (*_OF_RUN, *form.of_run))
    result |= {"status": PROCESSING, "attempts": attempts + 1, "owner": owner}
    if attempts == 0 or from_text(run.get("started_at")) is None:
        result["started_at"] = to_text(now)
    return result


def waiting(run: Record, form: Form) -> Record:
    """A run as pending again."""
    return without(run, ("progress", *_OF_RUN, *form.of_run)) | {"status": PENDING}


def released(run: Record, form: Form, now: datetime) -> Record:
    """A processing run as pending again, the attempt not counted."""
    if run.get("cancel_requested") is True:
        return cancelled(run, form, now)
    attempts = count(run.get("attempts")) - 1
    result = without(waiting(run, form), ("attempts",))
    return result | {"attempts": attempts} if attempts > 0 else result


def cancelled(run: Record, form: Form, now: datetime) -> Record:
    """A run as failed/cancelled."""
    return merged(run, {"status": FAILED, "reason": CANCELLED}, form, now)


def interrupted(run: Record, form: Form, settings: StoreSettings, now: datetime) -> Record:
    """A processing run whose owner is dead: pending after a wait, or failed."""
    if run.get("cancel_requested") is True:
        return cancelled(run, form, now)
    attempts = count(run.get("attempts"))
    if attempts >= settings.max_attempts:
        return merged(run, {"status": FAILED, "reason": INTERRUPTED}, form, now)
    wait = settings.backoff_seconds * 2 ** max(0, min(attempts, 20) - 1)
    due = now + timedelta(seconds=min(wait, settings.max_backoff_seconds))
    return waiting(run, form) | {"not_before": to_text(due)}


def is_due(run: Mapping[str, Any], settings: StoreSettings, now: datetime) -> bool:
    """Whether a run's ``not_before`` has passed, or lies too far ahead to be ours."""
    moment = from_text(run.get("not_before"))
    ahead = (moment - now).total_seconds() if moment else 0.0
    return ahead <= 0 or ahead > settings.max_backoff_seconds + 1


def retried(record: Record, form: Form) -> Record:
    """A failed task as pending, as if it had just been handed in; raises WrongState."""
    if record.get("status") != FAILED:
        raise WrongState(f"only a failed task can be tried again, this one is {record['status']}")
    result = without(waiting(record, form), (*_OF_RESULT, *form.of_result))
    return result | dict.fromkeys(("completed_at", *form.keys))
