"""Who gets in at all: the middleware in front of the page's and Streamlit's own routes.

It notes the first request that is not of this machine (the tasks are private from then on),
answers 404 for what Streamlit offers and the page does not use, leaves out what its websocket would
answer besides, and judges the origin of a
websocket before Streamlit does: Streamlit would look up its own address on the internet inside
the event loop, and takes every page of ``localhost`` for its own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.incoming import stock
from ui.service import Service, get_service
from ui.web.network import network_of_address
from ui.web.origin import describe_refusal, host_name, is_local, same_origin
from ui.web.pace import Pace
from ui.web.visitor import cookie_key, visitor_name

log = logging.getLogger(__name__)

_STREAMLITS = re.compile(
    r"(?:^|/)((?:static|_stcore|media|component|app/static|auth|oauth2callback)(?:/.*)?)$",
    re.DOTALL,
)
"""Streamlit's part of a path, whatever ``server.baseUrlPath`` stands before it."""
_USED = re.compile(r"static(/.*)?|media/.+|_stcore/(health|host-config)", re.DOTALL)
_SOCKET = "_stcore/stream"
_LOGIN = re.compile(r"auth/(login|logout)|oauth2callback")
_UPLOAD = re.compile(r"_stcore/upload_file/([^/]+)/([^/]+)")


class Access:
    """ASGI middleware, the outermost; see the module's docstring.

    ``login`` says whether people can log in, which opens Streamlit's routes for it; ``used``
    whether a page of ours sends such a message.
    """

    def __init__(
        self, app: ASGIApp, login: Callable[[], bool], used: Callable[[bytes], bool]
    ) -> None:
        self.app = app
        self.login = login
        self.used = used
        self.pace = Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        service, headers = get_service(), Headers(scope=scope)
        note_request(service, scope, headers)
        status = self._status(service, scope, headers)
        if status:
            await _refuse(status, scope, receive, send)
            return
        if scope["type"] == "websocket":
            key, client = cookie_key(headers, service), scope.get("client") or ("", 0)
            visitor = visitor_name(key) if key else ""
            paced = self.pace.kept(
                receive, f"address {network_of_address(client[0])}", f"visitor {visitor}"
            )
            receive = self._used_only(paced)
            await self.app(_with_own_host(scope, headers), receive, send)
        elif upload := _UPLOAD.fullmatch(_streamlits(scope["path"])):
            await stock.pass_upload(service, upload[1], upload[2], self.app, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _used_only(self, receive: Receive) -> Receive:
        async def next_message() -> Message:
            while True:
                message = await receive()
                if message["type"] != "websocket.receive" or self.used(message.get("bytes") or b""):
                    return message

        return next_message

    def _status(self, service: Service, scope: Scope, headers: Headers) -> int:
        """0, or the status by which a request is refused."""
        try:
            host_name(headers.get("host", ""))
            host_name(headers.get("x-forwarded-host", "").partition(",")[0].strip())
        except ValueError:
            return 400
        part = _streamlits(scope["path"])
        if scope["type"] == "websocket":
            if part != _SOCKET:
                return 404
            if same_origin(scope, service.settings.public_url):
                return 0
            log.warning("a websocket was refused (403): %s", describe_refusal(headers))
            return 403
        return 0 if not part or self._used(service, part) else 404

    def _used(self, service: Service, part: str) -> bool:
        upload = _UPLOAD.fullmatch(part)
        if upload is not None:
            return upload[1] in service.stock_uploads
        return bool(_USED.fullmatch(part)) or (bool(_LOGIN.fullmatch(part)) and self.login())


def _streamlits(path: str) -> str:
    found = _STREAMLITS.search(path)
    return found[1] if found else ""


def of_this_machine(scope: Scope, headers: Headers) -> bool:
    """Whether a request was made on this machine, as far as it shows.

    No browser speaks HTTP/1.0, but a proxy may, as nginx does unless it is configured.
    """
    client = scope.get("client")
    return scope.get("http_version") != "1.0" and is_local(client[0] if client else None, headers)


def note_request(service: Service, scope: Scope, headers: Headers) -> None:
    """Make the tasks private when a request is not of this machine."""
    if not of_this_machine(scope, headers):
        service.expose(f"Host {headers.get('host', '')!r}")


def _with_own_host(scope: Scope, headers: Headers) -> Scope:
    """The handshake as Streamlit accepts it: with the Host that its Origin names.

    The Origin stays, since Streamlit compares it with that of the login's ``redirect_uri``.
    """
    origin = headers.get("origin")
    if origin is None:
        return scope
    scope = {**scope, "headers": list(scope["headers"])}
    MutableHeaders(scope=scope)["host"] = urlsplit(origin).netloc
    return scope


async def _refuse(status: int, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":  # the server turns a close before the accept into a 403
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    text = {400: "bad request", 403: "not from this page", 404: "not found"}[status]
    await PlainTextResponse(text, status_code=status)(scope, receive, send)
