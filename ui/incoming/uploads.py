"""Resumable uploads to disk: tus (https://tus.io) by tuspyserver, behind a guard.

tuspyserver stores the bytes as they come. The guard in front checks what it does not:
origin, the page's token and the visitor; that an id is one; that an upload's length is given when
it is announced, once and for all, and that there is space for it (``limits.py``); that nothing is
sent with the announcement (it would be read into memory whole); that the disk has space while a
piece is written; that only one request at a time writes a file (its lock would block the event
loop); and that bytes written by a request that died or was refused are taken back.
Each visitor has a folder of their own, so an id of somebody else's is simply not found.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from tuspyserver import create_tus_router

from pipeline.tasks.submit import NOTE_SUFFIX
from ui.incoming import checksum, limits
from ui.incoming.proxied import OVERRIDE, as_meant, named
from ui.service import Service, get_service
from ui.web.origin import describe_refusal, same_origin
from ui.web.visitor import cookie_key, sign, signed, visitor_name

log = logging.getLogger(__name__)

PREFIX, _FOLDER = "/uploads", "files"
URL = f"{PREFIX}/{_FOLDER}"
"""Where the page's uploader sends to."""
TOKEN_HEADER = "x-retrack-token"  # noqa: S105 - the header's name, no secret
KEPT_SECONDS = 24 * 3600.0
"""An upload that nobody has touched for so long is removed."""
ROLES = frozenset({"dance", "reference"})
_MAX_METADATA_BYTES = 8 * 1024
"""Bytes of an announcement's metadata: a file's name, and two words."""
_MAX_NAME_LETTERS = 1000
_UID = re.compile(r"[0-9a-f]{32}")
_PARTS = ("", ".info", ".info.tmp", NOTE_SUFFIX, f"{NOTE_SUFFIX}.tmp")
"""What an upload's files have behind its id."""
_LENGTH = re.compile(r"-?[0-9]{1,18}")
_NOT_TAKEN = (OVERRIDE, "upload-concat", "upload-defer-length")


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
    return limits.incoming(service) / visitor


def find_upload(service: Service, visitor: str, uid: str) -> Upload | None:
    """A whole upload of this visitor; None when it is unknown or not yet whole."""
    if not _UID.fullmatch(uid):
        return None
    path = folder_of(service, visitor) / uid
    info = limits.note_of(path)
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
        info = limits.note_of(note.with_suffix("")) or {}
        size, sent, given = (info.get(name) for name in ("size", "offset", "metadata"))
        metadata = given if isinstance(given, dict) else {}
        role = metadata.get("role")
        if isinstance(size, int) and isinstance(sent, int) and sent < size and role in ROLES:
            name = metadata.get("filename")
            found.append(Unfinished(note.stem, str(name or note.stem), size, sent, role))
    return found


def remove_upload(path: Path) -> None:
    """Take an upload and its notes from the disk."""
    for part in _PARTS:
        path.with_name(f"{path.name}{part}").unlink(missing_ok=True)


def remove_stale(service: Service) -> int:
    """Remove uploads that nobody has touched for a day; gives how many. What has no name of
    ours is not ours."""
    removed = 0
    for path in limits.incoming(service).glob("*/*"):
        if not _is_ours(path):
            continue
        try:
            if path.is_file() and time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()
                removed += path.suffix == ""
        except OSError as error:
            log.warning("cannot remove the old upload %s: %s", path, error)
    _remove_stale_locks(limits.incoming(service))
    return removed


def _is_ours(path: Path) -> bool:
    """Whether a file has the name of an upload's, in a visitor's own folder."""
    visitor = path.parent
    named = _UID.fullmatch(path.name[:32]) and path.name[32:] in _PARTS
    known = _UID.fullmatch(visitor.name) or visitor.name == "everyone"
    return bool(named and known) and not visitor.is_symlink()


def _remove_stale_locks(folder: Path) -> None:
    """Remove what tuspyserver leaves of uploads that are gone, and visitors' empty folders."""
    for visitor in folder.glob("*"):
        if not _UID.fullmatch(visitor.name) or visitor.is_symlink():
            continue
        locks = visitor / ".locks"
        old = [path for path in locks.glob("*") if _UID.fullmatch(path.name[:32])]
        with contextlib.suppress(OSError):  # gone already, or a folder that is not empty
            for path in [*old, locks, visitor]:
                if time.time() - path.lstat().st_mtime > KEPT_SECONDS:
                    path.unlink() if path in old else path.rmdir()


