"""The log: one handler on standard error for our own loggers, set up once a process."""

from __future__ import annotations

import logging
import sys

OURS = ("pipeline", "store", "ui")
_MARK = "retrack"


def set_up(level: str) -> None:
    """Shows our loggers' lines from ``level`` on; a second call changes only the level."""
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        if any(handler.get_name() == _MARK for handler in logger.handlers):
            continue
        handler = logging.StreamHandler(sys.stderr)
        handler.set_name(_MARK)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        logger.addHandler(handler)
        logger.propagate = False
