"""The patches behind the store's methods; each is safe to apply twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from store.clock import from_text
from store.errors import BadPatch, Fenced, WrongState
from store.model import FINISHED, PENDING, PROCESSING, SUCCESS, Record, is_task, is_task_id
from store.records.adjustments import (
    cancelled_request,
    claimed_request,
    failed_request,
    fence_request,
    finished_request,
    interrupted_request,
    released_request,
    request_of,
    requested,
)
from store.records.draft import Draft, Outdated, Patch
from store.records.transitions import (
    cancelled,
    checked,
    claimed,
    fence,
    interrupted,
    is_due,
    merged,
    new_record,
    released,
    retried,
)
from store.settings import StoreSettings

Alive = Callable[[object], bool]


def create(task_id: str, fields: Mapping[str, Any]) -> Patch:
    """A new pending task."""
    made: list[Record] = []  # applied again after a failed save, it is the same task

    def apply(draft: Draft) -> Record:
        if task_id in draft.records:
            if made:
                return draft.task(task_id)
            raise WrongState(f"there is a task {task_id} already")
        record = made[0] if made else new_record(fields, draft.now)
        made[:] = [record]
        return draft.put(task_id, record)

    return Patch("create", apply, task_id)


class Update(Patch):
    """``changes`` to a record, which are checked where the patch is applied: the code of a thread
    that was just woken costs thrice what it costs in the leader's loop, so the caller's does
    little. The mapping must be the patch's own.
    """

    name = "update"
    task_id: str

    def __init__(
        self, task_id: str, changes: dict[str, Any], owner: str | None, attempt: int | None
    ) -> None:
        self.task_id = task_id
        self.owner = owner
        self.attempt = attempt
        self._changes = changes
        self._checked = False

    def check(self) -> None:
        """Raises BadPatch unless the changes can be stored."""
        if not self._checked:
            self._changes = checked(self._changes)
            self._checked = True

    def apply(self, draft: Draft) -> Record:
        """The record with the changes."""
        if not self._checked:
            self.check()
        task_id = self.task_id
        record = draft.task(task_id)
        fence(record, self.owner, self.attempt)
        return draft.put(task_id, merged(record, self._changes, draft.now))

    def absorb(self, later: Patch) -> Patch | None:
        """This patch with a later one of the same run."""
        if not isinstance(later, Update):
            return None
        if (later.owner, later.attempt) != (self.owner, self.attempt):
            return None
        return Update(self.task_id, {**self._changes, **later._changes}, self.owner, self.attempt)


def update_if(
    task_id: str,
    changes: Mapping[str, Any],
    owner: str | None,
    attempt: int | None,
    expected: Record,
    redo: Callable[[], Any],
) -> Patch:
    """``changes`` to a record when it is still ``expected``, else ``redo``."""

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        fence(record, owner, attempt)
        if record is not expected and record != expected:
            raise Outdated
        return draft.put(task_id, merged(record, changes, draft.now))

    return Patch("update", apply, task_id, redo=redo)


def update_request(task_id: str, changes: Mapping[str, Any], owner: str, number: int) -> Patch:
    """``changes`` to an adjustment under way."""

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        request = fence_request(record, owner, number) | dict(changes)
        return draft.put(task_id, record | {"adjust": request})

    return Patch("update_adjustment", apply, task_id)


def _age(item: tuple[str, Record]) -> tuple[bool, float]:
    moment = from_text(item[1].get("created_at"))
    return (moment is not None, moment.timestamp() if moment else 0.0)


def oldest_due(records: Mapping[str, Any], settings: StoreSettings, now: Any) -> str | None:
    """The id of the oldest pending task that may start."""
    due = (
        (task_id, record)
        for task_id, record in records.items()
        if isinstance(record, dict)
        and record.get("status") == PENDING
        and is_task_id(task_id)
        and is_due(record.get("not_before"), settings, now)
    )
    found = min(due, key=_age, default=None)
    return found[0] if found else None


def claim(owner: str, settings: StoreSettings) -> Patch:
    """The oldest pending task that is due, as processing by ``owner``."""

    def apply(draft: Draft) -> tuple[str, Record] | None:
        task_id = oldest_due(draft.records, settings, draft.now)
        if task_id is None:
            return None
        return task_id, draft.put(task_id, claimed(draft.records[task_id], owner, draft.now))

    def undo(answer: tuple[str, Record] | None) -> Patch | None:
        return release(answer[0], owner, answer[1]["attempts"]) if answer else None

    return Patch("claim", apply, keep=False, undo=undo)


def release(task_id: str, owner: str, attempt: int) -> Patch:
    """A claim given back, the attempt not counted. ``owner`` may be a process's whole name."""

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        fence(record, None, attempt)
        _fence_process(record.get("owner"), owner)
        return draft.put(task_id, released(record, draft.now))

    return Patch("release", apply, task_id)


def _fence_process(token: object, owner: str) -> None:
    if not isinstance(token, str) or owner not in (token, token.split("/")[0]):
        raise Fenced("the task belongs to another owner by now")


