"""How many messages of a visitor's pages are taken in a second.

Each has the page drawn anew, and Streamlit takes one after the other for as long as there are any:
a script that sent some thousands kept everybody else waiting for minutes.
"""

from __future__ import annotations

import anyio
from starlette.types import Message, Receive

MESSAGES_A_SECOND = 20.0
"""Of all pages of a visitor: each open one sends one a second by itself."""
BURST = 40
"""So many come at once without waiting, as clicks do."""
_MAX_REMEMBERED = 1000


class Pace:
    """Visitors, each with the time at which its next message is due."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def kept(self, receive: Receive, visitor: str) -> Receive:
        """A websocket's ``receive`` that waits for its visitor's turn, and between any two messages
        lets others have theirs."""

        async def next_message() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive":
                await anyio.sleep(self._wait(visitor))
            return message

        return next_message

    def _wait(self, visitor: str) -> float:
        """For how long this message has to wait (seconds)."""
        now = anyio.current_time()
        if len(self._due) > _MAX_REMEMBERED:
            self._due = {who: due for who, due in self._due.items() if due > now}
        due = max(now, self._due.get(visitor, now)) + 1 / MESSAGES_A_SECOND
        self._due[visitor] = due
        return max(0.0, due - now - BURST / MESSAGES_A_SECOND)
