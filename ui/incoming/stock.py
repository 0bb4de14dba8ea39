"""Streamlit's own upload route, which keeps files in memory: open to few, and counted.

Only a session to which the stock uploader is shown may use it. What it holds counts like any
upload of its visitor, and there has to be memory for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ui.incoming import limits
from ui.service import StockUploads
from ui.web.memory import free_memory

if TYPE_CHECKING:
    from ui.service import Service

SPARE_MEMORY_BYTES = 500 * 1024**2
"""Memory that the stock uploader leaves to everything else."""


async def pass_upload(
    service: Service,
    session: str,
    file: str,
    app: ASGIApp,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Pass a request of a known session on to Streamlit, if there is memory for it."""
    held = service.stock_uploads[session]
    if scope["method"] == "DELETE":
        held.sizes.pop(file, None)
    elif scope["method"] == "PUT":
        length = Headers(scope=scope).get("content-length", "")
        status = await anyio.to_thread.run_sync(_status, service, held, file, length)
        if status:
            await PlainTextResponse(limits.REFUSALS[status], status)(scope, receive, send)
            return
        held.sizes[file] = int(length)  # at once: another request may come before this one's end
    await app(scope, receive, send)


def _status(service: Service, held: StockUploads, file: str, length: str) -> int:
    """0, or the status that says why an upload (bytes) is not taken."""
    if not length.isdecimal():
        return 411
    others = [size for name, size in held.sizes.items() if name != file]
    status = limits.refusal(service, held.visitor, int(length), others)
    return 507 if not status and int(length) > largest() else status


def largest() -> int:
    """The largest file (bytes) that the memory bears now: while it arrives, Streamlit holds it
    twice, the form and the bytes read from it."""
    return max(0, free_memory() - SPARE_MEMORY_BYTES) // 2
