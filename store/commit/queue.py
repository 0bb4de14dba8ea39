"""The line of threads that wait for a group commit: who leads, who sleeps, who wakes whom.

A thread puts its ticket into the line. If nobody leads, it leads, and writes for all; else it
sleeps until its ticket is settled, or until it is to lead the next group. Leading is a flag and
not a lock: no lock in memory is held while the file is read or written, and every sleep is bounded.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from store.commit.batch import Group, Ticket, follow_each_other
from store.errors import BadPatch, NotSaved
from store.records.draft import Patch, keep

_CROWD = 8
"""From so many patches on, one of the sleeping threads helps the leader."""
_LONGEST_GATHERING = 0.002  # seconds


class Line(ABC):
    """The tickets that wait, and the patches that could not be saved so far."""

    def __init__(self, longest_wait: float) -> None:
        self.kept: tuple[Patch, ...] = ()
        """Patches that could not be saved so far, in order."""
        self.version = 0
        """Counts the changes of ``kept`` and of the ticks."""
        self._longest_wait = longest_wait  # seconds
        self._mutex = threading.Lock()  # for the line and the lists; never while doing I/O
        self._queue: list[Ticket] = []
        self._leading = False
        self._gate: threading.Lock | None = None
        self._last_size = 0

    @abstractmethod
    def _lead(self) -> None:
        """Writes for all who are in the line, settles their tickets and hands over."""

    @abstractmethod
    def _make_tasks(self, group: Group, *, written: bool = False) -> None:
        """Makes the tasks of a group's answers, so that they are known when asked for, and gives
        them to the tickets when the group is ``written``.
        """

    def submit(self, patch: Patch) -> Ticket:
        """Applies ``patch`` and returns its ticket once file and folder are synced.

        Raises the patch's own StoreError, or NotSaved when it could not be written in time.
        """
        ticket = Ticket(patch)
        with self._mutex:
            self._queue.append(ticket)
            ticket.leads = not self._leading
            self._leading = True
            if self._gate and len(self._queue) >= self._last_size:
                self._gate.release()
                self._gate = None
        if not ticket.leads:
            self._wait(ticket)
        if ticket.leads and not ticket.settled:
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket

    def _wait(self, ticket: Ticket) -> None:
        try:
            while ticket.latch.acquire(True, self._longest_wait):
                if ticket.helps is None:
                    return
                self._make_tasks(ticket.helps)
                with self._mutex:
                    if ticket.settled:
                        return
                    ticket.helps = None
            with self._mutex:
                if not ticket.settled and not ticket.leads:
                    raise self._abandon(ticket)
        except BaseException:  # an interrupt: nothing may depend on this thread any more
            with self._mutex:
                if not ticket.abandoned and not ticket.settled:
                    self._abandon(ticket)
                    if ticket.leads:
                        self._hand_over()
            raise
        finally:
            if ticket.follower is not None:
                ticket.follower.latch.release()

    def _abandon(self, ticket: Ticket) -> Exception:
        """The caller waits no longer; the answer is what to tell it. With the mutex."""
        ticket.abandoned = True
        error: Exception = NotSaved("the disk or the task file's lock did not answer in time")
        if ticket in self._queue:
            self._queue.remove(ticket)
            if ticket.patch.keep:
                error = self._keep(ticket.patch) or error
        return error

    def _keep(self, patch: Patch) -> BadPatch | None:
        """Leaves ``patch`` to be tried again, unless it can never be stored. With the mutex."""
        try:
            patch.check()
        except BadPatch as refusal:
            return refusal
        self.kept = keep(self.kept, patch)
        self.version += 1
        return None

    def _gather(self) -> None:
        # Threads woken by the last group are about to queue their next patches; a moment's
        # patience puts them into this group instead of leaving the queue in two halves.
        with self._mutex:
            if not 1 < self._last_size > len(self._queue):
                return
            self._gate = gate = threading.Lock()
            gate.acquire()
        gate.acquire(timeout=_LONGEST_GATHERING)
        with self._mutex:  # not while a thread is about to open the gate that it has just seen
            self._gate = None

    def _find_help(self, group: Group) -> None:
        # While the file is being synced nobody needs the interpreter: one of those who sleep
        # makes the tasks then, which takes about as long.
        if group.helped or len(group.tickets) < _CROWD:
            return
        with self._mutex:
            for ticket in group.tickets:
                if not ticket.leads and not ticket.abandoned:
                    group.helped = True
                    ticket.helps = group
                    ticket.latch.release()
                    return

    def _sleepers(self, group: Group) -> list[Ticket]:
        """Those whose ticket is settled now and who are to be woken, each knowing its follower;
        to be woken is the first of each chain. With the mutex.
        """
        return follow_each_other(
            [t for t in group.tickets if not t.leads and not t.abandoned and t.helps is None]
        )

    def _hand_over(self) -> None:
        """Makes the first in the line the leader, if there is one. With the mutex."""
        successor = self._queue[0] if self._queue else None
        self._leading = successor is not None
        if successor:
            successor.leads = True
            successor.latch.release()
