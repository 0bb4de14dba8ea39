"""Resumable uploads to disk: tus (https://tus.io) by tuspyserver, behind a guard.

tuspyserver stores the bytes as they come. The guard in front checks what it does not:
origin, the page's token and the visitor; the size when an upload is announced, and room on
the disk then and for each piece; that nothing is sent with the announcement (it would be
read into memory whole); that only one request at a time writes a file (its lock would block
the event loop); and that bytes written by a request that died are taken back before the next
one appends.
Each visitor has a folder of their own, so an id of somebody else's is simply not found.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from tuspyserver import create_tus_router

from pipeline.submit import SPARE_BYTES
from ui.routes.visitor import cookie_key, same_origin, sign, signed, visitor_name
from ui.service import Service, get_service

log = logging.getLogger(__name__)

PREFIX = "/uploads"
URL = f"{PREFIX}/files"
"""Where the page's uploader sends to."""
TOKEN_HEADER = "x-retrack-token"  # noqa: S105 - the header's name, no secret
KEPT_SECONDS = 24 * 3600.0
"""An upload that nobody has touched for so long is removed."""
ROLES = frozenset({"dance", "reference"})
REFUSALS = {413: "too large", 429: "too much of yours waits", 507: "disk full"}
"""Why an upload is not taken, by the status that the page's uploader turns into words."""
_UID = re.compile(r"[0-9a-f]{32}")
_PARTS = ("", ".info", ".info.tmp")
"""What an upload's files have behind its id."""


@dataclass(frozen=True)
class Upload:
    """A whole upload that waits to be handed in."""

    uid: str
    path: Path
    name: str
    size: int
    role: str
    """dance or reference, as it was chosen; empty when the client did not say."""


def upload_token(service: Service, visitor: str) -> str:
    """What the page hands to its uploader and the guard wants to see."""
    return sign(service.secret, "upload", visitor)


def folder_of(service: Service, visitor: str) -> Path:
    """Where a visitor's unfinished and waiting uploads stand."""
    return service.settings.outputs / "incoming" / visitor


def find_upload(service: Service, visitor: str, uid: str) -> Upload | None:
    """A whole upload of this visitor; None when it is unknown or not yet whole."""
    if not _UID.fullmatch(uid):
        return None
    path = folder_of(service, visitor) / uid
    info = _info(path)
    if info is None or not path.is_file():
        return None
    size = path.stat().st_size
    if info.get("size") != size or info.get("offset") != size:
        return None
    given = info.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    role = metadata.get("role")
    return Upload(
        uid, path, str(metadata.get("filename") or uid), size, role if role in ROLES else ""
    )


def waiting_uploads(service: Service, visitor: str) -> list[Upload]:
    """This visitor's whole uploads that have not been handed in, in the order they came.

    Of several references the last is the one.
    """
    folder = folder_of(service, visitor)
    found = [find_upload(service, visitor, path.stem) for path in folder.glob("*.info")]
    whole = [one for one in found if one is not None and one.role]
    try:
        whole.sort(key=lambda one: one.path.stat().st_mtime_ns)
    except OSError:  # one was handed in from another page at this moment
        return []
    references = [one for one in whole if one.role == "reference"]
    return [one for one in whole if one.role == "dance"] + references[-1:]


@dataclass(frozen=True)
class Unfinished:
    """An upload that has not arrived whole: of its ``size`` (bytes) only ``sent``."""

    uid: str
    name: str
    size: int
    sent: int
    role: str


def unfinished_uploads(service: Service, visitor: str) -> list[Unfinished]:
    """This visitor's uploads that are under way or were interrupted, in no certain order."""
    found = []
    for note in folder_of(service, visitor).glob("*.info"):
        info = _info(note.with_suffix("")) or {}
        size, sent, given = (info.get(name) for name in ("size", "offset", "metadata"))
        metadata = given if isinstance(given, dict) else {}
        role = metadata.get("role")
        if isinstance(size, int) and isinstance(sent, int) and sent < size and role in ROLES:
            name = metadata.get("filename")
            found.append(Unfinished(note.stem, str(name or note.stem), size, sent, role))
    return found


def announced_bytes(service: Service, visitor: str) -> int:
    """What this visitor's waiting and unfinished uploads come to once they are whole."""
    folder = folder_of(service, visitor)
    sizes = [(_info(path.with_suffix("")) or {}).get("size") for path in folder.glob("*.info")]
    return sum(size for size in sizes if isinstance(size, int))


def remove_upload(service: Service, visitor: str, uid: str) -> None:
    """Take an upload and its note from the disk."""
    if _UID.fullmatch(uid):
        path = folder_of(service, visitor) / uid
        path.unlink(missing_ok=True)
        path.with_name(f"{uid}.info").unlink(missing_ok=True)


def remove_stale(service: Service) -> int:
    """Remove uploads that nobody has touched for a day; gives how many. What has no name of
    ours is not ours."""
    removed = 0
    for path in (service.settings.outputs / "incoming").glob("*/*"):
        if not _is_ours(path):
            continue
        try:
            if path.is_file() and time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()
                removed += path.suffix == ""
        except OSError as error:
            log.warning("cannot remove the old upload %s: %s", path, error)
    return removed


