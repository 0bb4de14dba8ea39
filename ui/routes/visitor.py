"""Who a browser is: an unguessable key in a cookie, and the names and tokens made from it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "retrack_visitor"
_YEAR = 365 * 24 * 3600
_OWN_PATHS = ("/_stcore/", "/static/", "/media/", "/component/", "/files/", "/uploads/")


def visitor_name(key: str) -> str:
    """The name that tasks and folders carry for a key: not the key, which opens everything."""
    return hashlib.sha256(b"visitor:" + key.encode()).hexdigest()[:32]


def sign(secret: bytes, *parts: str) -> str:
    """A token that only this server can make for these parts (HMAC-SHA-256, 128 bits kept)."""
    return hmac.new(secret, "\0".join(parts).encode(), hashlib.sha256).hexdigest()[:32]


def signed(secret: bytes, token: str, *parts: str) -> bool:
    """Whether ``token`` was made by ``sign`` for these parts, compared in constant time."""
    return hmac.compare_digest(token.encode(), sign(secret, *parts).encode())


def cookie_key(headers: Headers) -> str | None:
    """The visitor's key that a request carries, if it looks like one of ours."""
    cookie: SimpleCookie = SimpleCookie()
    try:
        cookie.load(headers.get("cookie", ""))
    except CookieError:
        return None
    return checked_key(cookie[COOKIE].value if COOKIE in cookie else None)


def checked_key(key: str | None) -> str | None:
    """The key when it has the length and letters of one of ours, else None."""
    if key and 32 <= len(key) <= 64 and all(c.isalnum() or c in "-_" for c in key):
        return key
    return None


def new_key() -> str:
    """A fresh visitor's key (256 bits)."""
    return secrets.token_urlsafe(32)


def same_origin(headers: Headers) -> bool:
    """Whether a request comes from our own page: by Sec-Fetch-Site, or Origin against Host."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    host = headers.get("x-forwarded-host") or headers.get("host", "")
    return urlsplit(origin).netloc == host


class VisitorCookie:
    """ASGI middleware that gives a browser its key with the first page it gets."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add the cookie to a page's answer when it is missing."""
        wanted = (
            scope["type"] == "http"
            and scope["method"] == "GET"
            and not scope["path"].startswith(_OWN_PATHS)
            and cookie_key(Headers(scope=scope)) is None
        )
        if not wanted:
            await self.app(scope, receive, send)
            return
        secure = scope.get("scheme") == "https" or (
            Headers(scope=scope).get("x-forwarded-proto") == "https"
        )

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append(
                        "set-cookie",
                        f"{COOKIE}={new_key()}; Max-Age={_YEAR}; Path=/; HttpOnly; "
                        f"SameSite=Lax{'; Secure' if secure else ''}",
                    )
                    headers["cache-control"] = "no-store"
            await send(message)

        await self.app(scope, receive, send_with_cookie)
