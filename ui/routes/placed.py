"""A file as an answer, with ranges: from the disk, or else from the bucket as it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from files.errors import StorageError
from files.place import Place


async def placed(
    place: Place, path: Path, headers: Mapping[str, str], media_type: str, filename: str | None
) -> Response:
    """The answer with a file, as a download under ``filename``; 404 for one that is nowhere, and
    503 while the bucket cannot be asked."""
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
