"""A file as an answer, with ranges: from the disk, or else from the bucket as it is read.

Where browsers reach the bucket, players and downloads are sent there by a link of some minutes.
Each request makes a new one, after its route has seen who asks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from files.errors import StorageError
from files.place import Place
from ui.service import Service

_FOLLOW = frozenset(
    {("no-cors", "video"), ("no-cors", "audio"), ("navigate", "empty"), ("navigate", "document")}
)
"""``Sec-Fetch-Mode`` and ``-Dest`` of players and downloads. A script's own request would need the
bucket to allow it (CORS), and so would a player whose sound Web Audio mixes, which asks as a script
does; the page's policy lets no pictures in from elsewhere."""


def link_origin(service: Service) -> str:
    """Where players and downloads may be sent; empty where they are not."""
    return service.store.files.link_origin if service.settings.storage_public else ""


def _follows(service: Service, request: Request) -> bool:
    """Whether who asks is to be sent to the bucket: the link is good for GET only."""
    asks = (request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest"))
    return service.settings.storage_public and request.method == "GET" and asks in _FOLLOW


async def placed(
    service: Service,
    request: Request,
    path: Path,
    headers: Mapping[str, str],
    media_type: str,
    filename: str | None,
) -> Response:
    """The answer with a file, as a download under ``filename``; 404 for one that is nowhere, and
    503 while the bucket cannot be asked. Who asks is known to be allowed the file."""
    place = service.store.files
    if _follows(service, request):
        name = f"attachment; filename*=utf-8''{quote(filename)}" if filename else None
        with suppress(StorageError):  # perhaps it is on this disk
            if link := await anyio.to_thread.run_sync(place.link, path, media_type, name):
                return RedirectResponse(link, 307, headers={**headers, "cache-control": "no-store"})
    if await anyio.to_thread.run_sync(path.is_file):
        return FileResponse(path, media_type=media_type, filename=filename, headers=headers)
    try:
        about = await anyio.to_thread.run_sync(place.stat, path)
    except StorageError:
        text = "the file cannot be reached just now"
        return PlainTextResponse(text, 503, headers={**headers, "retry-after": "10"})
    if about is None:
        return PlainTextResponse("not found", 404, headers=headers)
    return _Placed(
        place,
        path,
        media_type=media_type,
        filename=filename,
        headers=headers,
        stat_result=about,
    )


class _Placed(FileResponse):
    """Starlette's answer with a file, of one that is opened elsewhere."""

    def __init__(self, place: Place, path: Path, **given: Any) -> None:
        super().__init__(path, **given)
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # No server can send by itself what is not on the disk ("http.response.pathsend").
        await super().__call__({**scope, "extensions": {}}, receive, send)

    @asynccontextmanager
    async def _open_file(self) -> AsyncIterator[anyio.AsyncFile[bytes]]:
        file = await anyio.to_thread.run_sync(self._place.open, Path(self.path))
        try:
            yield anyio.wrap_file(file)
        finally:
            file.close()
