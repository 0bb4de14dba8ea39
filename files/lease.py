"""The one writer of a bucket: objects written on conditions, and the object that says who writes.

The writer renews the lease, each time on the condition that nobody else has written it. Before all,
the bucket is tried: one that ignores conditions would let two writers overwrite each other.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import time
from contextlib import suppress
from typing import Any

from files.errors import Lost, StorageError
from files.objects import Objects, Refused

log = logging.getLogger(__name__)

WRITER = ".writer"
"""The lease."""
RENEW_SECONDS = 10.0
LEASE_SECONDS = 30.0
"""A lease that was not renewed for so long is a dead writer's: two renewals were missed."""
LOOK_SECONDS = 1.0


class Lease:
    """The lease of the process that writes for an outputs folder, under the folder's name."""

    def __init__(self, objects: Objects, folder: str) -> None:
        self._objects = objects
        self._folder = folder
        self._renewed = 0.0
        self._count = 0
        self.etags: dict[str, str] = {}
        """By key, which version of an object is the one that this writer knows."""

    def take(self, *, empty: bool) -> None:
        """Takes the lease, waiting while it is unknown whether another writer lives.

        ``empty`` says that the folder has no tasks. Raises ``StorageError`` for another writer, for
        another folder's tasks in the bucket, and for a bucket without conditions.
        """
        now, begun = self._check_conditions(), time.monotonic()
        first = found = self._objects.get(WRITER)
        while found is not None:
            held: dict[str, Any] = json.loads(found[0])
            if held["folder"] == self._folder:  # whose process does not hold the folder any more
                break
            if not empty:
                raise StorageError(
                    f"the bucket has the tasks of another folder (of {held['host']}), and this one "
                    "has tasks as well; start on an empty outputs folder to go on with the "
                    "bucket's, or choose another prefix"
                )
            entry = self._objects.head(WRITER)
            age = now - entry.modified.timestamp() if entry else 0.0
            if held["released"] or age + time.monotonic() - begun > LEASE_SECONDS:
                break
            if first is not None and found[1] != first[1]:
                raise StorageError(
                    f"another dashboard ({held['host']}, process {held['process']}) writes to "
                    "this bucket and prefix; there can be one only"
                )
            if found is first:
                log.warning(
                    "whether the bucket's last writer lives is known in %g s", LEASE_SECONDS
                )
            time.sleep(LOOK_SECONDS)
            found = self._objects.get(WRITER)
        if found is not None:
            self.etags[WRITER] = found[1]
        try:
            self.renew()
        except Lost:
            raise StorageError("another dashboard began to write to this bucket just now") from None

    def _check_conditions(self) -> float:
        """That the bucket honours conditions, by trying; returns its own time, in seconds.

        Raises ``StorageError``.
        """
        key = f".probe-{secrets.token_hex(4)}"
        try:
            etag = self._objects.put(key, b"1")
            for condition in (None, '"00000000000000000000000000000000"'):
                with suppress(Refused):
                    self._objects.put(key, b"2", condition)
                    raise StorageError(
                        "the bucket ignores conditions (If-Match, If-None-Match), so that two "
                        "dashboards could overwrite each other's tasks"
                    )
            self._objects.put(key, b"3", etag)
            found = self._objects.head(key)
        except Refused:
            raise StorageError("the bucket refuses conditions that hold") from None
        finally:
            with suppress(StorageError):
                self._objects.delete([key])
        return found.modified.timestamp() if found else time.time()

    def renew_when_due(self) -> None:
        """Raises as :meth:`write` does."""
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self.renew()

    def renew(self, *, released: bool = False) -> None:
        """Says that this writer lives, or with ``released`` that it has ended in order; raises as
        :meth:`write` does."""
        self._count += 1
        said = {
            "folder": self._folder,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "renewed": self._count,
            "released": released,
        }
        self.write(WRITER, json.dumps(said).encode())
        self._renewed = time.monotonic()

    def write(self, key: str, data: bytes) -> None:
        """Writes an object that nobody else has written meanwhile; raises ``Lost`` when somebody
        has, and ``StorageError``."""
        known = self.etags.get(key)
        try:
            self.etags[key] = self._objects.put(key, data, known)
            return
        except Refused:
            found = self._objects.get(key)
        if found is None:
            self.etags.pop(key, None)
            raise StorageError(f"{key} has gone from the bucket; it is written anew")
        if found[0] == data:  # by us: the answer was lost, and it was tried again
            self.etags[key] = found[1]
        elif found[1] == known:
            raise StorageError(f"the bucket refused to write {key}; it is tried again")
        else:
            raise Lost(f"somebody else has written {key} in the bucket")
