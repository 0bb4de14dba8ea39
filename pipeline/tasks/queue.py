"""The queue: what is waiting and running, and when all of it will be done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipeline.tasks.record import adjusting, number, seconds_spent
from store import Task


@dataclass(frozen=True)
class Queue:
    """What is waiting and running, over all viewers: the queue is one."""

    places: Mapping[str, int]
    """Place of each pending task by id, from 1."""
    running: int
    adjusting: int
    """Finished tasks whose results are being made anew, or wait for that."""
    seconds_left: float | None
    """Seconds until the whole queue is done, None when nothing tells; how long an adjustment
    takes is not known."""


def queue_of(tasks: Iterable[Task], workers: int, now: datetime) -> Queue:
    """The queue: places in the order of creation, and when it will be empty.

    A waiting task is taken to need as long as the median of the last twenty that ended
    well; the workers share them evenly.
    """
    pending: list[Task] = []
    left: list[float] = []
    spent: list[float] = []
    running = adjusted = 0
    known = True
    for task in tasks:
        adjusted += adjusting(task)
        if task.status == "pending":
            pending.append(task)
        elif task.status == "processing":
            running += 1
            seconds = number(task.seconds_left)
            if seconds is None:
                known = False
            else:
                left.append(seconds)
        elif task.status == "success":
            seconds = seconds_spent(task, now)
            if seconds is not None:
                spent.append(seconds)
    typical = sorted(spent[-20:])[len(spent[-20:]) // 2] if spent else None
    if not known and typical is not None:
        left.extend([typical] * (running - len(left)))
        known = True
    total: float | None = None
    if known and not adjusted and (not pending or typical is not None):
        total = sum(left) + len(pending) * (typical or 0.0)
        total = max([total / max(1, workers), *left])
    return Queue({task.id: i for i, task in enumerate(pending, 1)}, running, adjusted, total)
