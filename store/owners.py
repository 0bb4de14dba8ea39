"""Who is alive: a process holds a lock for its life, and the kernel frees it at its death.

Each process that claims tasks holds ``.owners/<host>-<pid>-<random>``. On this host a lock that
can be had means dead, whatever pids and clocks say. For other hosts, whose locks a shared folder
may not show, the file's mtime is a heartbeat: dead when it has not moved for 90 s of *our*
monotonic clock, so that neither host's wall clock matters.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import secrets
import socket
import threading
import time
import weakref
from pathlib import Path

log = logging.getLogger(__name__)

NAME = re.compile(r"([A-Za-z0-9][\w.-]*)-(\d+)-([0-9a-f]{12})")
_LONGEST_WAIT = 10.0  # seconds


def _host() -> str:
    name = re.sub(r"[^\w.]", "_", socket.gethostname(), flags=re.ASCII)
    return name if name[:1].isalnum() else f"host{name}"


class Owner:
    """This process as an owner of tasks; takes its lock when first needed."""

    def __init__(self, folder: Path) -> None:
        self.name = f"{_host()}-{os.getpid()}-{secrets.token_hex(6)}"
        self._folder = folder
        self._descriptor: int | None = None
        self._turn = threading.Lock()
        _of_this_process.add(self)

    def hold(self) -> None:
        """Takes the lock, and takes it again when someone removed its file; raises OSError."""
        if not self._turn.acquire(timeout=_LONGEST_WAIT):
            raise TimeoutError(f"the folder {self._folder} does not answer")
        try:
            self._hold()
        finally:
            self._turn.release()

    def _hold(self) -> None:
        path = self._folder / self.name
        if self._descriptor is not None:
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_ino == os.fstat(self._descriptor).st_ino:
                    return
            self.forget()
        self._folder.mkdir(parents=True, exist_ok=True)
        early = self._folder / f".{self.name}"  # it gets its name when the lock is held
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(early, flags, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            early.rename(path)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    @property
    def holds(self) -> bool:
        """Whether this process has taken its lock and not let go."""
        return self._descriptor is not None

    def beat(self) -> None:
        """Shows other hosts that this process is alive."""
        if self._descriptor is not None:
            self.hold()
            os.utime(self._descriptor)

    def drop(self) -> None:
        """Lets go: every task still claimed under this name is an orphan from now on."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                (self._folder / self.name).unlink(missing_ok=True)
            self.forget()

    def forget(self) -> None:
        """Closes the descriptor only; in a forked child, the parent's lock stays held."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


_of_this_process: weakref.WeakSet[Owner] = weakref.WeakSet()


def _after_fork() -> None:
    for owner in list(_of_this_process):
        owner.forget()  # or the child would keep its dead parent alive
        owner._turn = threading.Lock()


os.register_at_fork(after_in_child=_after_fork)


class Liveness:
    """Tells living owners from dead ones, remembering the heartbeats it has seen."""

    def __init__(self, folder: Path, stale_seconds: float, own: Owner | None = None) -> None:
        self._folder = folder
        self._own = own
        self._stale = stale_seconds
        self._seen: dict[str, tuple[int, float]] = {}

    def alive(self, token: object) -> bool:
        """Whether the process that made this claim lives; yes when it cannot be told.

        ``token`` is what a record has under ``owner``: a process's name, "/" and a number.
        """
        name = token.split("/")[0] if isinstance(token, str) else ""
        match = NAME.fullmatch(name)
        if match is None:
            return False
        if self._own is not None and name == self._own.name:
            return self._own.holds  # whoever has removed the file meanwhile
        path = self._folder / name
        try:
            return self._locked(path) if match[1] == _host() else self._beats(path)
        except OSError as error:
            log.warning("whether %s lives cannot be told: %s", name, error)
            return True

    @staticmethod
    def _locked(path: Path) -> bool:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def _beats(self, path: Path) -> bool:
        try:
            moved = path.lstat().st_mtime_ns
        except FileNotFoundError:
            self._seen.pop(path.name, None)
            return False
        now = time.monotonic()
        before, since = self._seen.get(path.name, (None, now))
        if moved != before:
            since = now
        self._seen[path.name] = (moved, since)
        return now - since < self._stale

    def remove_dead(self) -> None:
        """Removes the files of dead owners."""
        with contextlib.suppress(OSError):
            for path in list(self._folder.iterdir()):
                name = path.name.removeprefix(".")
                if NAME.fullmatch(name) and path.name == name and not self.alive(name):
                    path.unlink(missing_ok=True)
