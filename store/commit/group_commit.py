"""Group commit: threads queue patches, one of them writes the file for all.

The writer takes the lock between processes, reads the file again if anyone else wrote it, applies
the patches, writes a temporary file, syncs it, renames it, syncs the folder, and only then wakes
the others with their results. No lock in memory is held meanwhile, and every wait is bounded.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import Timeout

from store.clock import Clock
from store.errors import NotSaved, StoreError
from store.file import reserve
from store.file.codec import encode
from store.file.disk import (
    TASK_FILE,
    Moved,
    Pin,
    Signature,
    replace_whole,
    signature_at,
    sync_file,
    sync_folder,
)
from store.file.lock import Lock
from store.file.suitable import explain
from store.file.view import LONGEST_SAVE_SECONDS, State, View
from store.model import Form
from store.process import renew_after_fork
from store.records.draft import Draft, Outdated, Patch
from store.retention import history, repair
from store.settings import StoreSettings

log = logging.getLogger(__name__)

@dataclass(eq=False)
class _Ticket:
    """One caller's patch, and what became of it."""

    patch: Patch
    result: Any = None
    error: BaseException | None = None
    settled: bool = False
    abandoned: bool = False
    """Whether the caller waits no longer."""


@dataclass(eq=False)
class _Batch:
    """One try to write; what it did is known here when it fails half-way."""

    tickets: list[_Ticket] = field(default_factory=list)
    kept: tuple[Patch, ...] = ()
    ticks: Mapping[Any, Patch] = field(default_factory=dict)
    replaced: bool = False
    """Whether the new content has the file's name."""


