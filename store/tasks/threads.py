"""The store's two background threads: one for what must be prompt, one for what may take long.

They are daemons, end when their store is closed or nobody holds it any more, and belong to the
process's one store of a folder (see ``store.default_store``), so that a reload of the page's
code starts no second pair.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from store.errors import NotSaved
from store.file import reserve
from store.settings import StoreSettings

log = logging.getLogger(__name__)

_LONGEST_RETRY = 30.0  # seconds


class _Upkept(Protocol):
    """What the threads need of a store."""

    settings: StoreSettings
    path: Path

    @property
    def has_unsaved(self) -> bool: ...
    def flush(self) -> None: ...
    def back_up(self) -> None: ...
    def beat(self) -> None: ...
    def cleanup_old_tasks(self) -> int: ...
    def remove_departed_files(self) -> None: ...


class Keeper:
    """Runs the upkeep of a store until :meth:`stop`."""

    def __init__(self, store: _Upkept) -> None:
        self._store = weakref.ref(store)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            for name, work in (("store-prompt", _Prompt()), ("store-cleanup", _Slow()))
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Asks both threads to end and waits for them (bounded)."""
        self._stop.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout=5.0)

    def _run(self, work: Callable[[_Upkept], float]) -> None:
        pause = 0.0
        while not self._stop.wait(pause):
            store = self._store()
            if store is None:
                return
            try:
                pause = work(store)
            except NotSaved as error:
                log.debug("will be tried again: %s", error)
                pause = 1.0
            except Exception:
                log.exception("the store's upkeep failed; it goes on")
                pause = 5.0
            del store


class _Prompt:
    """Ticks, retries of failed saves, the last good copy, the reserve, the heartbeat."""

    def __init__(self) -> None:
        self._retry_at = 0.0
        self._wait = 0.0
        self._beat_at = 0.0

    def __call__(self, store: _Upkept) -> float:
        now, settings = time.monotonic(), store.settings
        pause = min(settings.tick_seconds, settings.retry_seconds, 1.0)
        if store.has_unsaved and now < self._retry_at:
            return pause
        try:
            store.flush()
            self._wait = 0.0
        except NotSaved:
            self._wait = min(_LONGEST_RETRY, max(settings.retry_seconds, 2 * self._wait))
            self._retry_at = now + self._wait
        store.back_up()
        _keep_reserve(store)
        if now >= self._beat_at:
            store.beat()
            self._beat_at = now + settings.heartbeat_seconds
        return pause


def _keep_reserve(store: _Upkept) -> None:
    try:
        reserve.keep(store.path)
    except OSError as error:
        log.debug("no space could be set aside for the task file: %s", error)


class _Slow:
    """The hourly cleanup, and the files of tasks that have just left."""

    def __init__(self) -> None:
        self._cleanup_at: float | None = None

    def __call__(self, store: _Upkept) -> float:
        now = time.monotonic()
        if self._cleanup_at is None:  # start() has just cleaned up
            self._cleanup_at = now + store.settings.cleanup_seconds
        if now >= self._cleanup_at:
            self._cleanup_at = now + store.settings.cleanup_seconds
            store.cleanup_old_tasks()
        store.remove_departed_files()
        return min(1.0, store.settings.cleanup_seconds)
