"""What may happen to a run, a task's own or its adjustment: from one state to the next one.

Every run is a JSON object with ``status``, ``attempts``, ``owner`` and so on: that of a task is its
whole record. Nothing is changed in place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from store.clock import from_text, to_text
from store.errors import BadPatch, Fenced, WrongState
from store.file.codec import detach
from store.model import (
    ADJUST,
    CANCELLED,
    FAILED,
    FINISHED,
    INTERRUPTED,
    KINDS,
    PENDING,
    PROCESSING,
    STATUSES,
    SUCCESS,
    TASK,
    Claim,
    Form,
    Record,
    count,
    is_task,
    is_task_id,
    run_of,
)
from store.settings import StoreSettings

BASE_KEYS = ("status", "message", "created_at", "started_at", "completed_at")
"""Always in a record, ``null`` without a value; other keys than these and the form's only with a
value."""
_TIMES = ("created_at", "started_at", "completed_at", "not_before")
_OF_RUN = ("owner", "first_owner", "not_before", "cancel_requested")
_OF_RESULT = ("progress", "reason", "details", "first_seen_at", "attempts")


@dataclass(frozen=True)
class Context:
    """What a transition goes by besides the run."""

    now: datetime
    form: Form
    settings: StoreSettings


Transition = Callable[[Record, Context], Record]


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


def new_record(fields: Mapping[str, Any], context: Context) -> Record:
    """The record of a new task: pending, with the caller's further ``fields``."""
    record: Record = dict.fromkeys((*BASE_KEYS, *context.form.keys))
    record |= {k: v for k, v in fields.items() if v is not None or k in record}
    created_at = fields.get("created_at") or to_text(context.now)
    return record | {"status": PENDING, "created_at": created_at}


def without(run: Record, keys: tuple[str, ...]) -> Record:
    """``run`` without some keys."""
    return {key: value for key, value in run.items() if key not in keys}


def check_claim(run: Mapping[str, Any] | None, claim: Claim | None) -> None:
    """Raises Fenced unless the run is being processed in the attempt that ``claim`` names, if it
    names one."""
    if claim is None:
        return
    if run is None or run.get("status") != PROCESSING:
        raise Fenced(f"the task is {run.get('status') if run else 'finished'} by now")
    if claim.owner is None or claim.owner != run.get("owner"):
        raise Fenced("the task belongs to another owner by now")
    if claim.attempt != count(run.get("attempts")):
        raise Fenced(f"the task is at attempt {count(run.get('attempts'))}, not {claim.attempt}")


def in_run(kind: str, change: Transition, claim: Claim | None = None) -> Transition:
    """``change`` to a record's run of this kind, when there is one; raises Fenced unless it is the
    claimed one.
    """

    def apply(record: Record, context: Context) -> Record:
        run = run_of(record, kind)
        check_claim(run, claim)
        if run is None:
            return record
        run = change(run, context)
        return run if kind == TASK else record | {kind: run}

    return apply


def merged(run: Record, changes: Mapping[str, Any], context: Context) -> Record:
    """``run`` with ``changes``: a None takes a key away, or makes one null that is always there.

    ``created_at`` is kept as it is, ``started_at`` is never taken away. A finished run keeps its
    status (WrongState otherwise), and only a claim starts one (BadPatch).
    """
    before, form = run.get("status"), context.form
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
            result["completed_at"] = to_text(context.now)
    return result


def claimed(run: Record, owner: str, context: Context) -> Record:
    """A pending run as processing by ``owner``, one attempt more."""
    attempts = count(run.get("attempts"))
    result = without(run, (*_OF_RUN, *context.form.of_run))
    result |= {"status": PROCESSING, "attempts": attempts + 1, "owner": owner}
    if attempts == 0 or from_text(run.get("started_at")) is None:
        result["started_at"] = to_text(context.now)
    return result


def taken_over(run: Record, owner: str, context: Context) -> Record:
    """A processing run under another owner, in the same attempt."""
    return run | {"owner": owner, "first_owner": run.get("first_owner") or run.get("owner")}


def waiting(run: Record, context: Context) -> Record:
    """A run as pending again."""
    return without(run, ("progress", *_OF_RUN, *context.form.of_run)) | {"status": PENDING}


def failed(run: Record, reason: str, context: Context) -> Record:
    """A run as failed for this reason."""
    return merged(run, {"status": FAILED, "reason": reason}, context)


def cancelled(run: Record, context: Context) -> Record:
    """A pending run as failed/cancelled, a processing one with the wish to end it."""
    if run["status"] == PROCESSING:
        return run | {"cancel_requested": True}
    return failed(run, CANCELLED, context) if run["status"] == PENDING else run


