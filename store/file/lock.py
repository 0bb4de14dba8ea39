"""The lock between processes around the task file.

It is filelock's, taken on a descriptor of our own: a ``FileLock`` on the same file and this exclude
each other, but the path handling of ``FileLock`` takes 90 µs a time and this 10, and there is one
of it in every group of updates.
"""

from __future__ import annotations

import os
import time
import weakref
from pathlib import Path

from filelock import Timeout, lock_descriptor, unlock_descriptor

from store.file.disk import Pin

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_POLL = 0.002  # seconds


class Lock:
    """For one ``with``; threads exclude each other too, as each makes its own."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._descriptor = -1
        self._pin: Pin | None = None
        """Closes the descriptor with this object, wherever an interrupt came in between."""

    def __enter__(self) -> None:
        """Waits for the lock; raises Timeout, or OSError when its file cannot be opened."""
        deadline = 0.0
        while not self._take():
            now = time.monotonic()
            deadline = deadline or now + self._timeout
            if now > deadline:
                raise Timeout(str(self._path))
            time.sleep(_POLL)

    def __exit__(self, *_: object) -> None:
        if self._pin is not None:  # else it is our parent's, from whom we were forked meanwhile
            unlock_descriptor(self._descriptor)
            self.forget()

    def _take(self) -> bool:
        _of_this_process.add(self)
        try:
            self._descriptor = os.open(self._path, _FLAGS, 0o666)
        except PermissionError:  # made by another user: it is locked all the same, never written
            self._descriptor = os.open(self._path, _FLAGS & ~(os.O_RDWR | os.O_CREAT))
        self._pin = Pin(self._descriptor)
        locked = lock_descriptor(self._descriptor, blocking=False)
        if locked and os.fstat(self._descriptor).st_nlink:
            return True
        self.forget()  # it is held by another, or its file was removed and excludes nobody
        return False

    def forget(self) -> None:
        """Closes the descriptor; in a forked child, the parent's lock stays held."""
        self._pin = None


_of_this_process: weakref.WeakSet[Lock] = weakref.WeakSet()


def _after_fork() -> None:
    for lock in list(_of_this_process):
        lock.forget()  # or the child would keep its dead parent's lock


os.register_at_fork(after_in_child=_after_fork)
