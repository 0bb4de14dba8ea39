"""How much processor time and memory a child may use together with all that it started.

A file's opening cannot be interrupted from inside libavformat, and some small files keep it or a
decoder busy for hours: so the parent looks, and ends the child. Once a file has been opened, what
it declares is its budget, and what it turns out to be is held to that: a film that goes on with
larger pictures, or with more of them, has the time of those that it declared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from pipeline import reasons
from pipeline.job.events import DescribedEvent

LOOK_SECONDS = 1.0
"""Between two looks at a child."""
OPENING_SECONDS = 8.0
"""Processor time for opening one file and finding out what it is: honest files of 300 MB take 0.4
to 0.8 s, Python's start included."""
OPENING_SECONDS_PER_GIBIBYTE = 8.0
"""What is added for files that are read as a whole, such as joined transport streams."""

STARTING_SECONDS = 30.0
"""Processor time for Python's libraries, the plan and the checks of a job: 4 to 6 s."""
READING_SECONDS_PER_GIBIBYTE = 60.0
"""For reading and writing packets: 3 to 5 s for each result."""
SECONDS_PER_SECOND = 0.2
"""For each second of a sound track: 0.015 s for decoding, loudness and both methods."""
SECONDS_PER_GIGASAMPLE = 600.0
"""For each 10⁹ samples, counted in every channel: 17 to 78 s with the loudness."""
SECONDS_PER_GIGAPIXEL = 500.0
"""For each 10⁹ pixels that are decoded and encoded: 56 to 101 s where they are noise."""


@dataclass(frozen=True)
class Usage:
    """Of a process and all its living children; those that have ended count by their time."""

    cpu_seconds: float
    memory_bytes: int


@dataclass
class Budget:
    """What a piece of work may use. It grows with what its files declare."""

    memory_mb: int
    """Mebibytes, of all its processes together."""
    opening_seconds: float = math.inf
    """Of processor time, before the files have been opened and described."""
    reading_seconds: float = 0.0
    """What is added then, for reading and writing them."""
    declared_seconds: float | None = None
    """And for what they declare; None while nothing is known of them."""

    @classmethod
    def to_open(cls, paths: Sequence[Path], memory_mb: int) -> Self:
        """For work on these files; without any, processor time has no limit."""
        return (
            cls(memory_mb, opening_seconds(paths), reading_seconds(paths))
            if paths
            else cls(memory_mb)
        )

    def described(self, file: DescribedEvent) -> None:
        """Adds the processor time for what a file declares."""
        self.declared_seconds = (
            (self.declared_seconds or 0.0)
            + SECONDS_PER_SECOND * file.seconds
            + SECONDS_PER_GIGASAMPLE * file.samples / 1e9
            + SECONDS_PER_GIGAPIXEL * file.pixels / 1e9
        )

    def exceeded(self, usage: Usage) -> str | None:
        """The reason (``pipeline.reasons``) why the work must end, if it must."""
        if usage.memory_bytes > self.memory_mb * 2**20:
            return reasons.OUT_OF_MEMORY
        if self.declared_seconds is None:
            return reasons.SLOW_TO_OPEN if usage.cpu_seconds > self.opening_seconds else None
        most = self.opening_seconds + self.reading_seconds + self.declared_seconds
        return reasons.SLOW_TO_PROCESS if usage.cpu_seconds > most else None


def opening_seconds(paths: Iterable[Path]) -> float:
    """Processor time for opening these files (seconds); one that is missing needs none."""
    sizes = _gibibytes(paths)
    total = sum(OPENING_SECONDS + OPENING_SECONDS_PER_GIBIBYTE * size for size in sizes)
    return total or OPENING_SECONDS


def reading_seconds(paths: Iterable[Path]) -> float:
    """Processor time for a job on these files besides what they declare (seconds)."""
    return STARTING_SECONDS + READING_SECONDS_PER_GIBIBYTE * sum(_gibibytes(paths))


def _gibibytes(paths: Iterable[Path]) -> list[float]:
    sizes: list[float] = []
    for path in paths:
        with suppress(OSError):
            sizes.append(path.stat().st_size / 2**30)
    return sizes


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
