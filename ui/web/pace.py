"""In which order the messages of open pages are taken, and how many at a time.

Each message has a page, or a part of it, drawn anew, and all pages are drawn in one process. Beyond
what it can bear Streamlit still takes every message: then all pages come late, by minutes, until
long after those who sent so many have left. So messages wait here instead, and who sends many waits
behind who sends few.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from starlette.types import Message, Receive

SHARE = 0.8
"""Of one processor, beyond which messages wait: no Python process has more than one."""
MAX_DEBT_SECONDS = 0.05
"""Of processor time used beyond that share, with which messages are still taken: two pages."""
TICK_SECONDS = 0.01
"""Between two messages when there are many: what the first one costs shows only then."""
PATIENCE_SECONDS = 0.04
"""One is taken so often whatever else the process does."""
_MAX_REMEMBERED = 2000


@dataclass
class _Waiting:
    names: Sequence[str]
    number: int
    """In the order of coming."""
    called: asyncio.Event = field(default_factory=asyncio.Event)


class Pace:
    """Has messages wait while this process is busy.

    A sender has names, from the widest to the narrowest (an address, a visitor). The next is whose
    address was taken from the longest time ago, among those whose visitor was, then who came first:
    neither many pages nor many cookies keep another waiting for more than a round.
    """

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._last: dict[str, int] = {}
        """Each name's last turn, by its number."""
        self._numbers = itertools.count(1)
        self._debt = 0.0
        self._looked = time.monotonic()
        self._used = time.process_time()
        self._taken = 0.0
        """When the last message was taken."""
        self._due = False
        """Whether a look at who waits is due already."""

    def kept(self, receive: Receive, *names: str) -> Receive:
        """A websocket's ``receive`` that waits for its sender's turn."""

        async def next_message() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                await self._turn(names)
            return message

        return next_message

    async def _turn(self, names: Sequence[str]) -> None:
        waiting = _Waiting(names, next(self._numbers))
        for name in names:  # who is new has no advantage over who was here before
            self._last.setdefault(name, waiting.number)
        self._waiting.append(waiting)
        self._take()
        try:
            await waiting.called.wait()
        finally:
            if waiting in self._waiting:  # its page was closed
                self._waiting.remove(waiting)

    def _take(self) -> None:
        """Let the next one pass if it may, and look again while others wait."""
        now, used = time.monotonic(), time.process_time()
        owed = self._debt + (used - self._used) - SHARE * (now - self._looked)
        self._debt, self._looked, self._used = max(0.0, owed), now, used
        since = now - self._taken
        free = since >= TICK_SECONDS and self._debt <= MAX_DEBT_SECONDS
        if self._waiting and (free or since >= PATIENCE_SECONDS):
            self._taken = now
            chosen = min(self._waiting, key=self._rank)
            self._waiting.remove(chosen)
            self._remember(chosen.names)
            chosen.called.set()
        if self._waiting and not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(TICK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._due = False
        self._take()

    def _rank(self, waiting: _Waiting) -> tuple[int, ...]:
        return (*(self._last.get(name, 0) for name in waiting.names), waiting.number)

    def _remember(self, names: Sequence[str]) -> None:
        for name in names:
            self._last.pop(name, None)
            self._last[name] = next(self._numbers)
        while len(self._last) > _MAX_REMEMBERED:
            del self._last[next(iter(self._last))]
