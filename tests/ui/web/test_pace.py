"""Messages of one visitor's page leave room for everybody else."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.ui.routes.routed import MINE, SECRET, THEIRS
from ui.routes.access import Access
from ui.service import Service
from ui.web import pace
from ui.web.pace import Pace
from ui.web.visitor import COOKIE, signed_key

COUNT = 200


def test_a_flood_of_messages_lets_others_have_their_turn(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are there already, so that waiting for them gives nobody else a turn."""
    monkeypatch.setattr(pace, "MESSAGES_A_SECOND", 1e6)
    taken, between = 0, list[int]()

    async def receive() -> Message:
        return {"type": "websocket.receive" if taken < COUNT else "websocket.disconnect"}

    async def take_all(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal taken
        while (await receive())["type"] != "websocket.disconnect":
            taken += 1

    async def send(message: Message) -> None:
        raise AssertionError("nothing is sent")

    async def other() -> None:
        while taken < COUNT:
            between.append(taken)
            await anyio.sleep(0)

    async def both() -> None:
        scope = {
            "type": "websocket",
            "path": "/_stcore/stream",
            "headers": [(b"host", b"x"), (b"cookie", f"{COOKIE}={_cookie(MINE)}".encode())],
        }
        async with anyio.create_task_group() as group:
            group.start_soon(Access(take_all, login=lambda: False), scope, receive, send)
            group.start_soon(other)

    anyio.run(both)
    assert taken == COUNT and len(between) > COUNT // 2


def _cookie(key: str) -> str:
    return signed_key(key, SECRET)


def test_a_visitor_has_so_many_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = 1000.0, list[float]()

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def receive() -> Message:
        return {"type": "websocket.receive"}

    monkeypatch.setattr(anyio, "current_time", lambda: now)
    monkeypatch.setattr(anyio, "sleep", sleep)
    kept = Pace()
    one, again, other = (kept.kept(receive, who) for who in (MINE, MINE, THEIRS))

    def take(page: Callable[[], object], count: int) -> list[float]:
        waited.clear()
        for _ in range(count):
            anyio.run(page)  # type: ignore[arg-type]
        return list(waited)

    assert take(one, pace.BURST) == [0.0] * pace.BURST
    assert take(again, 2) == pytest.approx([0.05, 0.1]), "all pages of a visitor count"
    assert take(other, 1) == [0.0]
    now += 60
    assert take(one, 1) == [0.0]
