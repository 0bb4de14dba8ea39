"""Messages of one visitor's page leave room for everybody else."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from tests.ui.routes.routed import MINE, SECRET
from ui.routes.access import Access
from ui.service import Service
from ui.web import pace
from ui.web.pace import Pace
from ui.web.visitor import COOKIE, signed_key

COUNT = 50


def test_a_flood_of_messages_lets_others_have_their_turn(
    service: Service,
) -> None:
    """They are there already, so that waiting for them gives nobody else a turn."""
    taken, between = 0, list[int]()

    async def receive() -> Message:
        kind = "websocket.receive" if taken < COUNT else "websocket.disconnect"
        return {"type": kind, "bytes": b"x"}

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
            group.start_soon(Access(take_all, login=lambda: False, used=bool), scope, receive, send)
            group.start_soon(other)

    anyio.run(both)
    assert taken == COUNT and len(between) > COUNT // 2


def _cookie(key: str) -> str:
    return signed_key(key, SECRET)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has used more than its share for as long as it has run."""
    monkeypatch.setattr(pace, "SHARE", -1e9)


async def _order(senders: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """One message of each, all there at once: in which order they pass."""
    kept, passed = Pace(), list[Sequence[str]]()

    async def receive() -> Message:
        return {"type": "websocket.receive"}

    async def take(names: Sequence[str]) -> None:
        await kept.kept(receive, *names)()
        passed.append(names)

    async with anyio.create_task_group() as group:
        for names in senders:
            group.start_soon(take, names)
    return passed


MANY = 20


@pytest.mark.parametrize(
    "many",
    [
        [("a", "mine")] * MANY,  # pages of one visitor
        [("a", f"cookie {n}") for n in range(MANY)],
        [("b", "mine")] * MANY,
    ],
)
@pytest.mark.usefixtures("busy")
def test_one_waits_for_a_round_only(many: Sequence[Sequence[str]]) -> None:
    passed = anyio.run(_order, [*many, ("b", "theirs")])
    assert passed.index(("b", "theirs")) <= 2
    assert len(passed) == MANY + 1, "and nobody is forgotten"


@pytest.mark.usefixtures("busy")
def test_new_cookies_do_not_go_first() -> None:
    """An address that comes with a fresh cookie each time, and a visitor beside it (a school)."""
    fresh, theirs = [("a", f"cookie {n}") for n in range(MANY)], ("a", "theirs")
    passed = anyio.run(_order, [theirs, *fresh[:2], theirs, *fresh[2:]])
    assert [n for n, who in enumerate(passed) if who == theirs] in ([0, 1], [0, 2], [0, 3])


@pytest.mark.usefixtures("busy")
def test_a_page_that_is_closed_meanwhile_waits_no_longer() -> None:
    kept = Pace()

    async def receive() -> Message:
        return {"type": "websocket.receive"}

    async def leave() -> None:
        await kept.kept(receive, "a", "mine")()
        with anyio.move_on_after(0):
            await kept.kept(receive, "a", "mine")()
        assert not kept._waiting

    anyio.run(leave)
