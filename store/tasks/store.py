"""The store itself: its methods, each one patch."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from store.clock import Clock, utc_now
from store.commit.group_commit import GroupCommit
from store.errors import BadPatch, NoSuchTask, NotSaved, StoreError
from store.file import reserve
from store.file.disk import TASK_FILE, remove_leftovers
from store.file.suitable import complaint, explain
from store.file.view import View
from store.model import ADJUST, FAILED, SUCCESS, TASK, Form, Snapshot, Task, copied, run_of
from store.owners import Owners
from store.records import patches
from store.records.draft import Outdated, Patch
from store.records.transitions import check_fence, checked
from store.retention import backup, details, expiry, history, task_files
from store.settings import StoreSettings
from store.tasks import departures
from store.tasks.reader import Reader
from store.tasks.restore import restore
from store.tasks.threads import UpkeepThreads

log = logging.getLogger(__name__)

Changes = Mapping[str, Any]
Change = Changes | Callable[[dict[str, Any]], Changes]


class Store:
    """The tasks of one ``outputs`` folder; see the package's docstring for its promises.

    Safe for threads; any number of processes may have one on the same folder. ``form`` says what
    an application's records have besides; ``clock`` is for tests.

    ``kind`` is the run that is meant: the task's own, or with ``ADJUST`` that which makes a success
    once more (:meth:`request`). Both are claimed, updated, released, cancelled and restored alike.
    """

    def __init__(
        self,
        settings: StoreSettings | None = None,
        form: Form | None = None,
        *,
        clock: Clock = utc_now,
    ) -> None:
        self.settings = settings or StoreSettings()
        form = form or Form()
        self.path = self.settings.outputs.absolute() / TASK_FILE
        self._outputs = self.path.parent
        self._clock = clock
        self._view = View(self.path, self.settings.lock_timeout)
        self._commit = GroupCommit(self.settings, form, self._view, clock)
        self._reader = Reader(self._view, self._commit, form, clock)
        self._owners = Owners(self._outputs / ".owners")
        self._clock_jump = expiry.ClockJump(clock)
        self._next_cleanup = 0.0
        self._upkeep: UpkeepThreads | None = None
        self._starting = threading.Lock()

    # --- life

    def start(self) -> Self:
        """Load, clean up, restore, and start the upkeep threads; once started, does nothing.

        Never raises for the disk.
        """
        with self._starting:
            if self._upkeep:
                return self
            self._upkeep = UpkeepThreads(
                self,
                {
                    "store-prompt": (Store._keep_up, self.settings.tick_seconds),
                    "store-cleanup": (Store._clean_up_when_due, self.settings.tick_seconds),
                },
            )
        self.load_task_status()
        self.cleanup_old_tasks()
        try:
            self.restore_orphans()
        except NotSaved as error:
            log.warning("interrupted tasks could not be restored yet: %s", error)
        return self

    def close(self) -> None:
        """Stops the threads, writes what is waiting, and gives up this process's claims' lock."""
        if self._upkeep:
            self._upkeep.stop()
            self._upkeep = None
        self.save_task_status()
        self.back_up(anyway=True)
        self._owners.drop()

    def load_task_status(self) -> Snapshot:
        """Reads the file, puts a damaged one aside and goes on with what is whole in it.

        Never raises for the file or the disk: what is wrong is logged and in the snapshot.
        """
        try:
            if self._outputs.exists():
                with self._commit.lock():
                    remove_leftovers(self._outputs)
            self._commit.flush(anyway=True)
            self._owners.remove_dead()
            self._view.report("folder", complaint(self._outputs))
        except (StoreError, OSError) as error:
            self._view.report("not_saved", f"the task file was not loaded whole: {explain(error)}")
            self._view.report("folder", complaint(self._outputs))
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

    @property
    def has_unsaved(self) -> bool:
        """Whether a change could not be saved so far."""
        return bool(self._commit.kept or self._commit.unsynced)

    # --- reading

    def snapshot(self) -> Snapshot:
        """All tasks at this moment, oldest first, without details. Cheap without a change."""
        return self._reader.snapshot()

    def get(self, task_id: str) -> Task | None:
        """One task with its details, None when there is no such."""
        try:
            return details.whole(self._outputs, self._task(task_id))
        except NoSuchTask:
            return None

    def history(self, days: float | None = None) -> tuple[Task, ...]:
        """Finished tasks that have left the file (in the last ``days``), oldest first.

        ``extra`` has ``left_at`` and ``left_because`` (deleted, expired).
        """
        since = self._clock() - timedelta(days=days) if days is not None else None
        return departures.departed(self._outputs, self._reader.records(), since)

    def safe_path(self, relative: str | None) -> Path | None:
        """The file that a path of a task names, None unless it lies inside ``outputs/``."""
        return task_files.safe_path(self._outputs, relative)

    # --- changing

    def create(self, fields: Changes | None = None, task_id: str | None = None) -> Task:
        """Hands in a pending task. Raises BadPatch, WrongState (the id is taken), NotSaved."""
        return self._do(patches.create(task_id or str(uuid.uuid4()), checked(fields or {})))

    def update(
        self,
        task_id: str,
        patch: Change,
        *,
        owner: str | None = None,
        attempt: int | None = None,
        durable: bool = True,
        kind: str = TASK,
    ) -> Task:
        """Changes keys of a run and returns its task once the change is on the disk.

        ``patch`` is a mapping (None takes a key away), or a function of a copy of the record that
        returns one. The function runs without any lock, and again when the record changed
        meanwhile, so it must be free of side effects. With ``owner`` and ``attempt`` (those of
        the run that :meth:`claim` gave) anything but that very run raises Fenced.

        ``durable=False`` is for progress: the change is seen at once in this process, rides
        along with the next write (after ``tick_seconds`` at the latest), and may be lost by a
        crash; it never overtakes, or outlives, a durable one.

        Raises NoSuchTask, Fenced, WrongState, BadPatch, and NotSaved. The end of a run (a status of
        success or failed, with its owner) stays in memory then, and is tried again.
        """
        fence = (owner, attempt)
        if not durable:
            return self._tick(task_id, patch, fence, kind)
        if not callable(patch):
            return self._do(patches.update(task_id, checked(patch), fence, kind))
        deadline = time.monotonic() + self.settings.lock_timeout
        while time.monotonic() < deadline:
            record = self._reader.record(task_id)
            check_fence(run_of(record, kind), *fence)
            changes = checked(patch(copied(record)))
            try:
                return self._do(patches.update(task_id, changes, fence, kind, record))
            except Outdated:
                continue
        raise NotSaved(f"task {task_id} kept changing; nothing was written")

    def _tick(self, task_id: str, changes: Change, fence: patches.Fence, kind: str) -> Task:
        if callable(changes):
            raise BadPatch("durable=False takes a mapping, not a function")
        given = checked(changes)
        if "status" in given:
            raise BadPatch("a status is never written with durable=False")
        check_fence(run_of(self._reader.record(task_id), kind), *fence)

        def combine(before: Patch | None) -> Patch:
            earlier = before.changes if before else {}
            return patches.update(task_id, {**earlier, **given}, fence, kind)

        self._commit.tick((task_id, kind, fence), combine)
        return self._task(task_id)

    def claim(self, kind: str = TASK) -> Task | None:
        """The task whose run has waited longest and is due, now under this process's owner.

        ``attempts`` is counted and saved before the task is handed out. The run's ``owner`` and
        ``attempts`` (those of ``task``, or of ``task.adjust``) name it. Raises NotSaved; then
        nothing is claimed.
        """
        now = self._clock()
        if patches.find_due(self._reader.records(), kind, self.settings, now) is None:
            return None
        try:
            token = self._owners.token()
        except OSError as error:
            raise NotSaved(f"this process's lock was not taken: {explain(error)}") from error
        claimed = self._commit.submit(patches.claim(kind, token, self.settings))
        return details.whole(self._outputs, self._reader.task(*claimed)) if claimed else None

    def request(self, task_id: str, fields: Changes) -> Task:
        """Asks for a success to be made once more (a run of the kind ``ADJUST``, which has
        ``fields``); the task stays a success. Takes the place of an earlier request, waiting or
        under way.

        Raises WrongState unless the task is a success; NoSuchTask, BadPatch, NotSaved.
        """
        return self._do(patches.request(task_id, checked(fields)))

    def finish(
        self,
        task_id: str,
        changes: Changes,
        *,
        owner: str | None = None,
        attempt: int | None = None,
        kind: str = TASK,
    ) -> Task:
        """Ends a run that worked, with ``changes`` to the task: it is a success, or a success
        with one revision more. Raises as :meth:`update` does.
        """
        if kind == ADJUST:
            return self._do(patches.finish_adjustment(task_id, checked(changes), (owner, attempt)))
        return self.update(task_id, {**changes, "status": SUCCESS}, owner=owner, attempt=attempt)

    def fail(
        self,
        task_id: str,
        changes: Changes,
        *,
        owner: str | None = None,
        attempt: int | None = None,
        kind: str = TASK,
    ) -> Task:
        """Ends a run that did not work, with ``changes`` to it (its ``reason``); a task that was to
        be made once more stays a success. Raises as :meth:`update` does.
        """
        failed = {**changes, "status": FAILED}
        return self.update(task_id, failed, owner=owner, attempt=attempt, kind=kind)

    def release(
        self, task_id: str, *, attempt: int, owner: str | None = None, kind: str = TASK
    ) -> Task:
        """Gives a claim of this process back (an orderly shutdown): pending, not counted.

        With a cancel requested it becomes failed/cancelled. Raises Fenced, NoSuchTask, NotSaved.
        """
        fence = (owner or self._owners.name, attempt)
        return self._do(patches.release(task_id, kind, fence))

    def cancel(self, task_id: str, kind: str = TASK) -> Task:
        """A pending run becomes failed/cancelled; a processing one gets ``cancel_requested``,
        for the runner of whichever process owns it; a finished one stays as it is.
        """
        return self._do(patches.cancel(task_id, kind))

    def retry(self, task_id: str) -> Task:
        """A failed task becomes pending, with no attempts; raises WrongState for any other."""
        return self._do(patches.retry(task_id))

    def delete(self, task_id: str) -> None:
        """Removes a task and its files; raises WrongState while someone is processing it."""
        record = self._commit.submit(patches.delete(task_id, self._owners.alive))
        departures.remove_files(self._outputs, self._reader, {task_id: record})

    def restore_orphans(self) -> int:
        """Makes runs whose owner is dead pending again (failed/interrupted after
        ``max_attempts``); returns how many. Raises NotSaved."""
        if not patches.orphans(self._reader.records(), self._owners.alive):
            return 0
        count = int(self._commit.submit(patches.restore_orphans(self._owners.alive, self.settings)))
        if count:
            log.warning("%d interrupted tasks were restored", count)
        return count

    # --- upkeep

    def cleanup_old_tasks(self) -> int:
        """Removes tasks finished more than ``keep_hours`` ago with their files, files of ours that
        no task names, and old history; returns how many tasks. Never raises.
        """
        self._next_cleanup = time.monotonic() + self.settings.cleanup_seconds
        if self._clock_jump.detected():
            return 0
        old: list[str] = []
        failures = departures.run_all(
            lambda: old.extend(self._remove_old()),
            lambda: departures.sweep(self._view, self._reader, self.settings),
            self._forget_history,
        )
        text = f"the cleanup failed and is tried again: {'; '.join(failures)}" if failures else ""
        self._view.report("cleanup", text)
        return len(old)

    def _remove_old(self) -> dict[str, Any]:
        patch = Patch("cleanup", lambda draft: expiry.remove_old(draft, self.settings))
        old: dict[str, Any] = self._commit.submit(patch) if self.path.exists() else {}
        departures.remove_files(self._outputs, self._reader, old)
        log.info("cleanup: %d tasks older than %g h removed", len(old), self.settings.keep_hours)
        return old

    def _forget_history(self) -> None:
        with self._commit.lock():
            history.forget_old(self._outputs, self.settings.history_days, self._clock())

    def restore_from(self, source: Path, *, replace: bool = False) -> int:
        """See :func:`store.tasks.restore.restore`."""
        return restore(self._commit, self._view, source, replace=replace)

    def back_up(self, *, anyway: bool = False) -> None:
        """Renews ``.bak`` and the daily copy when they are due; never raises."""
        seconds = 0.0 if anyway else self.settings.backup_seconds
        try:
            backup.renew(self.path, seconds, self.settings.backup_days, self._clock())
        except (OSError, ValueError) as error:
            log.warning("the task file's copy was not made: %s", explain(error))

    def _keep_up(self) -> None:
        try:
            self._commit.flush()
        finally:
            self.back_up()
            try:
                reserve.keep(self.path)
            except OSError as error:
                log.debug("no space could be set aside for the task file: %s", error)

    def _clean_up_when_due(self) -> None:
        if time.monotonic() >= self._next_cleanup:
            self.cleanup_old_tasks()

    # --- inside

    def _task(self, task_id: str) -> Task:
        return self._reader.task(task_id, self._reader.record(task_id))

    def _do(self, patch: Patch) -> Task:
        return self._reader.task(str(patch.task_id), self._commit.submit(patch))
