"""Who is alive: a process holds a lock for its life, and the kernel frees it at its death.

Each process that claims tasks holds ``.owners/<host>-<pid>-<random>``. A lock that can be had means
dead, whatever pids, clocks and host names say.
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
from pathlib import Path

from store.process import renew_after_fork

log = logging.getLogger(__name__)

NAME = re.compile(r"([A-Za-z0-9][\w.-]*)-(\d+)-([0-9a-f]{12})")
_LONGEST_WAIT_SECONDS = 10.0


class Owners:
    """This process as an owner of tasks, which takes its lock when first needed, and the others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.after_fork()
        renew_after_fork(self)

    def after_fork(self) -> None:
        """A forked child owns nothing: another name, and its parent's lock is the parent's."""
        if getattr(self, "_descriptor", None) is not None:
            self._close()  # or the child would keep its dead parent alive
        host = re.sub(r"[^\w.]", "_", socket.gethostname(), flags=re.ASCII)
        host = host if host[:1].isalnum() else f"host{host}"
        self.name = f"{host}-{os.getpid()}-{secrets.token_hex(6)}"
        self._claims = 0
        self._descriptor: int | None = None
        self._turn = threading.Lock()

    def token(self) -> str:
        """A name for the next claim; takes this process's lock, raises OSError."""
        if not self._turn.acquire(timeout=_LONGEST_WAIT_SECONDS):
            raise TimeoutError(f"the folder {self._folder} does not answer")
        try:
            self._hold()
            self._claims += 1
            return f"{self.name}/{self._claims}"
        finally:
            self._turn.release()

    def _hold(self) -> None:
        path = self._folder / self.name
        if self._descriptor is not None:
            with contextlib.suppress(FileNotFoundError):
                if path.lstat().st_ino == os.fstat(self._descriptor).st_ino:
                    return
            self._close()  # someone has removed the file
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

    def drop(self) -> None:
        """Lets go: every task still claimed under this name is an orphan from now on."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                (self._folder / self.name).unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def alive(self, token: object) -> bool:
        """Whether the process that made this claim lives; yes when that is unknown.

        ``token`` is what a record has under ``owner``: a process's name, "/" and a number.
        """
        name = token.split("/")[0] if isinstance(token, str) else ""
        if not NAME.fullmatch(name):
            return False
        if name == self.name:
            return self._descriptor is not None  # whoever has removed the file meanwhile
        try:
            return _is_locked(self._folder / name)
        except OSError as error:
            log.warning("whether %s lives cannot be told: %s", name, error)
            return True

    def remove_dead(self) -> None:
        """Removes the files of dead owners."""
        with contextlib.suppress(OSError):
            for path in list(self._folder.iterdir()):
                if NAME.fullmatch(path.name) and not self.alive(path.name):
                    path.unlink(missing_ok=True)


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
