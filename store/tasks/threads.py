"""The store's two background threads: one for what must be prompt, one for what may take long.

They are daemons, and end when their store is closed or nobody holds it any more.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from store.errors import NotSaved

log = logging.getLogger(__name__)

LONGEST_RETRY_SECONDS = 30.0


class UpkeepThreads:
    """Calls functions of an object again and again, each in a thread, until :meth:`stop`.

    Each function is named with the seconds between two calls. After NotSaved the pause is doubled
    each time, up to ``LONGEST_RETRY_SECONDS``.
    """

    def __init__(self, owner: object, work: Mapping[str, tuple[Callable[[Any], object], float]]):
        self._owner = weakref.ref(owner)
        self._stop = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=step, name=name, daemon=True)
            for name, step in work.items()
        ]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Asks the threads to end and waits for them (bounded)."""
        self._stop.set()
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join(timeout=5.0)

    def _run(self, step: Callable[[Any], object], seconds: float) -> None:
        pause = seconds
        while not self._stop.wait(pause):
            owner = self._owner()
            if owner is None:
                return
            try:
                step(owner)
                pause = seconds
            except NotSaved as error:
                log.debug("will be tried again: %s", error)
                pause = min(LONGEST_RETRY_SECONDS, 2 * pause)
            except Exception:
                log.exception("the store's upkeep failed; it goes on")
            del owner