def cancel(task_id: str) -> Patch:
    """Ends a pending task; asks the owner of a processing one to end it."""

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        if record["status"] in FINISHED:
            return record
        if record["status"] == PENDING:
            return draft.put(task_id, cancelled(record, draft.now))
        return draft.put(task_id, record | {"cancel_requested": True})

    return Patch("cancel", apply, task_id)


def retry(task_id: str) -> Patch:
    """A failed task as pending."""
    return Patch("retry", lambda draft: draft.put(task_id, retried(draft.task(task_id))), task_id)


def delete(task_id: str, alive: Alive) -> Patch:
    """Takes a task out of the file that nobody is working on; the answer is its record."""
    gone: list[Record] = []

    def apply(draft: Draft) -> Record:
        if gone and task_id not in draft.records:
            return gone[0]
        record = draft.task(task_id)
        request = request_of(record, PROCESSING) or {}
        running = record["status"] == PROCESSING and alive(record.get("owner"))
        if running or (request and alive(request.get("owner"))):
            raise WrongState("the task is being processed; cancel it first, then delete it")
        gone[:] = [record]
        draft.remove(task_id, "deleted")
        return record

    return Patch("delete", apply, task_id)


def orphans(records: Mapping[str, Any], alive: Alive) -> list[str]:
    """Ids of tasks, and of adjustments, whose owner is dead."""
    found = []
    for task_id, record in records.items():
        if not isinstance(record, dict) or not is_task(record):
            continue
        request = request_of(record, PROCESSING)
        if (record["status"] == PROCESSING and not alive(record.get("owner"))) or (
            record["status"] == SUCCESS and request and not alive(request.get("owner"))
        ):
            found.append(task_id)
    return found


def restore(alive: Alive, settings: StoreSettings) -> Patch:
    """Everything whose owner is dead as pending, or failed after too many attempts."""

    def apply(draft: Draft) -> int:
        found = orphans(draft.records, alive)
        for task_id in found:
            record = draft.records[task_id]
            again = interrupted if record["status"] == PROCESSING else interrupted_request
            draft.put(task_id, again(record, settings, draft.now))
        return len(found)

    return Patch("restore_orphans", apply, keep=False)


def request(task_id: str, options: Mapping[str, Any]) -> Patch:
    """A request to adjust a success."""
    done: list[int] = []

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        if done and record.get("adjust_number") == done[0]:
            return record
        record = requested(record, options, draft.now)
        done[:] = [record["adjust_number"]]
        return draft.put(task_id, record)

    return Patch("request_adjustment", apply, task_id)


def oldest_request(records: Mapping[str, Any], settings: StoreSettings, now: Any) -> str | None:
    """The id of the task with the oldest adjustment that may start."""
    due = []
    for task_id, record in records.items():
        if isinstance(record, dict) and record.get("status") == SUCCESS and is_task_id(task_id):
            found = request_of(record, PENDING)
            if found and is_due(found.get("not_before"), settings, now):
                due.append((str(found.get("requested_at")), task_id))
    return min(due)[1] if due else None


def claim_request(owner: str, settings: StoreSettings) -> Patch:
    """The oldest adjustment that is due, as processing by ``owner``."""

    def apply(draft: Draft) -> tuple[str, Record] | None:
        task_id = oldest_request(draft.records, settings, draft.now)
        if task_id is None:
            return None
        return task_id, draft.put(task_id, claimed_request(draft.records[task_id], owner))

    def undo(answer: tuple[str, Record] | None) -> Patch | None:
        if answer is None:
            return None
        return release_request(answer[0], owner, answer[1]["adjust"]["number"])

    return Patch("claim_adjustment", apply, keep=False, undo=undo)


def _of_request(
    name: str, task_id: str, owner: str, number: int, change: Callable[[Record, Draft], Record]
) -> Patch:
    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        fence_request(record, owner, number)
        return draft.put(task_id, change(record, draft))

    return Patch(name, apply, task_id)


def release_request(task_id: str, owner: str, number: int) -> Patch:
    """An adjustment given back, the attempt not counted."""
    return _of_request(
        "release_adjustment", task_id, owner, number, lambda record, _: released_request(record)
    )


def finish_request(task_id: str, changes: Mapping[str, Any], owner: str, number: int) -> Patch:
    """An adjustment that worked: the changes, one revision more."""
    return _of_request(
        "finish_adjustment",
        task_id,
        owner,
        number,
        lambda record, draft: finished_request(record, changes, draft.now),
    )


def fail_request(task_id: str, reason: str, detail: str | None, owner: str, number: int) -> Patch:
    """An adjustment that did not work: the old result stays."""
    return _of_request(
        "fail_adjustment",
        task_id,
        owner,
        number,
        lambda record, _: failed_request(record, reason, detail),
    )


def cancel_request(task_id: str) -> Patch:
    """An adjustment taken back; one under way is fenced off."""

    def apply(draft: Draft) -> Record:
        record = draft.task(task_id)
        if request_of(record) is None:
            return record
        return draft.put(task_id, cancelled_request(record))

    return Patch("cancel_adjustment", apply, task_id)


def require_id(task_id: str) -> None:
    """Raises BadPatch for an id that is no uuid4."""
    if not is_task_id(task_id):
        raise BadPatch(f"a task's id is a uuid4 in lower case, not {task_id!r}")