class Guard:
    """ASGI middleware around the tus routes; see the module's docstring."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._writing: set[str] = set()
        self._announcing = anyio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with a status that the client understands, or pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        send, scope = named(scope, send), as_meant(scope)
        service, headers = get_service(), Headers(scope=scope)
        key = cookie_key(headers, service)
        visitor = visitor_name(key) if key else ""
        token = headers.get(TOKEN_HEADER, "")
        folder, _, below = scope["path"].removeprefix(scope["root_path"]).strip("/").partition("/")
        if folder != _FOLDER:
            await _refuse(404, "not found")(scope, receive, send)
        elif not same_origin(scope, service.settings.public_url):
            log.warning("an upload was refused (403): %s", describe_refusal(headers))
            await _refuse(403, "not from this page")(scope, receive, send)
        elif not visitor or not signed(service.secret, token, "upload", visitor):
            await _refuse(403, "the cookie or the token is missing or wrong")(scope, receive, send)
        elif below and not _UID.fullmatch(below):
            await _refuse(404, "not found")(scope, receive, send)
        elif any(name in headers for name in _NOT_TAKEN):
            await _refuse(400, "not supported here")(scope, receive, send)
        elif scope["method"] == "POST":
            scope["visitor"] = visitor
            async with self._announcing:  # or many at once would each find the same space
                await self._announce(service, visitor, headers, scope, receive, send)
        else:
            scope["visitor"] = visitor
            await self._pass(folder_of(service, visitor) / below, service, scope, receive, send)

    async def _announce(
        self,
        service: Service,
        visitor: str,
        headers: Headers,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        length = headers.get("upload-length", "")
        status = 0
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            await _refuse(413, "announce first, then send")(scope, receive, send)
        elif not _LENGTH.fullmatch(length):
            await _refuse(400, "Upload-Length is missing or no number")(scope, receive, send)
        elif len(headers.get("upload-metadata", "")) > _MAX_METADATA_BYTES:
            await _refuse(400, "the metadata is too long")(scope, receive, send)
        elif status := await anyio.to_thread.run_sync(
            limits.refusal, service, visitor, int(length)
        ):
            await _refuse(status, limits.REFUSALS[status])(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _pass(
        self, path: Path, service: Service, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["method"] not in {"PATCH", "DELETE"}:
            await self.app(scope, receive, send)
        elif str(path) in self._writing:
            await _refuse(423, "another request writes this file")(scope, receive, send)
        else:
            self._writing.add(str(path))
            try:
                if scope["method"] == "PATCH":
                    await self._write(path, service, scope, receive, send)
                else:
                    await self.app(scope, receive, send)
                    path.with_suffix(NOTE_SUFFIX).unlink(missing_ok=True)
            finally:
                self._writing.discard(str(path))

    async def _write(
        self, path: Path, service: Service, scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = Headers(scope=scope)
        note = await anyio.to_thread.run_sync(_truncate_to_offset, path)
        size, offset = (note.get("size"), note.get("offset")) if note else (None, None)
        length = headers.get("content-length")
        if length is not None and not _LENGTH.fullmatch(length):
            await _refuse(400, "Content-Length is no number")(scope, receive, send)
        elif not isinstance(size, int) or not isinstance(offset, int):
            # One whose length was to follow is of an earlier release; its page announces anew.
            await _refuse(404, "not found")(scope, receive, send)
        elif "upload-length" in headers:
            await _refuse(400, "the length was told already")(scope, receive, send)
        elif not checksum.is_known(sums := headers.getlist(checksum.HEADER)):
            await _refuse(400, "not a checksum that is known")(scope, receive, send)
        elif not await anyio.to_thread.run_sync(limits.has_space, service, int(length or 0)):
            await _refuse(507, limits.REFUSALS[507])(scope, receive, send)
        else:
            if length is None:  # chunked: tuspyserver wants the header, and reads to the end
                scope = {**scope, "headers": [*scope["headers"], (b"content-length", b"0")]}
            body = checksum.checked(limits.counted(receive, service, size - offset), sums)
            try:
                await self.app(scope, body, send)
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(_truncate_to_offset, path)


def _refuse(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(text, status_code=status)


def _truncate_to_offset(path: Path) -> dict[str, Any] | None:
    """Cut off bytes beyond the noted offset, whose request died or was refused; gives the note."""
    info = limits.note_of(path)
    offset = info.get("offset") if info else None
    if isinstance(offset, int) and path.is_file() and path.stat().st_size > offset:
        with path.open("r+b") as file:
            file.truncate(offset)
    return info


def _visitor_folder(request: Request) -> Callable[[dict[str, Any]], Any]:
    folder = folder_of(get_service(), request.scope["visitor"])
    return lambda metadata: {"files_dir": str(folder)}


def _before_create(request: Request) -> Callable[[dict[str, Any], dict[str, Any]], None]:
    def check(metadata: dict[str, Any], info: dict[str, Any]) -> None:
        if len(str(metadata.get("filename", ""))) > _MAX_NAME_LETTERS:
            raise HTTPException(400, "the file's name is too long")

    return check


async def _not_stored(request: Request, error: Exception) -> Response:
    """Others may have filled the disk since there was space, which tuspyserver calls an error of
    the server."""
    failure = error.__context__ if isinstance(error, HTTPException) else error
    if isinstance(failure, OSError) and failure.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _refuse(507, limits.REFUSALS[507])
    if isinstance(error, HTTPException):
        return await http_exception_handler(request, error)
    raise error


def upload_routes(max_bytes: int) -> list[BaseRoute]:
    """The mounted tus server; ``max_bytes`` is the largest file."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for kind in (OSError, HTTPException):
        app.add_exception_handler(kind, _not_stored)
    app.include_router(
        create_tus_router(
            prefix=_FOLDER,
            files_dir="unused",  # every visitor has a folder: see file_dep
            max_size=max_bytes,
            days_to_keep=1,
            file_dep=_visitor_folder,
            pre_create_dep=_before_create,
            strict_offset_validation=True,
        )
    )
    return [Mount(PREFIX, app=Guard(app))]
