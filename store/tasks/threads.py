"""The store's two background threads: one for what must be prompt, one for what may take long.

They are daemons, and end when their store is closed or nobody holds it any more.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import Any

from store.errors import NotSaved

log = logging.getLogger(__name__)

LONGEST_RETRY_SECONDS = 30.0


class UpkeepThreads:
    """Calls methods of an object again and again, each in a thread, until :meth:`stop`.

    After NotSaved the pause between two calls is doubled each time, up to
    ``LONGEST_RETRY_SECONDS``.
    """

    def __init__(self, owner: object, seconds: float, *methods: Callable[[Any], object]) -> None:
        self._owner = weakref.ref(owner)
        self._seconds = seconds
        self._stop = threading.Event()
        self.threads = [
            threading.Thread(target=self._run, args=(one,), name=one.__name__, daemon=True)
            for one in methods
        ]
        for thread in self.threads:
            thread.start()

    @property
    def alive(self) -> bool:
        """Whether all of them live."""
        return all(thread.is_alive() for thread in self.threads)

    def stop(self) -> None:
        """Asks the threads to end and waits for them (bounded)."""
        self._stop.set()
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join(timeout=5.0)

    def _run(self, method: Callable[[Any], object]) -> None:
        pause = self._seconds
        while not self._stop.wait(pause) and (owner := self._owner()):
            try:
                method(owner)
                pause = self._seconds
            except NotSaved as error:
                log.debug("will be tried again: %s", error)
                pause = min(LONGEST_RETRY_SECONDS, 2 * pause)
            except Exception:
                log.exception("the store's upkeep failed; it goes on")
            del owner
