"""How an upload gets through a proxy that takes methods or paths away.

A method that it does not let through comes as a POST that names it (``X-HTTP-Method-Override``, as
tus 1.0.0 has it), and is that method from here on. Each answer names the protocol, by which the
page knows it from a proxy's own, and a new upload's address is relative to the one that was asked:
only the browser knows all of it.
"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Scope, Send

from ui.incoming.checksum import ALGORITHMS

OVERRIDE = "x-http-method-override"
_METHODS = frozenset({"PATCH", "DELETE", "OPTIONS"})
"""What a POST may stand for: whatever the page's uploader uses and proxies refuse."""
_TUS_VERSION = "1.0.0"
_CREATED = 201
_EXTENSIONS = "creation,expiration,termination,checksum"
"""What there is for whoever asks; tuspyserver names some that are refused here."""


def as_meant(scope: Scope) -> Scope:
    """A request with the method that it stands for; one that names any other keeps the header."""
    meant = Headers(scope=scope).get(OVERRIDE, "")
    if scope["method"] != "POST" or meant not in _METHODS:
        return scope
    kept = [item for item in scope["headers"] if item[0] != OVERRIDE.encode()]
    return {**scope, "method": meant, "headers": kept}


def named(scope: Scope, send: Send) -> Send:
    """``send`` with the protocol's name and a relative Location in every answer."""
    folder = scope["path"].rpartition("/")[2]  # empty where the address ends with a slash

    async def send_named(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["tus-resumable"] = _TUS_VERSION
            if "tus-extension" in headers:
                headers["tus-extension"] = _EXTENSIONS
                headers["tus-checksum-algorithm"] = ",".join(ALGORITHMS)
            if message["status"] == _CREATED:
                uid = headers["location"].rpartition("/")[2]
                headers["location"] = f"{folder}/{uid}" if folder else uid
        await send(message)

    return send_named
