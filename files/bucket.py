"""A bucket, of which the outputs folder holds what was made here or asked for."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable
from functools import cached_property
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from files.arriving import Arriving, regular_file
from files.errors import StorageError
from files.mirror import Mirror
from files.objects import Objects

log = logging.getLogger(__name__)

ABSENT_SECONDS = 60.0
"""So long nobody asks again for what was not there."""
LINK_SECONDS = 900
"""So long an address into the bucket leads to a file; each request to ours makes a new one."""
_MAX_ABSENT = 10_000
_ADOPTED = re.compile(r"\.[0-9a-f]{8}\.\w+$")
"""How the names end that ``adopt`` gives."""
CLOCKS_SECONDS = 10.0
"""The bucket's clock and ours differ by less: what is younger may be of an attempt that has begun
since the tasks were read."""
CALL_SECONDS = 3600.0
"""No call for the page takes so long."""


class Bucket:
    """The bucket of a URL; see ``files.place.Place``."""

    remote = True

    def __init__(self, url: str, outputs: Path) -> None:
        self._outputs = outputs
        self._objects = Objects(url)
        self._mirror: Mirror | None = None
        self._absent: dict[str, float] = {}
        self._locks = tuple(threading.Lock() for _ in range(64))
        self.arriving = Arriving(self._objects, outputs)

    def start(self, report: Callable[[str], None]) -> None:
        """See ``Place``."""
        mirror = Mirror(self._objects, self._outputs, self.publish, report)
        mirror.start()
        self._mirror = mirror
        try:
            self.arriving.restore()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """See ``Place``."""
        mirror, self._mirror = self._mirror, None
        if mirror is not None:
            mirror.stop()

    def _key(self, path: Path) -> str:
        return path.relative_to(self._outputs).as_posix()

    def _lock(self, key: str) -> threading.Lock:
        """Of two who want one file, the second finds it there."""
        return self._locks[hash(key) % len(self._locks)]

    def has(self, path: Path) -> bool:
        """See ``Place``."""
        return path.is_file() or self._absent.get(self._key(path), 0.0) < time.monotonic()

    def fetch(self, path: Path) -> bool:
        """See ``Place``."""
        key = self._key(path)
        if path.is_file():
            return True
        with self._lock(key):
            if path.is_file():
                return True
            if not self.has(path):
                return False
            found = self._objects.download(key, path)
        if found:
            log.info("%s was fetched from the bucket", key)
        else:
            self._note_absent(key)
        return found

    def _note_absent(self, key: str) -> None:
        if len(self._absent) > _MAX_ABSENT:
            self._absent.clear()
        self._absent[key] = time.monotonic() + ABSENT_SECONDS

    def stat(self, path: Path) -> os.stat_result | None:
        """See ``Place``."""
        if arrived := self.arriving.stat(path):
            return arrived
        if path.is_file():
            return path.stat()
        found = self._objects.head(self._key(path)) if self.has(path) else None
        if found is None:
            self._note_absent(self._key(path))
            return None
        return regular_file(found.size, int(found.modified.timestamp()))

    def open(self, path: Path) -> IO[bytes]:
        """See ``Place``."""
        try:
            return path.open("rb")
        except FileNotFoundError:
            reader: IO[bytes] = _Reader(self._objects.reader(self._key(path)))  # type: ignore[assignment]
            return reader

    def publish(self, path: Path) -> None:
        """See ``Place``."""
        key = self._key(path)
        with self._lock(key):
            there = self._objects.head(key)
            if not path.is_file():
                if there is None:
                    raise FileNotFoundError(path)
            elif there is None or there.size != path.stat().st_size:
                self._objects.upload(path, key)
            self._absent.pop(key, None)

    def adopt(self, made: Path, final: Path, *, again: bool) -> Path:
        """See ``Place``. While the bucket cannot be reached, a result of this disk is sent later:
        until then the bucket's task file stays as it is."""
        tag = hashlib.sha256(made.parent.name.encode()).hexdigest()[:8]
        final = final.with_stem(f"{final.stem}.{tag}")
        if made.is_file():
            made.replace(final)
        if final.is_file():
            try:
                self.publish(final)
            except StorageError as error:
                if self._mirror is None:
                    raise
                log.warning("%s goes into the bucket later: %s", final.name, error)
                self._mirror.owe(final)
            return final
        source, target = self._key(made), self._key(final)
        if not self._objects.copy(source, target) and (
            not again or self._objects.head(target) is None
        ):
            raise FileNotFoundError(made)
        return final

    def copy(self, source: Path, target: Path) -> bool:
        """See ``Place``."""
        return self._objects.copy(self._key(source), self._key(target))

    def link(self, path: Path, media_type: str, disposition: str | None) -> str | None:
        """See ``Place``."""
        key = self._key(path)
        if self._absent.get(key, 0.0) > time.monotonic():
            return None
        found = self._objects.head(key)
        if found is None:
            self._note_absent(key)
        if found is None or (path.is_file() and path.stat().st_size != found.size):
            return None
        return self._objects.client.link(key, LINK_SECONDS, media_type, disposition)

    @cached_property
    def link_origin(self) -> str:
        """See ``Place``."""
        parts = urlsplit(self._objects.client.link("any", LINK_SECONDS, "video/mp4", None))
        return f"{parts.scheme}://{parts.netloc}"

    def remove(self, paths: Iterable[Path]) -> None:
        """See ``Place``."""
        given = list(paths)
        for path in given:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s could not be removed: %s", path, error)
        if self._mirror is not None:
            self._mirror.remove(self._key(path) for path in given)

    def tidy(self, folder: Path, kept: Collection[str]) -> None:
        """See ``Place``."""
        self.remove(
            path
            for path in folder.glob("*")
            if _ADOPTED.search(path.name) and path.name not in kept and path.is_file()
        )
        try:
            for entry in self._objects.list(self._key(folder)):
                path = self._outputs / entry.key
                name = path.relative_to(folder).parts[0]
                if name in kept:
                    continue
                if path.parent != folder:
                    self._objects.delete([entry.key])  # of an attempt that has ended
                elif _ADOPTED.search(name):
                    self.remove([path])
        except StorageError as error:
            log.warning("what attempts left in the bucket stays for now: %s", error)

    def remove_folder(self, folder: Path) -> None:
        """See ``Place``."""
        try:
            self._objects.delete([one.key for one in self._objects.list(self._key(folder))])
        except StorageError as error:
            log.warning("an attempt's objects stay for now: %s", error)

    def discard(self, task_ids: Iterable[str]) -> None:
        """See ``Place``."""
        if self._mirror is not None:
            self._mirror.discard(task_ids)

    def sweep(
        self, kept: Collection[str], departed: Collection[str], busy: Collection[str], hours: float
    ) -> None:
        """See ``Place``."""
        if self._mirror is None:
            return
        newest: dict[str, float] = {}
        left, before = [], time.time() - CLOCKS_SECONDS
        for entry in self._objects.list(""):
            top, _, rest = entry.key.partition("/")
            if top in {"uploads", "results"}:
                task_id = rest.partition("/")[0]
                changed = entry.modified.timestamp()
                newest[task_id] = max(newest.get(task_id, 0.0), changed)
                folder = rest.removeprefix(f"{task_id}/").partition("/")[0]
                if folder.startswith("attempt-") and task_id not in busy:
                    ended = changed < before
                else:
                    ended = folder.startswith("call-") and changed < before - CALL_SECONDS
                if ended:
                    left.append(entry.key)
        self._objects.delete(left)
        limit = time.time() - 3600 * hours
        self._mirror.discard(
            task_id
            for task_id, changed in newest.items()
            if task_id not in kept and (task_id in departed or changed < limit)
        )


class _Reader:
    """obstore's reader as what ``zipfile`` and ``anyio`` take for a file."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self.close = reader.close
        self.seek = reader.seek

    def read(self, size: int) -> bytes:
        return bytes(self._reader.read(size))

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
