"""Who sends nothing is not waited for, and nobody has all connections: by real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import anyio
import pytest
import uvicorn
import websockets.sync.client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ui.web import connections
from ui.web.connections import MESSAGE_BYTES, Patience, guard_connections
from ui.web.network import network_of_address

SHORT = Patience(headers_seconds=0.4, body_seconds=0.4, body_bytes=20)
STEADY = Patience(headers_seconds=0.4, body_seconds=1.5, body_bytes=20)
MOST = 3
BODY = b"x" * 1_000_000


async def _count(request: Request) -> PlainTextResponse:
    """Says how many bytes came, which it reads at its leisure."""
    count = 0
    async for part in request.stream():
        count += len(part)
        await anyio.sleep(0.1)
    await anyio.sleep(3 * SHORT.body_seconds)
    return PlainTextResponse(f"{count} bytes")


async def _talk(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_text(str(len(await socket.receive_bytes())))


@contextmanager
def served(patience: Patience) -> Iterator[int]:
    """The port of a server of guarded connections."""
    protocol = type("Guarded", (AutoHTTPProtocol,), {})
    guard_connections(MOST, patience, protocol)
    app = Starlette(
        routes=[Route("/", _count, methods=["GET", "POST"]), WebSocketRoute("/", _talk)]
    )
    config = uvicorn.Config(
        app, port=0, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(30)


@contextmanager
def connected(port: int, *sent: bytes) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as one:
        for data in sent:
            one.sendall(data)
        yield one


def answer(one: socket.socket) -> bytes:
    """All that comes until the server ends the connection; raises TimeoutError."""
    found = b""
    with suppress(ConnectionError):
        while part := one.recv(65536):
            found += part
    return found


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param([], id="nothing"),
        pytest.param([b"GET / HTTP/1.1\r\nHost: x\r\n"], id="half of the headers"),
        pytest.param([HEAD + b"100\r\n\r\n"], id="no body"),
        pytest.param([HEAD + b"100\r\n\r\n", b"x" * 90], id="most of a body"),
        pytest.param(
            [HEAD.replace(b"close", b"keep-alive") + b"0\r\n\r\n", b"GET /"], id="half of a second"
        ),
    ],
)
def test_who_stands_still_is_not_waited_for(sent: list[bytes]) -> None:
    with served(SHORT) as port, connected(port, *sent) as one:
        found = answer(one)
    assert found.count(b"HTTP/1.1") == sent[-1:].count(b"GET /"), found


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\n", HEAD + b"1000\r\n\r\n"])
def test_nor_who_sends_a_byte_at_a_time(head: bytes) -> None:
    with served(SHORT) as port, connected(port, head) as one, pytest.raises(ConnectionError):
        for _ in range(1000):
            one.sendall(b"x")
            time.sleep(0.05)


def test_who_sends_is_waited_for_and_the_server_takes_its_time() -> None:
    with served(SHORT) as port, connected(port, HEAD + b"1000000\r\n\r\n", BODY) as one:
        assert answer(one).endswith(b"1000000 bytes")
    with served(STEADY) as port, connected(port, HEAD + b"1500\r\n\r\n") as one:
        for _ in range(15):
            one.sendall(b"x" * 100)
            time.sleep(0.15)
        assert answer(one).endswith(b"1500 bytes")


def test_a_message_of_a_websocket_brings_so_much_and_it_may_be_silent() -> None:
    with served(SHORT) as port, websockets.sync.client.connect(f"ws://127.0.0.1:{port}") as one:
        one.send(bytes(MESSAGE_BYTES))
        assert one.recv(30) == str(MESSAGE_BYTES)
        time.sleep(3 * SHORT.body_seconds)
        one.send(bytes(MESSAGE_BYTES + 1))
        with pytest.raises(websockets.ConnectionClosedError):
            one.recv(30)


def test_an_address_has_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(Patience()) as port, connected(port), connected(port), connected(port):
        with connected(port, HEAD + b"1\r\n\r\nx") as this_machine:
            assert answer(this_machine).endswith(b"1 bytes"), "whose are everybody's by a proxy"
        monkeypatch.setattr(connections, "is_loopback", lambda address: False)
        monkeypatch.setattr(connections, "_trusted", lambda given: ())
        with connected(port, HEAD + b"1\r\n\r\nx") as another:
            assert answer(another) == b""
        monkeypatch.setattr(connections, "_trusted", lambda given: {"127.0.0.1"})
        with connected(port, HEAD + b"1\r\n\r\nx") as trusted:
            assert answer(trusted).endswith(b"1 bytes")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_address_of_ipv6_is_its_network(one: str, other: str, same: bool) -> None:
    assert (network_of_address(one) == network_of_address(other)) is same