def _is_ours(path: Path) -> bool:
    """Whether a file has the name of an upload's, in a visitor's own folder."""
    visitor = path.parent
    named = _UID.fullmatch(path.name[:32]) and path.name[32:] in _PARTS
    known = _UID.fullmatch(visitor.name) or visitor.name == "everyone"
    return bool(named and known) and not visitor.is_symlink()


def _info(path: Path) -> dict[str, Any] | None:
    try:
        info = json.loads(path.with_name(f"{path.name}.info").read_bytes())
    except (OSError, ValueError):
        return None
    return info if isinstance(info, dict) else None


class Guard:
    """ASGI middleware around the tus routes; see the module's docstring."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._writing: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with a status that the client understands, or pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        service, headers = get_service(), Headers(scope=scope)
        key = cookie_key(headers)
        visitor = visitor_name(key) if key else ""
        token = headers.get(TOKEN_HEADER, "")
        if not same_origin(headers) or not visitor:
            await _refuse(403, "not from this page")(scope, receive, send)
        elif not signed(service.secret, token, "upload", visitor):
            await _refuse(403, "the token is missing or wrong")(scope, receive, send)
        elif "x-http-method-override" in headers or "upload-concat" in headers:
            await _refuse(400, "not supported here")(scope, receive, send)
        else:
            scope["visitor"] = visitor
            await self._pass(service, visitor, headers, scope, receive, send)

    async def _pass(
        self,
        service: Service,
        visitor: str,
        headers: Headers,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        method, uid = scope["method"], scope["path"].rstrip("/").rpartition("/")[2]
        if method == "POST":
            if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
                await _refuse(413, "announce first, then send")(scope, receive, send)
                return
            try:
                length = int(headers.get("upload-length", ""))
            except ValueError:
                await _refuse(400, "Upload-Length is missing")(scope, receive, send)
                return
            status = await anyio.to_thread.run_sync(_room, service, visitor, length)
            if status:
                await _refuse(status, REFUSALS[status])(scope, receive, send)
                return
            await self.app(scope, receive, send)
        elif method in {"PATCH", "DELETE"}:
            if method == "PATCH" and not await anyio.to_thread.run_sync(_fits, service, headers):
                await _refuse(507, "disk full")(scope, receive, send)
                return
            place = f"{visitor}/{uid}"
            if place in self._writing:
                await _refuse(423, "another request writes this file")(scope, receive, send)
                return
            self._writing.add(place)
            try:
                path = folder_of(service, visitor) / uid
                if method == "PATCH" and _UID.fullmatch(uid):
                    await anyio.to_thread.run_sync(_take_back, path)
                await self.app(scope, receive, send)
            finally:
                self._writing.discard(place)
        else:
            await self.app(scope, receive, send)


def _refuse(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(text, status_code=status, headers={"tus-resumable": "1.0.0"})


def _room(service: Service, visitor: str, length: int) -> int:
    """0, or the status that says why an upload of this length (bytes) is not taken."""
    if not 0 <= length <= service.settings.max_upload_mb * 1024 * 1024:
        return 413
    most = service.settings.uploads_gb_per_visitor * 1024**3
    if announced_bytes(service, visitor) + length > most:
        return 429
    service.settings.outputs.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(service.settings.outputs).free
    # The results need about as much again.
    return 507 if free < 2 * length + SPARE_BYTES else 0


def _fits(service: Service, headers: Headers) -> bool:
    """Whether the disk has room for a piece: tuspyserver answers a write that failed as one that
    went well and wrote nothing, which the page would send again and again."""
    length = headers.get("content-length", "0")
    free = shutil.disk_usage(service.settings.outputs).free
    return free >= (int(length) if length.isdecimal() else 0) + SPARE_BYTES


def _take_back(path: Path) -> None:
    """Cut off bytes that are beyond the noted offset: the request that wrote them died."""
    info = _info(path)
    offset = info.get("offset") if info else None
    if isinstance(offset, int) and path.is_file() and path.stat().st_size > offset:
        with path.open("r+b") as file:
            file.truncate(offset)


def _visitor_folder(request: Request) -> Callable[[dict[str, Any]], Any]:
    folder = folder_of(get_service(), request.scope["visitor"])
    return lambda metadata: {"files_dir": str(folder)}


def _before_create(request: Request) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def check(metadata: dict[str, Any], info: dict[str, Any]) -> None:
        if len(str(metadata.get("filename", ""))) > 1000:
            raise HTTPException(400, "the file's name is too long")

    return check


def upload_routes(max_bytes: int) -> list[BaseRoute]:
    """The mounted tus server; ``max_bytes`` is the largest file."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(
        create_tus_router(
            prefix="files",
            files_dir="unused",  # every visitor has a folder: see file_dep
            max_size=max_bytes,
            days_to_keep=1,
            file_dep=_visitor_folder,
            pre_create_dep=_before_create,
            strict_offset_validation=True,
        )
    )
    return [Mount(PREFIX, app=Guard(app))]
