"""Several results as one ZIP, written as it is sent: nothing is compressed or kept."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlencode

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from files.place import Place
from ui.routes.files import HEADERS, allowed, file_path
from ui.service import Service, get_service
from ui.web.visitor import sign, signed
from ui.words.names import download_name

MAX_TASKS = 200
"""So many fit into an address."""
_CHUNK_BYTES = 256 * 1024


class _Outlet(io.RawIOBase):
    """A file for ``zipfile`` that only goes forward and hands out what was written."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._waiting.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data


def stream_zip(place: Place, files: list[tuple[str, Path]]) -> Iterator[bytes]:
    """The bytes of a ZIP with these (name, path), uncompressed, a chunk at a time."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, path in files:
            about = place.stat(path)
            if about is None:
                continue
            info = zipfile.ZipInfo(name, time.localtime(about.st_mtime)[:6])
            info.external_attr = (0o100644 & 0xFFFF) << 16
            with place.open(path) as source, archive.open(info, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield outlet.take()
    yield outlet.take()


def bundle_url(service: Service, ids: Sequence[str], *, link: bool = False) -> str:
    """The address of a ZIP of these tasks' results; ``link`` as for ``file_url``."""
    query = {"ids": ",".join(ids)}
    if link:
        query["t"] = sign(service.secret, "bundle", query["ids"])
    return f"files/bundle?{urlencode(query)}"


async def serve_bundle(request: Request) -> Response:
    """``GET /files/bundle?ids=a,b``: the result of each task that the visitor may see."""
    service = get_service()
    given = request.query_params.get("ids", "")
    ids = list(dict.fromkeys(given.split(",")))[:MAX_TASKS]
    linked = signed(service.secret, request.query_params.get("t", ""), "bundle", given)

    def find() -> list[tuple[str, Path]]:
        files: list[tuple[str, Path]] = []
        names: set[str] = set()
        for task_id in ids:
            task = service.task(task_id)
            if task is None or not (linked or allowed(service, task, request)):
                continue
            path = file_path(service, task, task.best) if task.best else None
            if task.best and path is not None:
                name = download_name(task, task.best, path.suffix)
                name = name if name not in names else f"{task.id[:8]}_{name}"
                names.add(name)
                files.append((name, path))
        return files

    files = await anyio.to_thread.run_sync(find)
    if not files:
        return PlainTextResponse("not found", status_code=404, headers=HEADERS)
    headers = {**HEADERS, "content-disposition": 'attachment; filename="retrack.zip"'}
    stream = stream_zip(service.store.files, files)
    return StreamingResponse(stream, media_type="application/zip", headers=headers)


ROUTES = [Route("/files/bundle", serve_bundle, methods=["GET"])]
