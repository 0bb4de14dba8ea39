"""Uploads on their way into the bucket: what has arrived goes there part by part.

Of an upload, ``incoming/<visitor>/<id>`` holds what the bucket has not taken yet, less than a part
between two pieces; ``<id>.parts`` says what it has taken; ``<id>.info`` is the note of who receives
it, JSON with ``size`` and ``offset`` (bytes); and ``<id>.whole`` is the file itself: an object once
all has arrived, and on this disk where somebody has fetched it. The note lies in the bucket too, so
that a dashboard with an empty disk goes on after the last part.
"""

from __future__ import annotations

import json
import logging
import os
import re
import stat
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from files.errors import Gone, StorageError
from files.names import NOTE, PARTS, WHOLE
from files.objects import Objects

log = logging.getLogger(__name__)

FOLDER = "incoming"
PART_BYTES = 16 * 1024 * 1024
"""What the page's uploader sends at once. All parts but the last have this size: S3 wants 5 MiB at
least, Cloudflare's R2 equal ones. S3 takes 10,000, so up to 168 GB."""
_NOTE_KEY = re.compile(rf"{FOLDER}/\w+/[0-9a-f]{{32}}\{NOTE}")
_RESTORERS = 8


@dataclass(frozen=True)
class _Taken:
    """What the bucket has taken of an upload."""

    upload: str = ""
    """Of the upload in parts, its id; empty before the first part, and without any."""
    etags: tuple[str, ...] = ()
    sent: int = 0
    """Bytes in these parts."""
    begins: int = 0
    """Where in the upload this disk's file begins: at ``sent``, but while what was sent is cut off
    its front."""
    whole: bool = False


class Arriving:
    """The uploads that arrive at one outputs folder, of each the path of what is still here."""

    def __init__(self, objects: Objects, outputs: Path) -> None:
        self._objects = objects
        self._outputs = outputs
        self._locks = tuple(threading.Lock() for _ in range(64))

    def _key(self, path: Path, suffix: str) -> str:
        return path.with_suffix(suffix).relative_to(self._outputs).as_posix()

    def _lock(self, rest: Path) -> threading.Lock:
        return self._locks[hash(rest) % len(self._locks)]

    def is_whole(self, rest: Path) -> bool:
        """Whether the bucket has all of an upload; asks nobody."""
        return _read(rest).whole

    def stat(self, path: Path) -> os.stat_result | None:
        """Size and time of a whole upload, the same whether it is on this disk or not; None for
        another file. Asks nobody."""
        taken = _read(path) if path.suffix == WHOLE else _Taken()
        if not taken.whole:
            return None
        changed = int(path.with_suffix(PARTS).stat().st_mtime)
        return regular_file(taken.sent, changed)

    def take(self, rest: Path, note: Mapping[str, Any]) -> int:
        """Take what has arrived, as far as it makes parts, and all of it in the end; returns how
        much that is (bytes): as noted, unless a crash has lost the last of it.

        Cuts off what was written beyond the noted offset. Raises ``Gone`` for an upload that the
        bucket has given up, and what ``Objects`` and the disk raise.
        """
        size, offset = int(note["size"]), int(note["offset"])
        with self._lock(rest):
            taken = _read(rest)
            if taken.whole:
                return size
            offset, taken = _repaired(rest, offset, taken)
            if offset == size <= PART_BYTES and not taken.upload:
                self._keep_note(rest, note, "")
                self._objects.upload(rest, self._key(rest, WHOLE))
                self._close(rest, replace(taken, sent=size), size)
                return size
            while (length := min(PART_BYTES, size - taken.sent)) and offset - taken.sent >= length:
                taken = self._send(rest, note, taken, length)
            if size and taken.sent == size:
                self._complete(rest, taken, size)
            return offset

    def _send(self, rest: Path, note: Mapping[str, Any], taken: _Taken, length: int) -> _Taken:
        key = self._key(rest, WHOLE)
        if not taken.upload:
            taken = replace(taken, upload=self._objects.client.begin(key))
            self._keep_note(rest, note, taken.upload)
            _write(rest, taken)
        number, begin = len(taken.etags) + 1, taken.sent - taken.begins
        with rest.open("rb") as file:
            # Mostly the file is the part, and need not be in memory.
            alone = not begin and os.fstat(file.fileno()).st_size == length
            data = file if alone else os.pread(file.fileno(), length, begin)
            etag = self._objects.client.send(key, taken.upload, number, data)
        taken = replace(taken, etags=(*taken.etags, etag), sent=taken.sent + length)
        _write(rest, taken)
        return _shortened(rest, taken)

    def _complete(self, rest: Path, taken: _Taken, size: int) -> None:
        key = self._key(rest, WHOLE)
        try:
            self._objects.client.complete(key, taken.upload, taken.etags)
        except Gone:  # perhaps by us, and the answer was lost
            found = self._objects.head(key)
            if found is None or found.size != size:
                raise
        self._close(rest, taken, size)

    def _close(self, rest: Path, taken: _Taken, size: int) -> None:
        self._objects.check(self._key(rest, WHOLE), size)
        _write(rest, replace(taken, etags=(), whole=True))
        os.truncate(rest, 0)

    def _keep_note(self, rest: Path, note: Mapping[str, Any], upload: str) -> None:
        said = json.dumps({"note": dict(note), "upload": upload}).encode()
        self._objects.overwrite(self._key(rest, NOTE), said)

    def drop(self, rest: Path) -> None:
        """Remove an upload, here and in the bucket; never raises for the bucket: what stays there
        goes with :meth:`drop_lost`."""
        with self._lock(rest):
            taken = _read(rest)
            for suffix in (WHOLE, PARTS):
                rest.with_suffix(suffix).unlink(missing_ok=True)
        if taken == _Taken():
            return
        try:
            if taken.upload and not taken.whole:
                self._objects.client.abort(self._key(rest, WHOLE), taken.upload)
            self._objects.delete([self._key(rest, suffix) for suffix in (WHOLE, NOTE)])
        except StorageError as error:
            log.warning("an upload stays in the bucket for now: %s", error)

    def drop_lost(self, seconds: float) -> None:
        """Remove uploads from the bucket that are not on this disk, once they are older than that.
        Raises ``StorageError``."""
        for entry in self._objects.list(FOLDER):
            path = self._outputs / entry.key
            if path.with_suffix("").exists() or time.time() - entry.modified.timestamp() < seconds:
                continue
            if _NOTE_KEY.fullmatch(entry.key):
                upload = json.loads((self._objects.get(entry.key) or (b"{}",))[0]).get("upload")
                if upload:
                    self._objects.client.abort(self._key(path, WHOLE), upload)
            self._objects.delete([entry.key])

    def restore(self) -> None:
        """Bring back what an empty disk lacks to go on. Raises ``StorageError``."""
        if any((self._outputs / FOLDER).glob(f"*/*{NOTE}")):
            return
        keys = [one.key for one in self._objects.list(FOLDER) if _NOTE_KEY.fullmatch(one.key)]
        with ThreadPoolExecutor(_RESTORERS) as pool:
            found = sum(pool.map(self._restore_one, keys))
        if found:
            log.info("%d uploads were brought back from the bucket", found)

    def _restore_one(self, key: str) -> bool:
        rest = (self._outputs / key).with_suffix("")
        said = json.loads((self._objects.get(key) or (b"{}",))[0])
        note, upload = said.get("note"), said.get("upload")
        if not note:
            return False
        whole = self._objects.head(self._key(rest, WHOLE))
        if whole is not None and whole.size == note["size"]:
            taken = _Taken(sent=whole.size, begins=whole.size, whole=True)
        else:
            parts = []
            with suppress(Gone):
                parts = self._objects.client.parts(self._key(rest, WHOLE), upload) if upload else []
            if not parts:
                return False
            sent = sum(size for _, size in parts)
            taken = _Taken(upload, tuple(etag for etag, _ in parts), sent, sent)
        rest.parent.mkdir(parents=True, exist_ok=True)
        rest.touch()
        _write(rest, taken)
        rest.with_suffix(NOTE).write_text(json.dumps(note | {"offset": taken.sent}), "utf-8")
        return True


