"""Group commit: threads queue patches, one of them writes the file for all.

The leader takes the lock between processes, reads the file again if anyone else wrote it, applies
the patches, writes a temporary file, syncs it, renames it, syncs the folder, and only then wakes
the others with their answers (see ``store.commit.queue``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import Timeout

from store.clock import Clock
from store.commit.batch import Group, Ticket, apply, apply_kept
from store.commit.queue import Line
from store.commit.record_bytes import Encoded
from store.errors import BadPatch, NotSaved, StoreError
from store.file import reserve
from store.file.disk import TASK_FILE, Moved, Pin, Signature, replace_whole, sync_file, sync_folder
from store.file.lock import Lock
from store.file.view import State, View, state_of
from store.model import Record
from store.records.draft import Draft, Outdated, Patch
from store.retention import history, repair
from store.retention.size_cap import trim
from store.settings import StoreSettings

log = logging.getLogger(__name__)

_REREADS = 20
"""How often one group starts again because a person saved the file at that very moment."""


class GroupCommit(Line):
    """The only writer of the task file in this store."""

    def __init__(self, settings: StoreSettings, view: View, clock: Clock) -> None:
        super().__init__(settings.lock_timeout + 1.0)
        self.view = view
        self.left: list[str] = []
        """Ids that left the file and whose files are still to be removed."""
        self.outdated: list[Patch] = []
        """Kept patches that must be computed again, without a lock, by the keeper."""
        self.prepare: Callable[[str, Record], object] | None = None
        """Called for each answer that is a task's record, before the waiting threads are woken:
        in the leader's loop it costs a third of what it costs in a thread that was just woken."""
        self.unsynced: frozenset[str] = frozenset()
        """Ids whose change is in the file, though perhaps not synced."""
        self._settings = settings
        self._clock = clock
        self._ticks: dict[Any, Patch] = {}
        self._encoded = Encoded()
        self._aside: dict[Signature, Path] = {}
        self._lock_path = view.path.with_name(f"{TASK_FILE}.lock")

    @property
    def ticks(self) -> dict[Any, Patch]:
        """Patches that ride along with the next write."""
        return self._ticks

    def tick(self, key: Any, combine: Callable[[Patch | None], Patch]) -> None:
        """Leaves a patch to ride along with the next write (:meth:`flush` at the latest)."""
        with self._mutex:
            self._ticks = self._ticks | {key: combine(self._ticks.get(key))}
            self.version += 1

    def flush(self, *, anyway: bool = False) -> None:
        """Writes what is waiting; with ``anyway``, makes sure that a synced file stands there."""
        if anyway or self.kept or self._ticks or self.unsynced:
            self.submit(Patch("flush", lambda draft: None, keep=False))

    def take_left(self) -> list[str]:
        """The ids in ``left``, which is empty then."""
        with self._mutex:
            left, self.left = self.left, []
        return left

    def lock(self) -> Lock:
        """The lock between processes; hold it for moments only."""
        return Lock(self._lock_path, self._settings.lock_timeout)

    def _lead(self) -> None:
        group = Group()
        error: BaseException | None = NotSaved("the write was broken off")
        try:
            self._write(group)
            error = None
            self._make_tasks(group, written=True)
        except Timeout:
            error = NotSaved(
                f"another process held {TASK_FILE}.lock for {self._settings.lock_timeout:g} s; "
                "the change is kept in memory and tried again"
            )
        except (OSError, Moved) as cause:
            error = NotSaved(f"{self.view.path} was not written: {cause or 'it kept changing'}")
            error.__cause__ = cause
        finally:
            self._settle(group, error)

    def _make_tasks(self, group: Group, *, written: bool = False) -> None:
        try:
            for ticket in group.tickets:
                task_id, answer = ticket.patch.task_id, ticket.answer
                if task_id and answer is not None and self.prepare:
                    task = self.prepare(task_id, answer)
                    if written:
                        ticket.task = task
        except Exception:
            log.exception("a task could not be made; its caller tries again")

    def _write(self, group: Group) -> None:
        try:
            self._gather()
            self.view.path.parent.mkdir(parents=True, exist_ok=True)
            with self.lock():
                for _ in range(_REREADS):
                    try:
                        self._write_locked(group)
                        return
                    except Moved:
                        continue
                    except OSError as error:
                        full = reserve.is_full(error) and not group.replaced
                        if not full or not reserve.give_up(self.view.path):
                            raise
                raise Moved
        except BaseException:
            if not group.tickets:  # nothing could be tried, for anyone who waits
                self._take(group)
            raise

    def _take(self, group: Group) -> None:
        with self._mutex:
            group.tickets += self._queue
            self._queue.clear()
            group.kept, group.ticks = list(self.kept), self._ticks

    def _base(self) -> tuple[State, bool]:
        """The state on the disk, and whether it must be written whatever the patches do."""
        now = self._clock()
        seen = self.view.look_for_update()
        if isinstance(seen, State):
            return seen, False
        path = self.view.path
        if seen.damage:
            before = self.view.last
            records, text = repair.healed(path, seen, before, now, self._aside)
            self.view.problems["damaged"] = text
            moved_away = seen.content is None or seen.content.is_link
            signature = None if moved_away else seen.signature
            pin = seen.content.pin if seen.content else None
            return State(records, signature, pin=pin, damage=seen.damage), True
        if seen.signature is None:
            if lost := repair.missing(path, now):
                self.view.problems["missing"] = lost
            return State(), True
        self.view.problems.pop("damaged", None) if self.view.last.damage else None
        state = state_of(seen, self.view.last)
        self.view.accept(state)
        return state, False

    def _draft(self, group: Group, state: State, forced: bool, held: str = "") -> Draft:
        draft = Draft(dict(state.records), self._clock(), state.finished, held=held)
        if forced:
            draft.recount()
        for patch in (*group.kept, *group.ticks.values()):
            apply_kept(patch, draft)
        for ticket in group.tickets:
            apply(ticket, draft)
        group.outdated, group.waiting = draft.outdated, draft.waiting
        return draft

    def _drafted(self, group: Group, state: State, forced: bool) -> Draft:
        """The next content, with the lines of those who leave it in the history.

        When the history cannot be written, those stay, and all else goes on.
        """
        draft = self._draft(group, state, forced)
        if not draft.departures:
            return draft
        folder = self.view.path.parent
        try:
            history.append(folder, draft.departures, draft.now, self._settings.history_mb)
        except OSError as error:
            if reserve.is_full(error) and reserve.stands(self.view.path):
                raise  # there is room, once it is given up
            held = f"{folder / history.NAME} was not written: {error}"
            self.view.report("history", held)
            return self._draft(group, state, forced, held)
        self.view.report("history", "")
        return draft

    def _write_locked(self, group: Group) -> None:
        state, forced = self._base()
        self._take(group)
        draft = self._drafted(group, state, forced)
        data = self._encoded.bytes_of(draft, state.records) if draft.changed or forced else b""
        if data and trim(draft, len(data), self._settings):
            data = self._encoded.bytes_of(draft, state.records)
        if not data:
            # What is acknowledged as already so must be synced, whoever wrote it.
            sync_file(self.view.path)
            sync_folder(self.view.path.parent)
            return
        written: list[State] = []

        def announce(signature: Signature, pin: Pin) -> None:
            written.append(State(draft.records, signature, draft.finished, pin))
            self.view.announce(written[0])

        def replaced() -> None:
            group.replaced, group.before = True, self.view.last
            self.view.accept(written[0])

        path = self.view.path
        replace_whole(
            path,
            data,
            expected=state.signature,
            syncing=lambda: self._find_help(group),
            announce=announce,
            replaced=replaced,
        )
        group.departures = draft.departures

    def _settle(self, group: Group, error: BaseException | None) -> None:
        undone: list[Patch] = []
        with self._mutex:
            if error is None or group.replaced:
                done = set(map(id, group.kept)) - set(map(id, group.waiting))
                self.kept = tuple(patch for patch in self.kept if id(patch) not in done)
                self._ticks = {k: p for k, p in self._ticks.items() if group.ticks.get(k) is not p}
                self.left += [d.task_id for d in group.departures if d.because != history.RESTORED]
                self.outdated += group.outdated
            if error is None:
                self.unsynced = frozenset()
                self.view.problems.pop("not_saved", None)
            for ticket in group.tickets:
                if error is None and ticket.error is None and not ticket.abandoned:
                    ticket.settled = True
                else:
                    self._settle_ticket(ticket, group, error, undone)
            if error is not None:
                if self.view.problems.get("not_saved") != str(error):  # else it is said already
                    log.warning("not saved: %s", str(error))  # no frames kept alive
                self.view.problems["not_saved"] = str(error)
            self.kept += tuple(undone)
            self.version += 1
            self._last_size = len(group.tickets)
            waking = self._sleepers(group)
            self._hand_over()
        for ticket in waking:
            ticket.latch.release()

    def _settle_ticket(
        self, ticket: Ticket, group: Group, error: BaseException | None, undone: list[Patch]
    ) -> None:
        ticket.settled = True
        patch = ticket.patch
        if isinstance(ticket.error, (StoreError, Outdated)) and error is None:
            if isinstance(ticket.error, NotSaved) and patch.keep:
                self._keep(patch)
            return
        if error is not None:
            refused, ticket.error = ticket.error, error
            if refused is not None:
                ticket.error = refused if isinstance(refused, BadPatch) else error
                return
            if not group.replaced and patch.keep:
                ticket.error = self._keep(patch) or error
            elif group.replaced and patch.task_id:
                self.unsynced |= {patch.task_id}
        lost = ticket.abandoned or error is not None
        if lost and not patch.keep and patch.undo and (error is None or group.replaced):
            taken_back = patch.undo(ticket.answer)
            if taken_back:
                undone.append(taken_back)
