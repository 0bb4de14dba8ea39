"""How much processor time and memory a child may use together with all that it started.

A file's opening cannot be interrupted from inside libavformat, and some small files keep it busy
for hours: so the parent looks, and ends the child.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from pipeline import reasons

LOOK_SECONDS = 1.0
"""Between two looks at a child."""
OPENING_SECONDS = 8.0
"""Processor time for opening one file and finding out what it is: honest files of 300 MB take 0.4
to 0.8 s, Python's start included."""
OPENING_SECONDS_PER_GIBIBYTE = 8.0
"""What is added for files that are read as a whole, such as joined transport streams."""


@dataclass(frozen=True)
class Usage:
    """Of a process and all its living children; those that have ended count by their time."""

    cpu_seconds: float
    memory_bytes: int


@dataclass(frozen=True)
class Budget:
    """What a piece of work may use."""

    memory_mb: int
    """Mebibytes, of all its processes together."""
    opening_seconds: float = float("inf")
    """Of processor time, before the files have been opened and described."""

    def exceeded(self, usage: Usage, *, opening: bool) -> str | None:
        """The reason (``pipeline.reasons``) why the work must end, if it must."""
        if usage.memory_bytes > self.memory_mb * 2**20:
            return reasons.OUT_OF_MEMORY
        if opening and usage.cpu_seconds > self.opening_seconds:
            return reasons.SLOW_TO_OPEN
        return None


def opening_seconds(paths: Iterable[Path]) -> float:
    """Processor time for opening these files (seconds); one that is missing needs none."""
    total = 0.0
    for path in paths:
        with suppress(OSError):
            size = path.stat().st_size
            total += OPENING_SECONDS + OPENING_SECONDS_PER_GIBIBYTE * size / 2**30
    return total or OPENING_SECONDS


def usage_of(pid: int) -> Usage:
    """What the process has used so far; nothing when it has ended."""
    cpu, memory = 0.0, 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                times = one.cpu_times()
                cpu += times.user + times.system + times.children_user + times.children_system
                memory += one.memory_info().rss
    return Usage(cpu, memory)
