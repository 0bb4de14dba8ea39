"""Removes uploads that were abandoned, every hour, in a thread of the process."""

from __future__ import annotations

import logging
import threading
import time

from store import process
from ui.incoming.uploads import remove_stale
from ui.service import get_service

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 3600.0


def start_tidying() -> None:
    """Start the thread, once a process; it ends with the service."""
    process.once("tidying", _start)


def _start() -> threading.Thread:
    thread = threading.Thread(target=_tidy, name="retrack-tidy", daemon=True)
    thread.start()
    return thread


def _tidy() -> None:
    while True:
        try:
            removed = remove_stale(get_service())
        except LookupError:  # the service was stopped
            process.forget("tidying")
            return
        except OSError:  # looked at again in an hour; the page must not end for it
            log.exception("cannot look for abandoned uploads")
        else:
            if removed:
                log.info("removed %d abandoned uploads", removed)
        time.sleep(SECONDS_BETWEEN_LOOKS)
