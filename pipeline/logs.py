"""The log: one handler on standard error for our own loggers, set up once a process.

As text, or as JSON with an object a line, in which the work that a line is of stands by itself:
``working_on`` says so for all lines of a thread, and ``at_stage`` how far that work is.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

OURS = ("files", "pipeline", "store", "ui")
_MARK = "retrack"
_TASK = re.compile(r"\[([0-9a-f-]{36})\] ")
"""How a line begins that is of a task, whichever thread writes it."""
_work: ContextVar[dict[str, str | int] | None] = ContextVar("work", default=None)


@contextmanager
def working_on(task: str, attempt: int) -> Iterator[None]:
    """The lines of this thread are of this attempt at a task, until the block ends."""
    before = _work.set({"task": task, "attempt": attempt})
    try:
        yield
    finally:
        _work.reset(before)


def at_stage(stage: str) -> None:
    """The work of this thread has come to a stage."""
    work = _work.get()
    if work is not None:
        work["stage"] = stage


class JsonFormatter(logging.Formatter):
    """An object a line: time, level, logger, message; task, attempt, stage and error if known."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        message = record.getMessage()
        found = _TASK.match(message)
        said: dict[str, str | int] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": message[found.end() :] if found else message,
            **({"task": found[1]} if found else {}),
        }
        work = _work.get()
        if work is not None and said.get("task", work["task"]) == work["task"]:
            said |= work
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)


def set_up(level: str, form: Literal["text", "json"] = "text") -> None:
    """Shows our loggers' lines from ``level`` on; a second call changes only the level."""
    for name in OURS:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        if any(handler.get_name() == _MARK for handler in logger.handlers):
            continue
        handler = logging.StreamHandler(sys.stderr)
        handler.set_name(_MARK)
        text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
        handler.setFormatter(JsonFormatter() if form == "json" else text)
        logger.addHandler(handler)
        logger.propagate = False
