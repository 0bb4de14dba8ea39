"""The bucket's copies of the task file, the history and the secret, kept by one writer.

What the bucket's task file names is whole in the bucket before, and what it does not name any more
goes afterwards, so that an empty disk that starts from the bucket finds each file of each task.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import orjson

from files.errors import Lost, StorageError
from files.lease import Lease
from files.objects import Objects

log = logging.getLogger(__name__)

TASKS = "task_status.json"
HISTORY = "task_history*.jsonl"
SECRET = ".secret"  # noqa: S105 - a file's name
FOLDER = ".mirror"
"""A file in the outputs folder: its name in the lease, and the lock of the process that writes."""
TICK_SECONDS = 2.0
"""Between two looks: with three seconds to send them, the copies are five seconds old at most."""
STOP_SECONDS = 10.0
"""So long the end waits for what is being sent."""
SENDERS = 8
"""Small files that are sent at one time."""
_PRIVATE = 0o600


class Mirror:
    """The one writer of a bucket: :meth:`start`, and in the end :meth:`stop`."""

    def __init__(
        self,
        objects: Objects,
        outputs: Path,
        publish: Callable[[Path], None],
        report: Callable[[str], None],
    ) -> None:
        self._objects = objects
        self._outputs = outputs
        self._publish = publish
        self._report = report
        self._lease = Lease(objects, "")
        self._sent: dict[str, tuple[int, int]] = {}
        """By name, the time of change and size of what the bucket has of a file."""
        self._named = b""
        """The bucket's task file."""
        self._details: dict[str, Any] = {}
        """By task, the version of its details that is in the bucket."""
        self._owed: set[Path] = set()
        self._removed: set[str] = set()
        self._discarded: set[str] = set()
        self._uploads: set[str] = set()
        """Tasks whose uploads have not been looked at."""
        self._lost = False
        self._lock: IO[str] | None = None
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self._threads = [
            threading.Thread(target=self._keep, name="retrack-mirror", daemon=True),
            threading.Thread(target=self._send_uploads, name="retrack-uploads", daemon=True),
        ]

    # --- life

    def start(self) -> None:
        """Takes the lease and brings back what is missing here; raises ``StorageError``."""
        self._outputs.mkdir(parents=True, exist_ok=True)
        self._lock = (self._outputs / FOLDER).open("a+", encoding="ascii")
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                text = "another dashboard on this machine keeps this folder's files in the bucket"
                raise StorageError(f"{text}; stop it first") from None
            self._lock.seek(0)
            name = self._lock.read().strip() or secrets.token_hex(8)
            self._lease = Lease(self._objects, name)
            self._lease.take(empty=not (self._outputs / TASKS).exists())
            self._lock.truncate(0)
            self._lock.write(name)
            self._lock.flush()
            self._restore()
            self._uploads.clear()  # the first look is at all folders
        except BaseException:
            self._lock.close()
            raise
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """The last copies, and the lease is given up. Never raises for the bucket."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=STOP_SECONDS)
        try:
            if not self._lost:
                self._tick()
                self._lease.renew(released=True)
        except OSError as error:
            log.warning("the bucket could not be brought up to date in the end: %s", error)
        if self._lock is not None:
            self._lock.close()

    def _restore(self) -> None:
        """Brings back the copies of what this disk lacks, and notes what the bucket has."""
        for entry in self._objects.list(""):
            if "/" in entry.key or not (
                entry.key in (TASKS, SECRET) or Path(entry.key).match(HISTORY)
            ):
                continue
            path = self._outputs / entry.key
            self._lease.etags[entry.key] = entry.etag
            if entry.key == TASKS or not path.exists():
                found = self._objects.get(entry.key)
                if found is None:
                    continue
                data, self._lease.etags[entry.key] = found
                if entry.key == TASKS:
                    self._note_tasks(data)
                if not path.exists():
                    _write_new(path, data)
                    self._sent[entry.key] = _signature(path)
                    log.info("%s was brought back from the bucket", entry.key)
                    if entry.key == TASKS:
                        # Another ETag, which is made of the content: whoever wrote before and was
                        # only frozen is refused at its next write.
                        self._lease.write(TASKS, data + b"\n")

    # --- what others say

    def owe(self, path: Path) -> None:
        """A file that a record names will be sent as soon as the bucket takes it."""
        self._owed.add(path)

    def remove(self, keys: Iterable[str]) -> None:
        """These objects go, once the bucket's task file does not name them."""
        self._removed |= set(keys)

    def discard(self, task_ids: Iterable[str]) -> None:
        """These tasks' objects go, once the bucket's task file does not name them."""
        self._discarded |= set(task_ids)

    # --- the copies

    def _keep(self) -> None:
        said = ""
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self._tick()
                text = ""
            except Lost as error:
                log.critical("this dashboard does not write to the bucket any more: %s", error)
                self._report(str(error))
                self._lost = True
                self._stopping.set()
                return
            except OSError as error:
                text = f"the bucket is not up to date: {error}"
            except Exception as error:
                text = f"the bucket is not up to date: {error!r}"
                if text != said:
                    log.exception("the bucket could not be brought up to date; it is tried again")
            if text != said:
                self._report(text)
            said = text

    def _tick(self) -> None:
        """Brings the bucket up to date. Raises ``StorageError``, ``Lost``."""
        with self._turn:
            self._lease.renew_when_due()
            tasks = self._changed(self._outputs / TASKS)
            if tasks is not None:
                self._send_named(tasks[0])
            for path in (*sorted(self._outputs.glob(HISTORY)), self._outputs / SECRET):
                self._send(path, self._changed(path))
            self._send(self._outputs / TASKS, tasks)
            if tasks is not None:
                self._note_tasks(tasks[0])
            for name in [name for name in self._lease.etags if Path(name).match(HISTORY)]:
                if not (self._outputs / name).exists():
                    self._objects.delete([name])
                    del self._lease.etags[name]
            self._delete_unnamed()

    def _changed(self, path: Path) -> tuple[bytes, tuple[int, int]] | None:
        """A file's bytes and signature, when the bucket has others; None for no file."""
        try:
            signature = _signature(path)
            if self._sent.get(path.name) == signature:
                return None
            return path.read_bytes(), signature
        except FileNotFoundError:
            return None

    def _send(self, path: Path, changed: tuple[bytes, tuple[int, int]] | None) -> None:
        if changed is not None:
            self._lease.write(path.name, changed[0])
            self._sent[path.name] = changed[1]

    def _note_tasks(self, data: bytes) -> None:
        """What the bucket's task file says from now on."""
        self._named = data
        records = _records(data)
        self._uploads |= records.keys() - self._details.keys()
        before = self._details
        self._details = {key: record.get("details") for key, record in records.items()}
        self._removed |= {
            f"results/{key}/details-{name}.json"
            for key, name in before.items()
            if name and self._details.get(key, name) != name
        }

    def _send_named(self, data: bytes) -> None:
        """Sends what the task file names and is not in the bucket, but for uploads: they are large,
        and a task whose upload is lost fails for a reason that everybody understands."""
        try:
            records = _records(data)
        except ValueError:
            raise StorageError("the task file is damaged; its last good copy stays") from None
        for path in list(self._owed):
            with suppress(FileNotFoundError):
                self._publish(path)
            self._owed.discard(path)
        small: list[Path] = []
        for task_id, record in records.items():
            details = record.get("details")
            if details and details != self._details.get(task_id):
                results = self._outputs / "results" / task_id
                small += [results / f"details-{details}.json", *results.glob("evidence*.json")]
                small.append(self._outputs / "uploads" / task_id / "thumbnail.jpg")
        with ThreadPoolExecutor(SENDERS) as pool:
            for _ in pool.map(self._send_small, small):
                pass

    def _send_small(self, path: Path) -> None:
        """Whatever is there already: the curves keep their name and change."""
        with suppress(FileNotFoundError):
            self._objects.upload(path, path.relative_to(self._outputs).as_posix())

    def _delete_unnamed(self) -> None:
        gone = {key for key in self._removed if key.encode() not in self._named}
        self._objects.delete(gone)
        self._removed -= gone
        for task_id in [one for one in self._discarded if one not in self._details]:
            for folder in ("uploads", "results"):
                found = self._objects.list(f"{folder}/{task_id}")
                self._objects.delete([entry.key for entry in found])
            self._discarded.discard(task_id)

    # --- uploads

    def _send_uploads(self) -> None:
        """Sends uploads, and at the start whatever else of a task's files the bucket lacks."""
        begun = False
        while not self._stopping.wait(TICK_SECONDS / 2):
            try:
                if not begun:
                    there = {entry.key for entry in self._objects.list("")}
                    for name in ("results", "uploads"):
                        for folder in (self._outputs / name).glob("*"):
                            self._send_folder(folder, there)
                    begun = True
                for task_id in list(self._uploads):
                    self._send_folder(self._outputs / "uploads" / task_id, set())
                    self._uploads.discard(task_id)
            except OSError as error:  # the other thread says that the bucket is away
                log.debug("uploads are sent later: %s", error)

    def _send_folder(self, folder: Path, there: set[str]) -> None:
        for path in folder.glob("*"):
            key = path.relative_to(self._outputs).as_posix()
            if _is_kept(path) and key not in there and not self._stopping.is_set():
                with suppress(FileNotFoundError):  # removed meanwhile
                    self._publish(path)


def _is_kept(path: Path) -> bool:
    """Whether a file of a task cannot be made again from others."""
    name = path.name
    again = name.startswith((".", "preview_", "sound_", "waveforms")) or path.suffix == ".facts"
    return not again and path.is_file() and not path.is_symlink()


def _records(data: bytes) -> dict[str, dict[str, Any]]:
    """The records of a task file; raises ValueError for one that is damaged."""
    found = orjson.loads(data)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return {key: value for key, value in found.items() if isinstance(value, dict)}


def _signature(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_mtime_ns, about.st_size


def _write_new(path: Path, data: bytes) -> None:
    """A file for this user alone, whole from its first moment."""
    part = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
