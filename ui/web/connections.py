"""How long the web server waits for a request, how much a message may bring, and how many
connections an address may have.

uvicorn has no setting for the most of it, and Streamlit none for what it gives to uvicorn: so the
class of uvicorn's connections is told here to look after them.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import math
from dataclasses import dataclass
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from ui.web.network import network_of_address
from ui.web.origin import is_loopback

log = logging.getLogger(__name__)

MESSAGE_BYTES = 2**20
"""Of a websocket's message, which is held in memory as it comes. Streamlit has 200 MB for either
direction; the page's own are what its controls hold, some 20 kB for two hundred files."""


@dataclass(frozen=True)
class Patience:
    """For how long a connection may keep the server waiting."""

    headers_seconds: float = 20.0
    """From its beginning until the headers of its first request are whole, as in ``deploy/``."""
    body_seconds: float = 60.0
    """In each such time in which the server waits for it, a body has to bring ``body_bytes``."""
    body_bytes: int = 30_000
    """500 bytes a second, the least that Apache's mod_reqtimeout takes; a piece of an upload that
    was broken off is sent again from there."""


_DEFAULT = Patience()


def guard_connections(
    most: int,
    patience: Patience = _DEFAULT,
    protocol: type[asyncio.Protocol] = AutoHTTPProtocol,
) -> None:
    """Ends connections of ``protocol`` that stand still or send too much in a message, and those
    of an address beyond ``most``.

    The proxies that uvicorn is told to trust (``FORWARDED_ALLOW_IPS``) and this machine have as
    many as they like: theirs are everybody's. Asked for again it changes nothing.
    """
    if "guarded" in vars(protocol):
        return
    made, received = protocol.connection_made, protocol.data_received

    def connection_made(self: Any, transport: asyncio.BaseTransport) -> None:
        made(self, transport)
        self.received_bytes = 0
        self.config.ws_max_size = MESSAGE_BYTES
        if _too_many(self, most):
            self.transport.abort()
        else:
            _Watch(self, patience).look()

    def data_received(self: Any, data: bytes) -> None:
        self.received_bytes += len(data)
        received(self, data)

    for name, value in (
        ("connection_made", connection_made),
        ("data_received", data_received),
        ("guarded", True),
    ):
        setattr(protocol, name, value)


class _Watch:
    """One connection, looked at again and again until it ends or becomes a websocket, which has
    pings of its own."""

    def __init__(self, connection: Any, patience: Patience) -> None:
        self.connection, self.patience = connection, patience
        self.step = min(patience.headers_seconds, patience.body_seconds) / 4
        self.turn: object = self
        self.since, self.before = 0.0, 0

    def look(self) -> None:
        """End the connection when it has kept the server waiting for too long."""
        one, now = self.connection, self.connection.loop.time()
        if one.transport.is_closing() or one.transport.get_protocol() is not one:
            return
        turn = self._turn()
        if turn is None or turn != self.turn:
            self.turn, self.since, self.before = turn, now, one.received_bytes
        elif now - self.since >= turn[1]:
            if one.received_bytes - self.before < turn[2]:
                one.transport.abort()
                return
            self.since, self.before = now, one.received_bytes
        one.loop.call_later(self.step, self.look)

    def _turn(self) -> tuple[object, float, float] | None:
        """What the client has to send, for how long (seconds) it has not done so at the most, and
        how many bytes are enough meanwhile; None while it is the server's turn."""
        one, patience = self.connection, self.patience
        if one.cycle is None:
            return None, patience.headers_seconds, math.inf
        if one.flow.read_paused or not (one.cycle.more_body or one.cycle.response_complete):
            return None
        what = one.cycle, one.cycle.response_complete
        return what, patience.body_seconds, patience.body_bytes


def _too_many(connection: Any, most: int) -> bool:
    """Whether a connection is more than its address may have; the log says so of the first one."""
    if not connection.client:  # a socket of this machine
        return False
    address = connection.client[0]
    trusted = _trusted(str(connection.config.forwarded_allow_ips))
    if is_loopback(address) or address in trusted:
        return False
    own = network_of_address(address)
    clients = [one.client for one in connection.connections if one.client]
    count = sum(network_of_address(client[0]) == own for client in clients)
    if count == most + 1:
        log.warning(
            "connections of %s are refused: it has %d already; if that is a proxy, name it in "
            "FORWARDED_ALLOW_IPS or raise RETRACK_CONNECTIONS_PER_ADDRESS",
            address,
            most,
        )
    return count > most


@functools.cache
def _trusted(given: str) -> Any:
    """The proxies that uvicorn believes; what ``in`` is asked of."""
    return ProxyHeadersMiddleware(_nobody, given).trusted_hosts


async def _nobody(*_: Any) -> None:
    """In place of an app, which is not asked."""
