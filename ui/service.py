"""The process's one service: store, runner and settings, shared by all viewers.

It is kept in a module without a file, which Streamlit's hot reload does not drop: after a
reload the new code finds the running service instead of starting a second one.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import secrets
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.running.runner import start_runner, stop_runner
from pipeline.settings import Settings, get_settings
from pipeline.tasks.record import TaskRecord, read
from store import is_task_id, process

if TYPE_CHECKING:
    from pipeline.running.runner import Runner
    from store import Snapshot, Store, Task

log = logging.getLogger(__name__)

_KEY = "service"
SECRET_BYTES = 32
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Service:
    """What the page and the routes work with."""

    store: Store
    runner: Runner
    settings: Settings
    secret: bytes
    """Signs upload tokens and file links; kept in the outputs folder over restarts."""
    routes: bool
    """Whether our own routes serve files and take uploads (false for the plain script)."""
    earlier: frozenset[str] = frozenset()
    """Names of visitors who owned something here when the service started."""
    exposed: threading.Event = field(default_factory=threading.Event)
    """Set for good once the server is known to answer to more than this machine."""
    stock_uploads: dict[str, StockUploads] = field(default_factory=dict)
    """By session of the page, where the stock uploader is shown although there are routes."""
    _read: dict[str, tuple[Task, TaskRecord]] = field(default_factory=dict)
    """What was read of each task: the store gives the same object while a task is unchanged."""

    def task(self, task_id: str) -> TaskRecord | None:
        """One task with its details; None when it is not there."""
        task = self.store.get(task_id) if is_task_id(task_id) else None
        return None if task is None else read(task)

    def tasks(self, snapshot: Snapshot | None = None) -> list[TaskRecord]:
        """All tasks of a snapshot, or of now, without their details; oldest first."""
        tasks = (snapshot or self.store.snapshot()).tasks
        records: list[TaskRecord] = []
        for task in tasks:
            known = self._read.get(task.id)
            if known is None or known[0] is not task:
                known = self._read[task.id] = (task, read(task))
            records.append(known[1])
        if len(self._read) > 2 * len(tasks) + 100:  # mostly of tasks that have left
            self._read.clear()
        return records

    @property
    def private(self) -> bool:
        """Whether a visitor sees only their own tasks; may turn true while the page is open."""
        return self.settings.visibility == "private" or (
            not self.settings.visibility and self.exposed.is_set()
        )

    def expose(self, why: str) -> None:
        """Note that a request came from beyond this machine; the first one is logged."""
        if self.exposed.is_set():
            return
        with process.lock(_KEY):
            first = not self.exposed.is_set()
            self.exposed.set()
        if first and not self.settings.visibility:
            log.warning(
                "a request is not of this machine (%s): from now on each visitor sees only their "
                "own tasks; RETRACK_VISIBILITY=private or shared settles it",
                why,
            )


def start_service(*, routes: bool, address: str | None) -> Service:
    """Start store and runner once a process; later calls return the running service.

    ``address`` is what the server listens on; anything but this machine alone makes the
    tasks private, as does an address of the page for others, unless the settings say otherwise.
    """
    with process.lock(_KEY):
        service = cast("Service | None", process.find(_KEY))
        if service is None:
            settings = get_settings()
            runner = start_runner(settings=settings)
            service = Service(
                store=runner.store,
                runner=runner,
                settings=settings,
                secret=_secret(settings.outputs),
                routes=routes,
                earlier=owners_before(runner.store, settings.outputs),
            )
            if address not in _LOOPBACK or settings.public_url:
                service.exposed.set()
            # All that has been imported by now stays: a full collection went through it in 0.1 s of
            # processor time, 1.3 s on the 0.078 of a core of a small host, and takes 2 ms without.
            gc.collect()
            gc.freeze()
        elif routes and not service.routes:
            service = replace(service, routes=True)
        process.keep(_KEY, service)
        return service


def get_service() -> Service:
    """The running service; raises LookupError before ``start_service``."""
    service = cast("Service | None", process.find(_KEY))
    if service is None:
        raise LookupError("the service has not been started")
    return service


def stop_service() -> None:
    """Stop the runner, then close the store: what runs goes back to pending first."""
    with process.lock(_KEY):
        if process.forget(_KEY) is not None:
            stop_runner()


def owners_before(store: Store, outputs: Path) -> frozenset[str]:
    """The names of visitors with a task, a line in the history or an upload."""
    owners = (read(task).visitor for task in (*store.snapshot().tasks, *store.history()))
    folders = (outputs / "incoming").glob("*")
    return frozenset([*filter(None, owners), *(f.name for f in folders)])


def _secret(outputs: Path) -> bytes:
    """32 random bytes in ``outputs/.secret``, made at the first start, for this user alone."""
    path = outputs / ".secret"
    try:
        outputs.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(SECRET_BYTES))
        if path.stat().st_size < SECRET_BYTES:  # another server is writing it, or one died at it
            time.sleep(0.5)
        if path.stat().st_size < SECRET_BYTES:
            path.write_bytes(secrets.token_bytes(SECRET_BYTES))
        with contextlib.suppress(OSError):
            path.chmod(0o600)
        return path.read_bytes()
    except OSError as error:
        log.warning("keys and links will not outlive this process: cannot keep %s: %s", path, error)
        return secrets.token_bytes(SECRET_BYTES)


@dataclass
class StockUploads:
    """What one session of the page holds in memory."""

    visitor: str
    """The visitor's name, for whom it counts."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes by Streamlit's id of the file."""
