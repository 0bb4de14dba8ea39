"""Who is alive: a process holds a lock for its life, and the kernel frees it at its death.

Each process that claims tasks holds ``.owners/<host>-<pid>-<random>``. A lock that can be had means
dead, whatever pids, clocks and host names say.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import socket
import threading
from pathlib import Path

from store.file.lock import Lock, is_held
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
        host = re.sub(r"[^\w.]", "_", socket.gethostname(), flags=re.ASCII)
        host = host if host[:1].isalnum() else f"host{host}"
        self.name = f"{host}-{os.getpid()}-{secrets.token_hex(6)}"
        self._claims = 0
        self._lock: Lock | None = None
        self._turn = threading.Lock()

    def token(self) -> str:
        """A name for the next claim; takes this process's lock, raises OSError."""
        if not self._turn.acquire(timeout=_LONGEST_WAIT_SECONDS):
            raise TimeoutError(f"the folder {self._folder} does not answer")
        try:
            if self._lock is None or not self._lock.excludes:  # someone has removed its file
                self._lock = Lock(self._folder / self.name, _LONGEST_WAIT_SECONDS).__enter__()
            self._claims += 1
            return f"{self.name}/{self._claims}"
        finally:
            self._turn.release()

    def drop(self) -> None:
        """Lets go: every task still claimed under this name is an orphan from now on."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(OSError):
                (self._folder / self.name).unlink(missing_ok=True)
            lock.__exit__()

    def alive(self, token: object) -> bool:
        """Whether the process that made this claim lives; yes when that is unknown.

        ``token`` is what a record has under ``owner``: a process's name, "/" and a number.
        """
        name = token.split("/")[0] if isinstance(token, str) else ""
        if not NAME.fullmatch(name):
            return False
        if name == self.name:
            return self._lock is not None  # whoever has removed the file meanwhile
        try:
            return is_held(self._folder / name)
        except OSError as error:
            log.warning("whether %s lives cannot be told: %s", name, error)
            return True

    def remove_dead(self) -> None:
        """Removes the files of dead owners."""
        with contextlib.suppress(OSError):
            for path in list(self._folder.iterdir()):
                if NAME.fullmatch(path.name) and not self.alive(path.name):
                    path.unlink(missing_ok=True)
