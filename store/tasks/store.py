"""The store itself: its methods, each one patch."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from files.place import open_place
from store.clock import Clock, utc_now
from store.commit.group_commit import GroupCommit, Saves
from store.errors import BadPatch, NoSuchTask, NotSaved, StoreError
from store.file import reserve
from store.file.disk import TASK_FILE, remove_leftovers
from store.file.owners import Owners
from store.file.suitable import complaint, explain
from store.file.view import View
from store.model import FAILED, SUCCESS, TASK, Claim, Form, Record, Snapshot, Task, copied, run_of
from store.records import draft, transitions
from store.records.draft import Outdated, Patch
from store.records.transitions import Context, Transition, check_claim, checked, in_run
from store.retention import copies, details, history, task_files
from store.settings import StoreSettings, about_storage
from store.tasks.cleanup import Cleanup
from store.tasks.reader import Reader
from store.tasks.threads import UpkeepThreads

log = logging.getLogger(__name__)

Changes = Mapping[str, Any]
Change = Changes | Callable[[dict[str, Any]], Changes]


class Store:
    """The tasks of one ``outputs`` folder; see the package's docstring for its promises.

    Safe for threads; any number of processes may have one on the same folder. ``form`` says what
    an application's records have besides; ``clock`` is for tests.

    ``kind`` is the run that is meant: the task's own, or with ``ADJUST`` that which makes a success
    once more (:meth:`request`). Both are claimed, updated, released, cancelled and restored alike,
    and named by a ``Claim``.
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
        with about_storage():
            self.files = open_place(self.settings.storage_url, self._outputs)
            """Where the tasks' files are."""
        self._whole = partial(details.whole, self._outputs, fetch=self.files.fetch)
        self._clock = clock
        self._view = View(self.path)
        self._commit = GroupCommit(self.settings, form, self._view, clock)
        self._reader = Reader(self._commit)
        self._owners = Owners(self._outputs / ".owners")
        self._cleanup = Cleanup(self._commit, self._reader, self.files)
        self._upkeep: UpkeepThreads | None = None
        self._starting = threading.Lock()

    # --- life

    def start(self, *, restore: bool = True) -> Self:
        """Load, clean up, restore, and start the upkeep threads; once started, does nothing.

        Never raises for the disk, but ``SettingsError`` for a bucket that cannot be used or is
        another's. Without ``restore`` the tasks of dead processes stay, for ``take_over``.
        """
        with self._starting:
            if self._upkeep:
                return self
            with about_storage():
                self.files.start(partial(self._view.report, "storage"))
            seconds = self.settings.tick_seconds
            self._upkeep = UpkeepThreads(self, seconds, Store._keep_up, Store._clean_up_when_due)
        self.load_task_status()
        self.cleanup_old_tasks()
        try:
            if restore:
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
        self.files.stop()
        self._owners.drop()

    @property
    def saves(self) -> Saves:
        """How often this process wrote the task file, and how long that took."""
        return self._commit.saves

    @property
    def keeps_up(self) -> bool:
        """Whether its background threads live."""
        return self._upkeep is not None and self._upkeep.alive

    def load_task_status(self) -> Snapshot:
        """Reads the file, puts a damaged one aside and goes on with what is whole in it.

        Never raises for the file or the disk: what is wrong is logged and in the snapshot.
        """
        try:
            with self._commit.lock():
                remove_leftovers(self._outputs)
            self._commit.flush(anyway=True)
            self._owners.remove_dead()
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

    # --- reading

    def snapshot(self) -> Snapshot:
        """All tasks at this moment, oldest first, without details. Cheap without a change."""
        return self._reader.snapshot()

    def get(self, task_id: str) -> Task | None:
        """One task with its details, None when there is no such."""
        try:
            return self._whole(self._reader.task(task_id))
        except NoSuchTask:
            return None

    def history(self, days: float | None = None) -> tuple[Task, ...]:
        """Finished tasks that have left the file (in the last ``days``), oldest first.

        ``extra`` has ``left_at`` and ``left_because`` (deleted, expired).
        """
        since = self._clock() - timedelta(days=days) if days is not None else None
        return history.tasks(self._outputs, self._reader.records(), since)

    def safe_path(self, relative: str | None) -> Path | None:
        """The file that a path of a task names, None unless it lies inside ``outputs/``."""
        return task_files.safe_path(self._outputs, relative)

    # --- changing

    def create(self, fields: Changes | None = None, task_id: str | None = None) -> Task:
        """Hands in a pending task. Raises BadPatch, WrongState (the id is taken), NotSaved."""
        return self._do(draft.create(task_id or str(uuid.uuid4()), checked(fields or {})))

    def update(
        self, task_id: str, patch: Change, claim: Claim | None = None, *, durable: bool = True
    ) -> Task:
        """Changes keys of a run and returns its task once the change is on the disk.

        ``patch`` is a mapping (None takes a key away), or a function of a copy of the record that
        returns one. The function runs without any lock, and again when the record changed
        meanwhile, so it must be free of side effects. With the ``claim`` of a run anything but
        that very attempt raises Fenced.

        ``durable=False`` is for progress: the change is seen at once in this process, rides
        along with the next write (after ``tick_seconds`` at the latest), and may be lost by a
        crash; it never overtakes, or outlives, a durable one.

        Raises NoSuchTask, Fenced, WrongState, BadPatch, and NotSaved. The end of a run (a status of
        success or failed, with its claim) stays in memory then, and is tried again.
        """
        if not callable(patch):
            changes = checked(patch)
            if durable:
                return self._do(draft.update(task_id, changes, claim))
            if "status" in changes:
                raise BadPatch("a status is never written with durable=False")
            self._claimed(task_id, claim)
            self._commit.note_progress(task_id, claim, changes)
            return self._reader.task(task_id)
        if not durable:
            raise BadPatch("durable=False takes a mapping, not a function")
        deadline = time.monotonic() + self.settings.lock_timeout
        while time.monotonic() < deadline:
            record = self._claimed(task_id, claim)
            changes = checked(patch(copied(record)))
            try:
                return self._do(draft.update(task_id, changes, claim, expected=record))
            except Outdated:
                continue
        raise NotSaved(f"task {task_id} kept changing; nothing was written")

    def _claimed(self, task_id: str, claim: Claim | None) -> Record:
        """The record of a task; raises Fenced unless its run is the claimed one."""
        record = self._reader.record(task_id)
        check_claim(run_of(record, claim.kind) if claim else None, claim)
        return record

    def claim(self, kind: str = TASK) -> Task | None:
        """The task whose run has waited longest and is due, now under this process's owner.

        ``attempts`` is counted and saved before the task is handed out; ``task.claim``, or
        ``task.adjust.claim``, names the attempt. Raises NotSaved; then nothing is claimed.
        """
        return self._claim(kind, transitions.find_due, transitions.claimed)

    def take_over(self, kind: str = TASK) -> Task | None:
        """A task whose run's owner is dead while its work goes on elsewhere, now under this
        process's owner in the same attempt; ``first_owner`` is who began it. Raises NotSaved.
        """

        def find(records: Mapping[str, Any], kind: str, _: Context) -> str | None:
            left = transitions.processing(records, self._dead)
            return next((task_id for task_id, found in left if found == kind), None)

        return self._claim(kind, find, transitions.taken_over)

    def _dead(self, owner: object) -> bool:
        return not self._owners.alive(owner)

    def _token(self) -> str:
        try:
            return self._owners.token()
        except OSError as error:
            raise NotSaved(f"this process's lock was not taken: {explain(error)}") from error

    def _claim(self, kind: str, find: draft.Find, take: draft.Take) -> Task | None:
        if find(self._reader.records(), kind, self._commit.context()) is None:
            return None
        claimed = self._commit.submit(draft.claim(kind, self._token(), find, take))
        return self._whole(self._reader.task(*claimed)) if claimed else None

    def request(self, task_id: str, fields: Changes) -> Task:
        """Asks for a success to be made once more (a run of the kind ``ADJUST``, which has
        ``fields``); the task stays a success. Takes the place of an earlier request, waiting or
        under way.

        Raises WrongState unless the task is a success; NoSuchTask, BadPatch, NotSaved.
        """
        asked = checked(fields)
        return self._change(task_id, lambda record, at: transitions.requested(record, asked, at))

    def finish(self, task_id: str, changes: Changes, claim: Claim) -> Task:
        """Ends a run that worked, with ``changes`` to the task: it is a success, or a success
        with one revision more. Raises as :meth:`update` does.
        """
        if claim.kind == TASK:
            return self.update(task_id, {**changes, "status": SUCCESS}, claim)
        made = checked(changes)
        change = draft.change(
            task_id, lambda record, at: transitions.adjusted(record, made, claim, at), keep=True
        )
        return self._do(change)

    def fail(self, task_id: str, changes: Changes, claim: Claim) -> Task:
        """Ends a run that did not work, with ``changes`` to it (its ``reason``); a task that was to
        be made once more stays a success. Raises as :meth:`update` does.
        """
        return self.update(task_id, {**changes, "status": FAILED}, claim)

    def release(self, task_id: str, claim: Claim) -> Task:
        """Gives a claim back (an orderly shutdown): pending, not counted.

        With a cancel requested it becomes failed/cancelled. Raises Fenced, NoSuchTask, NotSaved.
        """
        return self._change(task_id, in_run(claim.kind, transitions.released, claim))

    def interrupt(self, task_id: str, claim: Claim) -> Task:
        """Ends a claim whose worker died: pending after a wait, the attempt counted, or
        failed/interrupted after ``max_attempts``. Raises as :meth:`release` does."""
        return self._change(task_id, in_run(claim.kind, transitions.interrupted, claim))

    def cancel(self, task_id: str, kind: str = TASK) -> Task:
        """A pending run becomes failed/cancelled; a processing one gets ``cancel_requested``,
        for the runner of whichever process owns it; a finished one stays as it is.
        """
        return self._change(task_id, in_run(kind, transitions.cancelled))

    def retry(self, task_id: str) -> Task:
        """A failed task becomes pending, with no attempts; raises WrongState for any other."""
        return self._change(task_id, transitions.retried)

    def delete(self, task_id: str) -> None:
        """Removes a task and its files; raises WrongState while someone is processing it."""
        self._commit.submit(draft.delete(task_id, self._owners.alive))
        self._cleanup.remove_files([task_id])

    def restore_orphans(self) -> int:
        """Makes runs whose owner is dead pending again (failed/interrupted after
        ``max_attempts``); returns how many. Raises NotSaved."""
        if not transitions.processing(self._reader.records(), self._dead):
            return 0
        again = Patch(lambda made: draft.every(made, self._dead, transitions.interrupted))
        count = int(self._commit.submit(again))
        if count:
            log.warning("%d interrupted tasks were restored", count)
        return count

    def _do(self, patch: Patch) -> Task:
        return self._reader.task(str(patch.task_id), self._commit.submit(patch))

    def _change(self, task_id: str, transition: Transition) -> Task:
        return self._do(draft.change(task_id, transition))

    # --- upkeep

    def cleanup_old_tasks(self) -> int:
        """Removes tasks finished more than ``keep_hours`` ago with their files, files of ours that
        no task names, and old history; returns how many tasks. Never raises.
        """
        return self._cleanup.run()

    def restore_from(self, source: Path, *, replace: bool = False) -> int:
        """See :func:`store.retention.copies.restore`; raises NotSaved, too."""
        patch = copies.restore(self.path, source, self._clock(), replace=replace)
        return int(self._commit.submit(patch))

    def back_up(self, *, anyway: bool = False) -> None:
        """Renews ``.bak`` and the daily copy when they are due; never raises."""
        seconds = 0.0 if anyway else self.settings.backup_seconds
        try:
            copies.renew(self.path, seconds, self.settings.backup_days, self._clock())
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
        if time.monotonic() >= self._cleanup.next:
            self.cleanup_old_tasks()
