"""Who a browser is: a key that this server made, in a cookie, and the names made from it.

What a browser holds is the key, a dot and this server's signature. A key begins with the network
that asked for it, and so does the visitor's name: a new key costs a look at the page, so what one
person may take is counted by network as well (``pipeline.visitors``).

Releases before took any 32 letters for a key: such a key still counts when something here is owned
by its name, which nobody can invent a key for, and the browser then gets its signature.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.visitors import NETWORK_LETTERS
from ui.service import Service, get_service
from ui.web.network import network_of_address
from ui.web.origin import is_loopback

COOKIE = "retrack_visitor"
_KEY = re.compile(rf"(?:([0-9a-f]{{{NETWORK_LETTERS}}})~)?[A-Za-z0-9_-]{{32,64}}")
_YEAR_SECONDS = 365 * 24 * 3600
_NO_PAGE = re.compile(r"/(_stcore|static|media|component|files|share|uploads)/")
"""What no page's address has in it, under whatever path the page stands."""


def visitor_name(key: str) -> str:
    """The name that tasks and folders carry for a key: not the key, which opens everything."""
    found = _KEY.fullmatch(key)
    network = (found and found[1]) or ""
    return (network + hashlib.sha256(b"visitor:" + key.encode()).hexdigest())[:32]


def sign(secret: bytes, *parts: str) -> str:
    """A token that only this server can make for these parts (HMAC-SHA-256, 128 bits kept)."""
    return hmac.new(secret, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:32]


def signed(secret: bytes, token: str, *parts: str) -> bool:
    """Whether ``token`` was made by ``sign`` for these parts, compared in constant time."""
    return hmac.compare_digest(token.encode(), sign(secret, *parts).encode())


def cookie_key(headers: Headers, service: Service) -> str | None:
    """The visitor's key that a request carries, if it is one of ours."""
    found = (checked_key(value, service) for value in cookie_values(headers))
    return next((key for key in found if key is not None), None)


def cookie_values(headers: Headers) -> list[str]:
    """What a request carries in the visitor's cookie, whatever it is: there may be several, of
    servers that stand under different paths of one host."""
    named = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return [value for name, _, value in named if name == COOKIE]


def checked_key(given: str | None, service: Service) -> str | None:
    """The key in what a browser sent when this server made it, or an earlier release; else None."""
    if not isinstance(given, str):
        return None
    key, _, signature = given.partition(".")
    if not _KEY.fullmatch(key):
        return None
    ours = signed(service.secret, signature, "visitor", key)
    return key if ours or visitor_name(key) in service.earlier else None


def new_key(address: str = "", secret: bytes = b"") -> str:
    """A fresh visitor's key (256 bits), asked for from an address.

    The address cannot be read from it. That of this machine is left out: before a proxy that does
    not say whom it asks for, it is everybody's.
    """
    if not address or is_loopback(address):
        return secrets.token_urlsafe(32)
    network = sign(secret, "network", network_of_address(address))[:NETWORK_LETTERS]
    return f"{network}~{secrets.token_urlsafe(32)}"


def signed_key(key: str, secret: bytes) -> str:
    """What a browser is given for a key."""
    return f"{key}.{sign(secret, 'visitor', key)}"


class VisitorCookie:
    """ASGI middleware that gives a browser its key with the first page it gets."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the cookie to a page's answer when it is missing or unsigned."""
        wanted = (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and not _NO_PAGE.search(scope["path"])
        )
        if not wanted:
            await self.app(scope, receive, send)
            return
        service, headers = get_service(), Headers(scope=scope)
        address, _ = scope.get("client") or ("", 0)
        key = cookie_key(headers, service) or new_key(address, service.secret)
        cookie = signed_key(key, service.secret)
        if cookie in cookie_values(headers):
            await self.app(scope, receive, send)
            return
        secure = (
            scope.get("scheme") == "https"
            or headers.get("x-forwarded-proto") == "https"
            or service.settings.public_url.startswith("https:")
        )

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                if answer.get("content-type", "").startswith("text/html"):
                    # Without a Path it is for the folder that the browser asked in (RFC 6265,
                    # 5.1.4), which a proxy may have taken from the address that we see.
                    answer.append(
                        "set-cookie",
                        f"{COOKIE}={cookie}; Max-Age={_YEAR_SECONDS}; HttpOnly; "
                        f"SameSite=Lax{'; Secure' if secure else ''}",
                    )
                    answer["cache-control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_with_cookie)