class GroupCommit:
    """The only writer of the task file in this store."""

    def __init__(self, settings: StoreSettings, form: Form, view: View, clock: Clock) -> None:
        self.view = view
        self._settings = settings
        self._form = form
        self._clock = clock
        self._aside: dict[Signature, Path] = {}
        self._lock_path = view.path.with_name(f"{TASK_FILE}.lock")
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """A forked child has nothing to write of what its parent was about to."""
        self.kept: tuple[Patch, ...] = ()
        """Ends of runs that could not be saved so far, in order."""
        self.ticks: Mapping[Any, Patch] = {}
        """Patches that ride along with the next write; replaced as a whole."""
        self.unsynced: frozenset[str] = frozenset()
        """Ids whose change is in the file, though perhaps not synced."""
        self._turn = threading.Condition()  # for the queue and the lists; never while doing I/O
        self._queue: list[_Ticket] = []
        self._writing = False

    def waiting(self) -> tuple[Patch, ...]:
        """What is to be written, in order."""
        return (*self.kept, *self.ticks.values())

    def tick(self, key: Any, combine: Callable[[Patch | None], Patch]) -> None:
        """Leaves a patch to ride along with the next write (:meth:`flush` at the latest)."""
        with self._turn:
            self.ticks = {**self.ticks, key: combine(self.ticks.get(key))}

    def flush(self, *, anyway: bool = False) -> None:
        """Writes what is waiting; with ``anyway``, makes sure that a synced file stands there."""
        if anyway or self.waiting() or self.unsynced:
            self.submit(Patch("flush", lambda draft: None))

    def lock(self) -> Lock:
        """The lock between processes; hold it for moments only."""
        return Lock(self._lock_path, self._settings.lock_timeout)

    def submit(self, patch: Patch) -> Any:
        """Applies ``patch`` and returns its result once file and folder are synced.

        Raises the patch's own StoreError, or NotSaved when it could not be written in time.
        """
        ticket = _Ticket(patch)
        if self._wait_for_turn(ticket):
            self._write_for_all()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result

    def _wait_for_turn(self, ticket: _Ticket) -> bool:
        """Queues the ticket and waits; True when this thread is the one to write.

        Raises NotSaved when neither its turn nor its end came in time.
        """
        end = time.monotonic() + self._settings.lock_timeout + LONGEST_SAVE_SECONDS + 1.0
        with self._turn:
            self._queue.append(ticket)
            try:
                while self._writing and not ticket.settled:
                    if not self._turn.wait(end - time.monotonic()):
                        raise NotSaved("the disk or the task file's lock did not answer in time")
            except BaseException as error:  # an interrupt, too: nothing may depend on this thread
                ticket.abandoned = True
                if ticket in self._queue:
                    self._queue.remove(ticket)
                    self.kept += (ticket.patch,) if ticket.patch.keep else ()
                elif isinstance(error, NotSaved):
                    error.maybe_saved = True
                raise
            writes = not ticket.settled
            self._writing = self._writing or writes
        return writes

    def _write_for_all(self) -> None:
        batch = _Batch()
        error: NotSaved | None = NotSaved("the write was broken off")
        try:
            self._write(batch)
            error = None
        except Timeout:
            seconds = self._settings.lock_timeout
            error = NotSaved(f"another process held {TASK_FILE}.lock for {seconds:g} s")
        except (OSError, Moved) as cause:
            error = NotSaved(f"{self.view.path} was not written: {explain(cause) or 'it moved'}")
            error.__cause__ = cause
        finally:
            with self._turn:
                self._settle(batch, error)
                self._writing = False
                self._turn.notify_all()

    def _write(self, batch: _Batch) -> None:
        if not self.view.path.parent.is_dir():
            self.view.path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self._settings.lock_timeout
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
        if isinstance(seen, State):
            return seen, False
        if seen.damage:
            records, text = repair.healed(path, seen, self.view.last, now, self._aside)
            self.view.problems["damaged"] = text
            if seen.content is None or seen.content.is_link:  # it was moved away
                return State(records, damage=seen.damage), True
            return State(records, seen.signature, seen.content.pin, seen.damage), True
        if seen.signature is None:
            if lost := repair.missing(path, now):
                self.view.problems["missing"] = lost
            return State(), True
        self.view.last = state = self.view.repaired(seen)
        return state, False

    def _apply_batch(self, batch: _Batch, state: State, held: str = "") -> Draft:
        draft = Draft(dict(state.records), self._clock(), self._form, held)
        for patch in (*batch.kept, *batch.ticks.values()):
            try:
                patch.apply(draft)
            except StoreError as refusal:
                log.warning("the unsaved change of %s is void: %s", patch.task_id, refusal)
        for ticket in batch.tickets:
            _apply(ticket, draft)
        return draft

    def _next_content(self, batch: _Batch, state: State) -> Draft:
        """The next content, with the lines of those who leave it in the history.

        When the history cannot be written, those stay, and all else goes on.
        """
        draft = self._apply_batch(batch, state)
        if not draft.departures:
            return draft
        try:
            history.append(self.view.path, draft.departures, draft.now, self._settings.history_mb)
        except OSError as error:
            if reserve.is_full(error) and reserve.stands(self.view.path):
                raise  # there is room, once it is given up
            held = f"{history.NAME} was not written: {explain(error)}"
            self.view.report("history", held)
            return self._apply_batch(batch, state, held)
        self.view.report("history", "")
        return draft

    def _take_queue(self, batch: _Batch) -> None:
        batch.tickets += self._queue
        self._queue.clear()
        batch.kept, batch.ticks = self.kept, self.ticks

    def _write_locked(self, batch: _Batch, lock: Lock) -> None:
        state, forced = self._base()
        with self._turn:
            self._take_queue(batch)
        draft, path = self._next_content(batch, state), self.view.path
        if not draft.changed and not forced:
            # What is acknowledged as already so must be synced, whoever wrote it.
            sync_file(path)
            sync_folder(path.parent)
            return

        def replaced(signature: Signature, pin: Pin) -> None:
            batch.replaced = True
            self.view.last = State(draft.records, signature, pin)

        replace_whole(
            path,
            encode(draft.records),
            unchanged=lambda: lock.excludes and signature_at(path) == state.signature,
            replaced=replaced,
        )

    def _settle(self, batch: _Batch, error: NotSaved | None) -> None:
        """Tells the batch's callers how it ended. With the condition."""
        problems = self.view.problems
        if not batch.tickets:  # nothing could be tried, for anyone who waits
            self._take_queue(batch)
        if error is None or batch.replaced:
            self.kept = self.kept[len(batch.kept) :]
            self.ticks = {k: p for k, p in self.ticks.items() if batch.ticks.get(k) is not p}
        if error is None:
            self.unsynced = frozenset()
            problems.pop("not_saved", None)
        else:
            if problems.get("not_saved") != str(error):  # else it is said already
                log.warning("not saved: %s", str(error))  # no frames kept alive
            problems["not_saved"] = str(error)
        for ticket in batch.tickets:
            self._settle_ticket(ticket, batch, error)

    def _settle_ticket(self, ticket: _Ticket, batch: _Batch, error: NotSaved | None) -> None:
        ticket.settled, patch = True, ticket.patch
        if ticket.error is not None:  # its own refusal
            return
        if error is not None:
            ticket.error = error
            if batch.replaced:
                error.maybe_saved = True
                self.unsynced |= {patch.task_id} if patch.task_id else set()
            elif patch.keep:
                self.kept += (patch,)
        # The file has the change, but its caller gave up or was told NotSaved: it is undone.
        unacknowledged = ticket.abandoned if error is None else batch.replaced
        if unacknowledged and patch.undo and (inverse := patch.undo(ticket.result)):
            self.kept += (inverse,)


def _apply(ticket: _Ticket, draft: Draft) -> None:
    """The result or the refusal of a patch on the draft; never raises."""
    ticket.result, ticket.error = None, None
    try:
        ticket.result = ticket.patch.apply(draft)
    except (StoreError, Outdated) as refusal:
        ticket.error = refusal
    except Exception as fault:
        log.exception("the patch %s failed", ticket.patch.name)
        ticket.error = fault
