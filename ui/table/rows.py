"""From tasks to the rows of the table: search, filter, sort, one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from pipeline.tasks.record import TaskRecord

Status = Literal["pending", "processing", "success", "failed"]
STATUSES: tuple[Status, ...] = ("pending", "processing", "success", "failed")
ORDERS = ("newest", "oldest", "name", "status", "confidence")

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class View:
    """What of the tasks the viewer wants to see."""

    search: str = ""
    statuses: frozenset[str] = frozenset()
    """Empty means all."""
    order: str = "newest"
    page: int = 1
    """From 1."""
    page_size: int = 25


@dataclass(frozen=True)
class Page:
    """One page of the table."""

    tasks: tuple[TaskRecord, ...]
    number: int
    pages: int
    matching: int


def take_page(tasks: Sequence[TaskRecord], view: View) -> Page:
    """The tasks of one page of the view; a page beyond the end gives the last one."""
    needle = view.search.strip().casefold()
    found = [
        task
        for task in tasks
        if (not view.statuses or task.status in view.statuses)
        and (not needle or _contains(task, needle))
    ]
    _sort(found, view.order)
    pages = max(1, -(-len(found) // view.page_size))
    number = min(max(1, view.page), pages)
    start = (number - 1) * view.page_size
    return Page(tuple(found[start : start + view.page_size]), number, pages, len(found))


def _contains(task: TaskRecord, needle: str) -> bool:
    return (
        needle in (task.dance_name or "").casefold()
        or needle in (task.reference_name or "").casefold()
        or task.id.startswith(needle)
    )


def _sort(tasks: list[TaskRecord], order: str) -> None:
    """In place and stable; the given order is oldest first."""
    if order == "newest":
        tasks.reverse()
        tasks.sort(key=_created, reverse=True)
    elif order == "oldest":
        tasks.sort(key=_created)
    elif order == "name":
        tasks.sort(key=lambda task: (task.dance_name or "").casefold())
    elif order == "status":
        tasks.sort(key=lambda task: STATUSES.index(task.status) if task.status in STATUSES else 9)
    elif order == "confidence":
        tasks.sort(key=lambda task: task.answer.confidence or -1.0, reverse=True)


def _created(task: TaskRecord) -> datetime:
    return task.created_at or _NEVER
