"""What a group commit works on: the patches that wait, and one try to write them."""

from __future__ import annotations

import logging
from _thread import allocate_lock
from dataclasses import dataclass, field
from typing import Any

from store.errors import NotSaved, StoreError
from store.file.view import State
from store.records.draft import Departure, Draft, Outdated, Patch

log = logging.getLogger(__name__)


class Ticket:
    """One caller's patch, and the caller's sleep until it is settled."""

    __slots__ = (
        "abandoned",
        "answer",
        "error",
        "follower",
        "helps",
        "latch",
        "leads",
        "patch",
        "settled",
        "task",
    )

    def __init__(self, patch: Patch) -> None:
        self.patch = patch
        self.latch = allocate_lock()
        self.latch.acquire()
        self.answer: Any = None
        self.task: Any = None
        """What the answer, if it is a record, looks like to a caller."""
        self.error: BaseException | None = None
        self.settled = self.leads = self.abandoned = False
        self.helps: Group | None = None
        """Woken not because it is settled but to make this group's tasks."""
        self.follower: Ticket | None = None
        """Whom the caller wakes when it is awake."""


_FEW = 4
"""So many threads are woken all at once."""
_LONGEST_CHAIN = 64


def follow_each_other(sleepers: list[Ticket]) -> list[Ticket]:
    """Makes chains in which each thread wakes the next one; the answer is where they begin.

    Threads that one thread wakes at once all want the interpreter's lock, which it still holds,
    and go to sleep again; when each wakes the next, that one comes when it is its turn. The price:
    each link may have to wait for the turn of a busy thread of the process to end (5 ms).
    """
    few = len(sleepers) <= _FEW
    chains = len(sleepers) if few else -(-len(sleepers) // _LONGEST_CHAIN)
    for ticket, follower in zip(sleepers, sleepers[chains:], strict=False):
        ticket.follower = follower
    return sleepers[:chains]


@dataclass(eq=False)
class Group:
    """One try to write; what it did is known here when it fails half-way."""

    tickets: list[Ticket] = field(default_factory=list)
    kept: list[Patch] = field(default_factory=list)
    ticks: dict[Any, Patch] = field(default_factory=dict)
    departures: list[Departure] = field(default_factory=list)
    outdated: list[Patch] = field(default_factory=list)
    waiting: list[Patch] = field(default_factory=list)
    replaced: bool = False
    helped: bool = False
    """Whether one of the sleeping threads was woken to make the tasks."""
    before: State | None = None
    """The state before, whose file goes with it: that takes a while, and nobody waits for it."""


def apply(ticket: Ticket, draft: Draft) -> None:
    """The answer or the refusal of a patch on the draft; never raises."""
    ticket.answer, ticket.error = None, None
    try:
        ticket.answer = ticket.patch.apply(draft)
    except (StoreError, Outdated) as refusal:
        ticket.error = refusal
    except Exception as fault:
        log.exception("the patch %s failed", ticket.patch.name)
        ticket.error = fault


def apply_kept(patch: Patch, draft: Draft) -> None:
    """A patch that could not be saved before, once more; what is void by now is left out."""
    try:
        patch.apply(draft)
    except Outdated:
        if patch.redo:
            draft.outdated.append(patch)
    except NotSaved:
        draft.waiting.append(patch)
    except StoreError as refusal:
        log.warning("the unsaved change %s of %s is void: %s", patch.name, patch.task_id, refusal)
