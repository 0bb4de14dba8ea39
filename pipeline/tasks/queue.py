"""The queue: what is waiting and running, and when all of it will be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.tasks.record import TaskRecord


@dataclass(frozen=True)
class Queue:
    """What is waiting and running, over all viewers: the queue is one."""

    places: Mapping[str, int]
    """Place of each pending task by id, from 1."""
    running: int
    adjusting: int
    """Finished tasks whose results are being made anew, or wait for that."""
    seconds_left: float | None
    """Seconds until the whole queue is done, None when that is unknown; how long an adjustment
    takes is not known."""


def queue_of(tasks: Sequence[TaskRecord], workers: int, now: datetime) -> Queue:
    """The queue: places in the order of creation, and when it will be empty.

    A waiting task is taken to need as long as the median of the last twenty that ended
    well; the workers share them evenly.
    """
    pending = [task for task in tasks if task.status == "pending"]
    running = [task for task in tasks if task.status == "processing"]
    adjusting = sum(task.adjusting for task in tasks)
    ended = (task.seconds_spent(now) for task in tasks if task.status == "success")
    spent = sorted([seconds for seconds in ended if seconds is not None][-20:])
    typical = spent[len(spent) // 2] if spent else None
    left = [typical if task.seconds_left is None else task.seconds_left for task in running]
    known = [seconds for seconds in (*left, *[typical] * len(pending)) if seconds is not None]
    total: float | None = None
    if not adjusting and len(known) == len(running) + len(pending):
        total = max([sum(known) / max(1, workers), *known[: len(running)]])
    places = {task.id: place for place, task in enumerate(pending, 1)}
    return Queue(places, len(running), adjusting, total)
