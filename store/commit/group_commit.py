"""Group commit: threads queue patches, one of them writes the file for all.

The writer takes the lock between processes, reads the file again if anyone else wrote it, applies
the patches, writes a temporary file, syncs it, renames it, syncs the folder, and only then wakes
the others with their results. No lock in memory is held meanwhile, and every wait is bounded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from store.clock import Clock
from store.errors import NotSaved, StoreError
from store.file import reserve
from store.file.codec import BlockEncoder
from store.file.disk import TASK_FILE, Moved, Signature, put, signature_at, sync
from store.file.lock import Lock
from store.file.suitable import explain
from store.file.view import LONGEST_SAVE_SECONDS, State, View
from store.model import Claim, Form
from store.process import renew_after_fork
from store.records.draft import Draft, Outdated, Patch, update
from store.records.transitions import Context
from store.retention import copies, history
from store.settings import StoreSettings

log = logging.getLogger(__name__)

_GATHER_SECONDS = 0.001
"""The longest wait for the callers of the group before, who are about to come again. Without it,
groups of the fastest caller alone and of all others would alternate; on a busy machine half of it
is enough (docs/benchmarks-store.md)."""


@dataclass(eq=False)
class _Ticket:
    """One caller's patch, and what became of it."""

    patch: Patch
    result: Any = None
    error: BaseException | None = None
    settled: bool = False


@dataclass(eq=False)
class _Batch:
    """One try to write; what it did is known here when it fails half-way."""

    waiting: tuple[Patch, ...] = ()
    tickets: list[_Ticket] = field(default_factory=list)
    replaced: bool = False
    """Whether the new content has the file's name."""
    before: State | None = None
    """What stood there, kept until all are answered: to free the old file takes a fifth of the time
    of a write where the disk is told of it (docs/benchmarks-store.md)."""


@dataclass(frozen=True)
class Saves:
    """How often this process wrote the task file, and how long that took with the lock's wait."""

    count: int = 0
    seconds: float = 0.0
    failed: int = 0
    """Of these, how many did not end well."""


