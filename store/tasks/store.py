"""The store itself: its methods, each one patch."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from store.clock import Clock, utc_now
from store.commit.group_commit import GroupCommit
from store.errors import BadPatch, NoSuchTask, NotSaved, StoreError
from store.file.disk import TASK_FILE, remove_leftovers
from store.file.view import View
from store.model import Record, Snapshot, Task, copied, is_task
from store.owners import Liveness, Owner
from store.records import patches
from store.records.draft import Outdated, Patch
from store.records.transitions import checked, fence, is_flat
from store.retention import backup, details, expiry, history, task_files
from store.settings import StoreSettings
from store.tasks import departures
from store.tasks.adjusting import Adjusting
from store.tasks.reader import Tasks
from store.tasks.restore import restore
from store.tasks.threads import Keeper

log = logging.getLogger(__name__)

Changes = Mapping[str, Any]
Change = Changes | Callable[[dict[str, Any]], Changes]


class Store(Adjusting):
    """The tasks of one ``outputs`` folder; see the package's docstring for its promises.

    Safe for threads; any number of processes may have one on the same folder. ``clock`` is for
    tests.
    """

    def __init__(self, settings: StoreSettings | None = None, *, clock: Clock = utc_now) -> None:
        self.settings = settings or StoreSettings()
        self.path = Path(self.settings.outputs) / TASK_FILE
        self._clock = clock
        self._view = View(self.path, self.settings.lock_timeout)
        self._commit = GroupCommit(self.settings, self._view, clock)
        self._owner = Owner(owners := self.path.parent / ".owners")
        self._liveness = Liveness(owners, self.settings.stale_seconds, self._owner)
        self._tasks = Tasks(self._view, self._commit, clock)
        self._commit.prepare = self._tasks.task
        self._guard = expiry.JumpGuard(clock)
        self._claims = 0
        self._counting = threading.Lock()
        self._keeper: Keeper | None = None
        self._started = False

    # --- life

    def start(self) -> Self:
        """Load, clean up, restore, and start the upkeep threads; once started, does nothing.

        Never raises for the disk.
        """
        with self._counting:
            if self._started:
                return self
            self._started = True
        self.load_task_status()
        self.cleanup_old_tasks()
        try:
            self.restore_orphans()
        except NotSaved as error:
            log.warning("interrupted tasks could not be restored yet: %s", error)
        self._keeper = Keeper(self)
        return self

    def close(self) -> None:
        """Stops the threads, writes what is waiting, and gives up this process's claims' lock."""
        if self._keeper:
            self._keeper.stop()
            self._keeper = None
        self._started = False
        self.save_task_status()
        self.back_up(anyway=True)
        self._owner.drop()

    def load_task_status(self) -> Snapshot:
        """Reads the file, puts a damaged one aside and goes on with what is whole in it.

        Never raises for the file or the disk: what is wrong is logged and in the snapshot.
        """
        try:
            if self.path.parent.exists():
                with self._commit.lock():
                    remove_leftovers(self.path.parent)
            self._commit.flush(anyway=True)
            self._liveness.remove_dead()
        except (StoreError, OSError, TimeoutError) as error:
            log.warning("the task file could not be loaded whole: %s", error)
            self._view.problems["not_saved"] = str(error)
        return self.snapshot()

    def save_task_status(self) -> bool:
        """Writes every change that waits in memory; whether all is on the disk.

        Every other method that changes a task saves it by itself. Never raises: a failure is in
        the snapshot, and is tried again.
        """
        try:
            self._commit.flush(anyway=not self.path.exists())
        except StoreError as error:
            log.warning("the task file could not be saved: %s", error)
            return False
        return True

    def flush(self) -> None:
        """Writes every change that waits in memory; raises NotSaved."""
        self._commit.flush()
        while self._commit.outdated:
            redo = self._commit.outdated.pop(0).redo
            try:
                if redo:
                    redo()
            except NotSaved:
                raise
            except StoreError as error:
                log.warning("an unsaved change is void: %s", error)

    @property
    def has_unsaved(self) -> bool:
        """Whether a change could not be saved so far."""
        return bool(self._commit.kept or self._commit.unsynced)

    # --- reading

    def snapshot(self) -> Snapshot:
        """All tasks at this moment, oldest first, without details. Cheap without a change."""
        return self._tasks.snapshot()

    def get(self, task_id: str) -> Task | None:
        """One task with its details, None when there is no such."""
        try:
            return details.whole(self.path.parent, self._tasks.task(task_id, self._record(task_id)))
        except NoSuchTask:
            return None

    def history(self, days: float | None = None) -> tuple[Task, ...]:
        """Finished tasks that have left the file (in the last ``days``), oldest first.

        ``extra`` has ``left_at`` and ``left_because`` (deleted, expired, capped).
        """
        since = self._clock() - timedelta(days=days) if days is not None else None
        return departures.departed(self.path.parent, self._tasks.records(), since)

    def safe_path(self, relative: str | None) -> Path | None:
        """The file that a path of a task names, None unless it lies inside ``outputs/``."""
        return task_files.safe_path(self.path.parent, relative)

    # --- changing

    def create(self, fields: Changes | None = None, task_id: str | None = None) -> Task:
        """Hands in a pending task. Raises BadPatch, WrongState (the id is taken), NotSaved."""
        task_id = task_id or str(uuid.uuid4())
        patches.require_id(task_id)
        return self._do(patches.create(task_id, checked(fields or {})))

    def update(
        self,
        task_id: str,
        patch: Change,
        *,
        owner: str | None = None,
        attempt: int | None = None,
        durable: bool = True,
    ) -> Task:
        """Changes keys of a task and returns it once the change is on the disk.

        ``patch`` is a mapping (None takes a key away), or a function of a copy of the record that
        returns one. The function runs without any lock, and again when the record changed
        meanwhile, so it must be free of side effects. With ``owner`` and ``attempt`` (those of
        the task that :meth:`claim` gave) anything but that very run raises Fenced.

        ``durable=False`` is for progress: the change is seen at once in this process, rides
        along with the next write (after ``tick_seconds`` at the latest), and may be lost by a
        crash; it never overtakes, or outlives, a durable one.

        Raises NoSuchTask, Fenced, WrongState, BadPatch, and NotSaved (kept and tried again).
        """
        if not durable:
            return self._tick(task_id, patch, owner, attempt)
        if type(patch) is dict and is_flat(patch):
            return self._do(patches.Update(task_id, patch.copy(), owner, attempt))
        if not callable(patch):
            return self._do(patches.Update(task_id, checked(patch), owner, attempt))
        deadline = time.monotonic() + self.settings.lock_timeout
        while True:
            record = self._record(task_id)
            fence(record, owner, attempt)
            changes = checked(patch(copied(record)))

            def redo() -> Task:
                return self.update(task_id, patch, owner=owner, attempt=attempt)

            try:
                return self._do(patches.update_if(task_id, changes, owner, attempt, record, redo))
            except Outdated:
                if time.monotonic() > deadline:
                    raise NotSaved(f"task {task_id} kept changing; nothing was written") from None

    def _tick(self, task_id: str, patch: Change, owner: str | None, attempt: int | None) -> Task:
        if callable(patch):
            raise BadPatch("durable=False takes a mapping, not a function")
        changes = checked(patch)
        if "status" in changes:
            raise BadPatch("a status is never written with durable=False")
        fence(self._record(task_id), owner, attempt)
        self._tasks.tick((task_id, owner, attempt), changes, self._update_patch)
        return self._tasks.task(task_id, self._record(task_id))

    @staticmethod
    def _update_patch(key: tuple[str, str | None, int | None], changes: Changes) -> Patch:
        return patches.Update(key[0], dict(changes), key[1], key[2])

    def claim(self) -> Task | None:
        """The oldest pending task that is due, now processing under this process's owner.

        ``attempts`` is counted and saved before the task is handed out. ``task.owner`` and
        ``task.attempts`` name this run. Raises NotSaved; then nothing is claimed.
        """
        if patches.oldest_due(self._tasks.records(), self.settings, self._clock()) is None:
            return None
        return self._answer(patches.claim(self._token(), self.settings))

    def release(self, task_id: str, *, attempt: int, owner: str | None = None) -> Task:
        """Gives a claim of this process back (an orderly shutdown): pending, not counted.

        With a cancel requested it becomes failed/cancelled. Raises Fenced, NoSuchTask, NotSaved.
        """
        return self._do(patches.release(task_id, owner or self._owner.name, attempt))

    def cancel(self, task_id: str) -> Task:
        """A pending task becomes failed/cancelled; a processing one gets ``cancel_requested``,
        for the runner of whichever process owns it; a finished one stays as it is.
        """
        return self._do(patches.cancel(task_id))

    def retry(self, task_id: str) -> Task:
        """A failed task becomes pending, with no attempts; raises WrongState for any other."""
        return self._do(patches.retry(task_id))

    def delete(self, task_id: str) -> None:
        """Removes a task and its files; raises WrongState while someone is processing it."""
        record = self._commit.submit(patches.delete(task_id, self._liveness.alive)).answer
        departures.remove_files(self.path.parent, self._tasks, {task_id: record})

    def restore_orphans(self) -> int:
        """Makes tasks whose owner is dead pending again (failed/interrupted after
        ``max_attempts``), and adjustments likewise; returns how many. Raises NotSaved."""
        if not patches.orphans(self._tasks.records(), self._liveness.alive):
            return 0
        patch = patches.restore(self._liveness.alive, self.settings)
        count = int(self._commit.submit(patch).answer)
        if count:
            log.warning("%d interrupted tasks were restored", count)
        return count

    # --- upkeep

    def cleanup_old_tasks(self) -> int:
        """Removes tasks finished more than ``keep_hours`` ago with their files, files of ours that
        no task names, and old history; returns how many tasks. Never raises.
        """
        if self._guard.leapt():
            return 0
        old: list[str] = []
        failures = departures.attempt(
            lambda: old.extend(self._remove_old()),
            lambda: departures.sweep(self._view, self._tasks, self.settings),
            self._forget_history,
        )
        self._view.report("cleanup", failures)
        return len(old)

    def _remove_old(self) -> dict[str, Any]:
        patch = Patch("cleanup", lambda d: expiry.remove_old(d, self.settings), keep=False)
        old: dict[str, Any] = self._commit.submit(patch).answer if self.path.exists() else {}
        departures.remove_files(self.path.parent, self._tasks, old)
        log.info("cleanup: %d tasks older than %g h removed", len(old), self.settings.keep_hours)
        return old

    def _forget_history(self) -> None:
        with self._commit.lock():
            history.forget_old(self.path.parent, self.settings.history_days, self._clock())

    def remove_departed_files(self) -> None:
        """Removes the files of tasks that have left the file, by the size cap for instance."""
        if self._commit.left:
            left = self._commit.take_left()
            departures.remove_files(
                self.path.parent, self._tasks, {task_id: {} for task_id in left}
            )

    def restore_from(self, source: Path, *, replace: bool = False) -> int:
        """See :func:`store.tasks.restore.restore`."""
        return restore(self._commit, self._view, source, replace=replace)

    def back_up(self, *, anyway: bool = False) -> None:
        """Renews ``.bak`` and the daily copy when they are due; never raises."""
        try:
            if backup.is_due(self.path, 0 if anyway else self.settings.backup_seconds, time.time()):
                backup.copy_last_good(self.path)
            backup.daily(self.path, self.settings.backup_days, self._clock())
        except OSError as error:
            log.warning("the copy of the task file could not be made: %s", error)

    def beat(self) -> None:
        """Shows other machines that this process lives; never raises."""
        try:
            self._owner.beat()
        except OSError as error:
            log.warning("no sign of life could be given: %s", error)

    # --- inside

    def _now(self) -> datetime:
        return self._clock()

    def _record(self, task_id: str) -> Record:
        record: Record = self._tasks.records().get(task_id, {})
        if not is_task(record):
            raise NoSuchTask(f"there is no task {task_id}")
        return record

    def _do(self, patch: Patch) -> Task:
        ticket = self._commit.submit(patch)
        assert patch.task_id is not None  # noqa: S101 - for the type checker
        return ticket.task or self._tasks.task(patch.task_id, ticket.answer)

    def _answer(self, patch: Patch) -> Task | None:
        answer = self._commit.submit(patch).answer
        return details.whole(self.path.parent, self._tasks.task(*answer)) if answer else None

    def _token(self) -> str:
        try:
            self._owner.hold()
        except OSError as error:
            raise NotSaved(f"this process's lock could not be taken: {error}") from error
        with self._counting:
            self._claims += 1
            return f"{self._owner.name}/{self._claims}"
