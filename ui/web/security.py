"""What every answer tells the browser not to do: guess its type, run what is not ours, tell other
sites where the visitor came from, show the page in a foreign frame.

Answers that carry a stricter line of their own (files, shared films) keep it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.util import find_spec
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


def page_policy(framed_by: str, media_from: str) -> str:
    """The Content-Security-Policy of Streamlit's page, which the sites in ``framed_by`` (separated
    by spaces) may show in a frame, and which plays films from ``media_from`` as well.

    Vega compiles its charts (``unsafe-eval``), Streamlit loads our components' scripts from
    ``blob:``, and writes styles into elements; an inline script or handler that is not in
    Streamlit's own ``index.html`` does not run.
    """
    scripts = " ".join(f"'sha256-{one}'" for one in _inline_scripts())
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: 'unsafe-eval' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            f"media-src 'self' data: blob: {media_from}".rstrip(),
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors 'self' {framed_by}".rstrip(),
        )
    )


def _inline_scripts() -> list[str]:
    """The hashes of the scripts that stand in Streamlit's page itself."""
    spec = find_spec("streamlit")
    if spec is None or spec.origin is None:
        raise RuntimeError("Streamlit is not installed as files")
    page = (Path(spec.origin).parent / "static" / "index.html").read_text("utf-8")
    found = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    return [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in found]


class SecurityHeaders:
    """ASGI middleware, outside of all others; see the module's docstring."""

    def __init__(self, app: ASGIApp, framed_by: str = "", media_from: str = "") -> None:
        self.app = app
        self.headers = {
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "content-security-policy": page_policy(framed_by, media_from),
            "cache-control": "private, no-cache",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; add what its answer does not say itself."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                given = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    given.setdefault(name, value)
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        except Exception:
            if not started:  # Starlette would answer outside of all middleware
                failed = PlainTextResponse("the server failed; its log says why", 500)
                await failed(scope, receive, send_with_headers)
            raise