class GroupCommit:
    """The only writer of the task file in this store."""

    def __init__(self, settings: StoreSettings, form: Form, view: View, clock: Clock) -> None:
        self.view = view
        self.settings = settings
        self._form = form
        self._clock = clock
        self._aside: dict[Signature, Path] = {}
        self._lock_path = view.path.with_name(f"{TASK_FILE}.lock")
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """A forked child has nothing to write of what its parent was about to."""
        self.waiting: tuple[Patch, ...] = ()
        """What the next write takes along: ends of runs that could not be saved so far, and
        progress. Replaced as a whole."""
        self.unsynced: frozenset[str] = frozenset()
        """Ids whose change is in the file, though perhaps not synced."""
        self._encoder = BlockEncoder()
        self._turn = threading.Condition()  # for the queue and the lists; never while doing I/O
        self._callers = 0
        """How many the last group answered, and how many queued meanwhile."""
        self.saves = Saves()
        self._queue: list[_Ticket] = []
        self._writing = False

    def context(self) -> Context:
        """What changes go by at this moment."""
        return Context(self._clock(), self._form, self.settings)

    def unsaved(self) -> frozenset[str]:
        """Ids of the tasks with a change that could not be saved so far."""
        kept = {p.task_id for p in self.waiting if p.progress is None and p.task_id}
        return self.unsynced | kept

    def note_progress(self, task_id: str, claim: Claim | None, changes: Mapping[str, Any]) -> None:
        """Leaves an update to ride along with the next write (:meth:`flush` at the latest)."""
        with self._turn:
            rest = []
            for patch in self.waiting:
                if patch.progress is not None and (patch.task_id, patch.claim) == (task_id, claim):
                    changes = {**patch.progress, **changes}
                else:
                    rest.append(patch)
            self.waiting = (*rest, update(task_id, changes, claim, progress=True))

    def flush(self, *, anyway: bool = False) -> None:
        """Writes what is waiting; with ``anyway``, makes sure that a synced file stands there."""
        if anyway or self.waiting or self.unsynced:
            self.submit(Patch(lambda draft: None))

    def lock(self) -> Lock:
        """The lock between processes; hold it for moments only."""
        return Lock(self._lock_path, self.settings.lock_timeout)

    def submit(self, patch: Patch) -> Any:
        """Applies ``patch`` and returns its result once file and folder are synced.

        Raises the patch's own StoreError, or NotSaved when it could not be written in time.
        """
        ticket = _Ticket(patch)
        try:
            if self._wait_for_turn(ticket):
                self._write_for_all()
            if ticket.error is not None:
                raise ticket.error
        except NotSaved as error:
            self._keep(patch.undo if error.maybe_saved else patch if patch.keep else None)
            raise
        except (KeyboardInterrupt, SystemExit):
            self._keep(patch if patch.keep else patch.undo)
            raise
        return ticket.result

    def _keep(self, patch: Patch | None) -> None:
        if patch:
            with self._turn:
                self.waiting += (patch,)

    def _wait_for_turn(self, ticket: _Ticket) -> bool:
        """Queues the ticket and waits; True when this thread is the one to write: the last of those
        who are expected, which nobody has to wake. Raises NotSaved when neither its turn nor its
        end came in time.
        """
        seconds = self.settings.lock_timeout + LONGEST_SAVE_SECONDS + 1.0
        end, gathered = time.monotonic() + seconds, False
        with self._turn:
            try:
                self._queue.append(ticket)
                while not ticket.settled:
                    if not self._writing and (gathered or len(self._queue) >= self._callers):
                        self._writing = True
                        return True
                    if (left := end - time.monotonic()) <= 0:
                        raise NotSaved("the disk or the task file's lock did not answer in time")
                    gathers = not self._writing and self._queue[0] is ticket
                    came = self._turn.wait(_GATHER_SECONDS if gathers else left)
                    gathered = gathers and not came
            except BaseException as error:  # an interrupt, too: nothing may depend on this thread
                if ticket in self._queue:
                    self._queue.remove(ticket)
                    self._turn.notify_all()
                elif isinstance(error, NotSaved):
                    error.maybe_saved = True
                raise
        return False

    def _write_for_all(self) -> None:
        batch = _Batch()
        error: NotSaved | None = NotSaved("the write was broken off")
        begun = time.monotonic()
        try:
            self._write(batch)
            error = None
        except (OSError, Moved) as cause:
            error = NotSaved(f"{self.view.path} was not written: {explain(cause) or 'it moved'}")
            error.__cause__ = cause
        finally:
            with self._turn:
                self.saves = Saves(
                    self.saves.count + 1,
                    self.saves.seconds + time.monotonic() - begun,
                    self.saves.failed + (error is not None),
                )
                self._settle(batch, error)
                self._writing = False
                self._turn.notify_all()

    def _write(self, batch: _Batch) -> None:
        deadline = time.monotonic() + self.settings.lock_timeout
        while True:
            with self.lock() as lock:
                try:
                    return self._write_locked(batch, lock)
                except Moved:  # a person saved the file, or removed the lock's, at that very moment
                    if time.monotonic() > deadline:
                        raise
                except OSError as error:
                    full = reserve.is_full(error) and not batch.replaced
                    if not full or not reserve.give_up(self.view.path):
                        raise

    def _base(self) -> tuple[State, bool]:
        """The state on the disk, and whether it must be written whatever the patches do."""
        seen, now, path = self.view.look_for_update(), self._clock(), self.view.path
        if seen.damage:
            before = self.view.last or State()
            records, text = copies.healed(path, seen, before, now, self._aside)
            self.view.problems["damaged"] = text
            there = seen.raw is not None  # else it was moved away
            return (replace(seen, records=records) if there else State(records)), True
        if seen.signature is None:
            if lost := copies.missing(path, now):
                self.view.problems["missing"] = lost
            return State(), True
        return seen, False

    def with_waiting(
        self, records: Mapping[str, Any], waiting: Iterable[Patch], held: str = ""
    ) -> Draft:
        """A draft of ``records`` with what waits, without what is void by now."""
        draft = Draft(dict(records), self.context(), held)
        for patch in waiting:
            try:
                patch.apply(draft)
            except StoreError as refusal:
                log.warning("the unsaved change of %s is void: %s", patch.task_id, refusal)
        return draft

    def _apply(self, batch: _Batch, state: State, held: str = "") -> Draft:
        draft = self.with_waiting(state.records, batch.waiting, held)
        for ticket in batch.tickets:
            ticket.result, ticket.error = None, None
            try:
                ticket.result = ticket.patch.apply(draft)
            except (StoreError, Outdated) as refusal:
                ticket.error = refusal
            except Exception as fault:
                log.exception("a change of %s failed", ticket.patch.task_id)
                ticket.error = fault
        return draft

    def _next_content(self, batch: _Batch, state: State) -> Draft:
        """The next content, with the lines of those who leave it in the history.

        When the history cannot be written, those stay, and all else goes on.
        """
        draft = self._apply(batch, state)
        if not draft.departures:
            return draft
        try:
            limit_mb = self.settings.history_mb
            history.append(self.view.path, draft.departures, draft.context.now, limit_mb)
        except OSError as error:
            if reserve.is_full(error) and reserve.stands(self.view.path):
                raise  # there is room, once it is given up
            held = f"{history.NAME} was not written: {explain(error)}"
            self.view.report("history", held)
            return self._apply(batch, state, held)
        self.view.report("history", "")
        return draft

    def _take_queue(self, batch: _Batch) -> None:
        batch.tickets += self._queue
        self._queue.clear()
        batch.waiting = self.waiting

    def _write_locked(self, batch: _Batch, lock: Lock) -> None:
        state, forced = self._base()
        batch.before = state
        with self._turn:
            self._take_queue(batch)
        draft, path = self._next_content(batch, state), self.view.path
        if not draft.changed and not forced:
            # What is acknowledged as already so must be synced, whoever wrote it.
            sync(path)
            sync(path.parent)
            return
        signature, pin = put(
            path,
            self._encoder.encode(draft.records),
            unchanged=lambda: lock.excludes and signature_at(path) == state.signature,
        )
        batch.replaced = True
        self.view.last = State(draft.records, signature, pin)
        sync(path.parent)

    def _settle(self, batch: _Batch, error: NotSaved | None) -> None:
        """Tells the batch's callers how it ended. With the condition."""
        if not batch.tickets:  # nothing could be tried, for anyone who waits
            self._take_queue(batch)
        if error is None or batch.replaced:
            self.waiting = tuple(patch for patch in self.waiting if patch not in batch.waiting)
        if error is None:
            self.unsynced = frozenset()
        elif batch.replaced:
            error.maybe_saved = True
            patches = (*batch.waiting, *(ticket.patch for ticket in batch.tickets))
            self.unsynced |= {patch.task_id for patch in patches if patch.task_id}
        self.view.report("not_saved", str(error) if error else "")  # no frames kept alive
        self._callers = len(batch.tickets) + len(self._queue)
        for ticket in batch.tickets:
            ticket.settled = True
            ticket.error = ticket.error or error  # its own refusal comes first