def regular_file(size: int, changed: int) -> os.stat_result:
    """What is known of a file: bytes, and seconds since 1970."""
    return os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, size, *3 * (changed,)))


def _read(rest: Path) -> _Taken:
    try:
        said = json.loads(rest.with_suffix(PARTS).read_bytes())
        return _Taken(**said | {"etags": tuple(said["etags"])})
    except FileNotFoundError:
        return _Taken()
    except (ValueError, TypeError, KeyError):
        log.exception("what the bucket has of %s is not known any more; it begins anew", rest.name)
        return _Taken()


def _write(rest: Path, taken: _Taken) -> None:
    path = rest.with_suffix(PARTS)
    part = path.with_name(f"{path.name}.tmp")
    with part.open("w", encoding="ascii") as file:
        json.dump(asdict(taken), file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _repaired(rest: Path, offset: int, taken: _Taken) -> tuple[int, _Taken]:
    """Offset and state as they are after a crash: within :func:`_shortened`, or within a piece."""
    size = rest.stat().st_size
    if taken.begins < taken.sent and size == offset - taken.sent:
        taken = replace(taken, begins=taken.sent)  # it was shortened, which was not noted
    known = size == offset - taken.begins or (
        taken.begins == taken.sent and size > offset - taken.begins >= 0
    )
    if not known:  # a power cut has lost the last bytes
        offset, taken = taken.sent, replace(taken, begins=taken.sent)
        _write(rest, taken)
    if size > offset - taken.begins:  # of a piece whose offset was never noted
        os.truncate(rest, offset - taken.begins)
    return offset, _shortened(rest, taken)


def _shortened(rest: Path, taken: _Taken) -> _Taken:
    """The file without what was sent of it."""
    if taken.begins == taken.sent:
        return taken
    with rest.open("rb") as file:
        file.seek(taken.sent - taken.begins)
        left = file.read()  # less than a part and a piece
    if left:
        part = rest.with_name(f"{rest.name}{PARTS}.rest")
        part.write_bytes(left)
        part.replace(rest)
    else:
        os.truncate(rest, 0)
    taken = replace(taken, begins=taken.sent)
    _write(rest, taken)
    return taken
