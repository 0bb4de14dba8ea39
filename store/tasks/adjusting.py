"""The store's methods for adjustments of finished tasks (see ``store.records.adjustments``)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from store.commit.group_commit import GroupCommit
from store.errors import BadPatch
from store.model import Task
from store.records import patches
from store.records.adjustments import fence_request
from store.records.draft import Patch
from store.records.transitions import checked
from store.settings import StoreSettings
from store.tasks.reader import Tasks


class Adjusting(ABC):
    """Mixed into the store; split off only to keep each module to one idea."""

    settings: StoreSettings
    _commit: GroupCommit
    _tasks: Tasks

    def request_adjustment(self, task_id: str, options: Mapping[str, Any]) -> Task:
        """Asks for a success to be rendered once more with ``options``; it stays ``success``.

        A request that stands already, waiting or under way, is replaced by this one. Raises
        WrongState unless the task is a success; NoSuchTask, BadPatch, NotSaved.
        """
        return self._do(patches.request(task_id, checked(options)))

    def claim_adjustment(self) -> Task | None:
        """The task with the oldest request that is due, now under this process's owner.

        ``task.adjust.owner`` and ``task.adjust.number`` name this run; its attempt is saved
        before it is handed out. Raises NotSaved; then nothing is claimed.
        """
        now = self._now()
        if patches.oldest_request(self._tasks.records(), self.settings, now) is None:
            return None
        return self._answer(patches.claim_request(self._token(), self.settings))

    def update_adjustment(
        self, task_id: str, changes: Mapping[str, Any], *, owner: str, number: int
    ) -> Task:
        """Notes the progress of a request under way, as ``update(…, durable=False)`` does.

        Raises Fenced when it was replaced or taken back.
        """
        allowed = {"progress", "stage", "seconds_left"}
        if not changes.keys() <= allowed:
            raise BadPatch(f"an adjustment under way has only {', '.join(sorted(allowed))}")
        record = self._record(task_id)
        fence_request(record, owner, number)
        key = (task_id, owner, -number)  # apart from the ticks of the task itself
        self._tasks.tick(
            key,
            checked(changes),
            lambda k, merged: patches.update_request(k[0], merged, k[1], -k[2]),
        )
        return self._tasks.task(task_id, self._record(task_id))

    def finish_adjustment(
        self, task_id: str, changes: Mapping[str, Any], *, owner: str, number: int
    ) -> Task:
        """Puts the new result (outputs, plans, options, …) in place and counts a revision.

        Raises Fenced when the request was replaced, taken back or restored meanwhile.
        """
        return self._do(patches.finish_request(task_id, checked(changes), owner, number))

    def fail_adjustment(
        self, task_id: str, reason: str, *, owner: str, number: int, detail: str | None = None
    ) -> Task:
        """Notes why it did not work; the old result stays. Raises Fenced as above."""
        return self._do(patches.fail_request(task_id, reason, detail, owner, number))

    def release_adjustment(self, task_id: str, *, owner: str, number: int) -> Task:
        """Gives a claimed request back (an orderly shutdown), not counted. Raises Fenced."""
        return self._do(patches.release_request(task_id, owner, number))

    def cancel_adjustment(self, task_id: str) -> Task:
        """Takes a request back; one under way becomes failed/cancelled and its run is fenced
        off, which the runner sees in :meth:`get`.
        """
        return self._do(patches.cancel_request(task_id))

    @abstractmethod
    def _now(self) -> datetime: ...

    @abstractmethod
    def _record(self, task_id: str) -> dict[str, Any]: ...

    @abstractmethod
    def _do(self, patch: Patch) -> Task: ...

    @abstractmethod
    def _answer(self, patch: Patch) -> Task | None: ...

    @abstractmethod
    def _token(self) -> str: ...
