"""The lock between processes around the task file.

It is filelock's (a ``FileLock`` on the same file and this exclude each other), taken on a
descriptor of our own: ``FileLock`` takes 110 µs a time and this 6, it wants the right to write a
lock that another user made, and it does not show the descriptor, by which a lock that lost its
name is known (docs/decisions/0009-store.md).
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from filelock import lock_descriptor, unlock_descriptor

from store.file.disk import Pin
from store.process import renew_after_fork

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_POLL_SECONDS = 0.002


class Lock:
    """For one ``with``; threads exclude each other too, as each makes its own. It makes the folder
    where there is none.

    The kernel frees it when the process dies.
    """

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._pin: Pin | None = None
        """Closes the descriptor with this object, wherever an interrupt came in between."""

    def __enter__(self) -> Lock:
        """Waits for the lock; raises OSError (TimeoutError when it was not free in time)."""
        deadline = time.monotonic() + self._timeout
        renew_after_fork(self)
        while not self._take():
            if time.monotonic() > deadline:
                held = f"another process held {self._path.name} for {self._timeout:g} s"
                raise TimeoutError(held)
            time.sleep(_POLL_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        if self._pin is not None:  # else it is our parent's, from whom we were forked meanwhile
            unlock_descriptor(self._pin.descriptor)
            self._pin = None

    def _take(self) -> bool:
        try:
            self._pin = Pin(os.open(self._path, _FLAGS, 0o666))
        except PermissionError:  # made by another user: it is locked all the same, never written
            self._pin = Pin(os.open(self._path, _FLAGS & ~(os.O_RDWR | os.O_CREAT)))
        except FileNotFoundError:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            return False
        if lock_descriptor(self._pin.descriptor, blocking=False) and self.excludes:
            return True
        self._pin = None  # it is held by another, or its file was removed and excludes nobody
        return False

    @property
    def excludes(self) -> bool:
        """Whether the locked file still has its name: one that was removed excludes nobody."""
        return self._pin is not None and os.fstat(self._pin.descriptor).st_nlink > 0

    def after_fork(self) -> None:
        """In a forked child the parent's lock is closed, or it would outlive the parent."""
        self._pin = None


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock on this file just now; raises OSError."""
    try:
        pin = Pin(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK))
        fcntl.flock(pin.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