def released(run: Record, context: Context) -> Record:
    """A processing run as pending again, the attempt not counted."""
    if run.get("cancel_requested") is True:
        return failed(run, CANCELLED, context)
    attempts = count(run.get("attempts")) - 1
    result = without(waiting(run, context), ("attempts",))
    return result | {"attempts": attempts} if attempts > 0 else result


def interrupted(run: Record, context: Context) -> Record:
    """A processing run whose worker is dead: pending after a wait, or failed."""
    attempts, settings = count(run.get("attempts")), context.settings
    if run.get("cancel_requested") is True:
        return failed(run, CANCELLED, context)
    if attempts >= settings.max_attempts:
        return failed(run, INTERRUPTED, context)
    wait = settings.backoff_seconds * 2 ** max(0, min(attempts, 20) - 1)
    due = context.now + timedelta(seconds=min(wait, settings.max_backoff_seconds))
    return waiting(run, context) | {"not_before": to_text(due)}


def retried(record: Record, context: Context) -> Record:
    """A failed task as pending, as if it had just been handed in; raises WrongState."""
    if record["status"] != FAILED:
        raise WrongState(f"only a failed task can be tried again, this one is {record['status']}")
    result = without(waiting(record, context), (*_OF_RESULT, *context.form.of_result))
    return result | dict.fromkeys(("completed_at", *context.form.keys))


def requested(record: Record, fields: Mapping[str, Any], context: Context) -> Record:
    """A success with a pending run that makes it once more, in the place of an earlier one."""
    if record["status"] != SUCCESS:
        raise WrongState(f"only a finished result can be adjusted, this task is {record['status']}")
    number, now = count(record.get("adjust_number")) + 1, to_text(context.now)
    run = {"number": number, "status": PENDING, **fields, "requested_at": now}
    return record | {ADJUST: run, "adjust_number": number}


def adjusted(record: Record, changes: Mapping[str, Any], claim: Claim, context: Context) -> Record:
    """The end of an adjustment that worked: ``changes`` to the task, one revision more."""
    check_claim(run_of(record, ADJUST), claim)
    result = merged(record, changes, context) | {"revision": count(record.get("revision")) + 1}
    return without(result, (ADJUST,))


def find_due(records: Mapping[str, Any], kind: str, context: Context) -> str | None:
    """The id of the task whose run of this kind is next: the one that has waited longest, of the
    groups that have the fewest runs under way the one whose last turn lies longest ago. Groups
    whose names begin alike up to a ``/`` take their turns together first.
    """
    runs = {
        task_id: (_groups(record), run)
        for task_id, record in records.items()
        if isinstance(record, dict) and (run := run_of(record, kind, PENDING, PROCESSING))
    }
    running = (groups for groups, run in runs.values() if run["status"] == PROCESSING)
    under_way = Counter(group for groups in running for group in groups)
    served: dict[str, datetime] = {}
    for record in records.values():
        if isinstance(record, dict) and (began := from_text(record.get("started_at"))):
            for group in _groups(record):
                served[group] = max(began, served.get(group, began))

    def turn(task_id: str) -> tuple[tuple[int | bool | datetime, ...], ...]:
        groups, run = runs[task_id]
        lasts = ((under_way[group], served.get(group)) for group in groups)
        since = from_text(run.get("requested_at" if kind else "created_at"))
        return (
            *((count, last is not None, last or context.now) for count, last in lasts),
            (since is not None, since or context.now),
        )

    due = [
        task_id
        for task_id, (_, run) in runs.items()
        if run["status"] == PENDING and is_task_id(task_id) and _is_due(run, context)
    ]
    return min(due, key=turn, default=None)


def _groups(record: Record) -> tuple[str, str]:
    """The names that take turns for a record, the widest first: up to the ``/``, and whole."""
    group = str(record.get("group"))
    return f"{group.partition('/')[0]}/", group


def _is_due(run: Mapping[str, Any], context: Context) -> bool:
    """Whether a run's ``not_before`` has passed, or lies too far ahead to be ours."""
    moment = from_text(run.get("not_before"))
    ahead = (moment - context.now).total_seconds() if moment else 0.0
    return ahead <= 0 or ahead > context.settings.max_backoff_seconds + 1


def processing(
    records: Mapping[str, Any], wanted: Callable[[object], bool]
) -> list[tuple[str, str]]:
    """Tasks and kinds of the runs under way whose owner is ``wanted``."""
    return [
        (task_id, kind)
        for task_id, record in records.items()
        if is_task(record)
        for kind in KINDS
        if (run := run_of(record, kind, PROCESSING)) and wanted(run.get("owner"))
    ]
