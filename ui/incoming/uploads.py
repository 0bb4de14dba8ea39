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

import logging
import re
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
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tuspyserver import create_tus_router

from ui.incoming import checksum, limits
from ui.incoming.proxied import OVERRIDE, as_meant, named
from ui.incoming.taking import FULL, is_whole, remove_upload, take, whole_path
from ui.service import Service, get_service
from ui.web.origin import describe_refusal, same_origin
from ui.web.visitor import cookie_key, sign, signed, visitor_name

log = logging.getLogger(__name__)

PREFIX, _FOLDER = "/uploads", "files"
URL = f"{PREFIX}/{_FOLDER}"
"""Where the page's uploader sends to."""
TOKEN_HEADER = "x-retrack-token"  # noqa: S105 - the header's name, no secret
ROLES = frozenset({"dance", "reference"})
_MAX_METADATA_BYTES = 8 * 1024
"""Bytes of an announcement's metadata: a file's name, and two words."""
_MAX_NAME_LETTERS = 1000
_UID = re.compile(r"[0-9a-f]{32}")
_LENGTH = re.compile(r"-?[0-9]{1,18}")
TAKEN_AT_ONCE = 4
"""Uploads of which a bucket is sent a part at one time: each has its part in memory."""
_NOT_TAKEN = (OVERRIDE, "upload-concat", "upload-defer-length")


@dataclass(frozen=True)
class Upload:
    """A whole upload that waits to be handed in."""

    uid: str
    path: Path
    """Where it is, perhaps in the bucket alone (``Place.fetch``)."""
    name: str
    size: int
    role: str
    """dance or reference, as it was chosen; empty when the client did not say."""

    @property
    def waits(self) -> bool:
        """Whether it has been neither handed in nor removed meanwhile."""
        # With its bytes in the bucket, what is here is the file that they came to.
        return self.path.is_file() or self.path.with_suffix("").is_file()


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
    if info is None or not is_whole(service, path, info):
        return None
    given = info.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    role, name = metadata.get("role"), str(metadata.get("filename") or uid)
    whole = whole_path(service, path)
    return Upload(uid, whole, name, info["size"], role if role in ROLES else "")


def waiting_uploads(service: Service, visitor: str) -> list[Upload]:
    """This visitor's whole uploads that have not been handed in, in the order they came.

    Of several references the last is the one.
    """
    folder = folder_of(service, visitor)
    found = [find_upload(service, visitor, path.stem) for path in folder.glob("*.info")]
    whole = [one for one in found if one is not None and one.role]
    try:
        whole.sort(key=lambda one: (folder / one.uid).stat().st_mtime_ns)
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


class Guard:
    """ASGI middleware around the tus routes; see the module's docstring."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._writing: set[str] = set()
        self._announcing = anyio.Lock()
        self._taking = anyio.CapacityLimiter(TAKEN_AT_ONCE)

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
        method, bucket = scope["method"], service.store.files.arriving is not None
        looks = method not in {"PATCH", "DELETE"}
        if looks and (not bucket or str(path) in self._writing):
            await self.app(scope, receive, send)
        elif str(path) in self._writing:
            await _refuse(423, "another request writes this file")(scope, receive, send)
        else:
            self._writing.add(str(path))
            try:
                if method == "PATCH":
                    await self._write(path, service, scope, receive, send)
                elif looks:
                    _, status = await self._take(service, path)
                    answer = _refuse(status, limits.REFUSALS[status]) if status else self.app
                    await answer(scope, receive, send)
                else:
                    await self.app(scope, receive, send)
                    if not path.exists():
                        await anyio.to_thread.run_sync(remove_upload, service, path)
            finally:
                self._writing.discard(str(path))

    async def _take(self, service: Service, path: Path) -> tuple[dict[str, Any] | None, int]:
        return await anyio.to_thread.run_sync(take, service, path, limiter=self._taking)

    async def _write(
        self, path: Path, service: Service, scope: Scope, receive: Receive, send: Send
    ) -> None:
        headers = Headers(scope=scope)
        note, status = await self._take(service, path)
        size, offset = (note.get("size"), note.get("offset")) if note else (None, None)
        length = headers.get("content-length")
        if status:
            await _refuse(status, limits.REFUSALS[status])(scope, receive, send)
        elif length is not None and not _LENGTH.fullmatch(length):
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
            body = checksum.checked(
                limits.counted(receive, service, size - offset, lambda: len(self._writing)), sums
            )
            answer: list[Message] = []  # what a bucket has not taken has not arrived

            async def hold(message: Message) -> None:
                answer.append(message)

            try:
                await self.app(scope, body, hold)
            finally:
                with anyio.CancelScope(shield=True):
                    _, status = await self._take(service, path)
            if status:
                await _refuse(status, limits.REFUSALS[status])(scope, receive, send)
                return
            for message in answer:
                await send(message)


def _refuse(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(text, status_code=status)


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
    if isinstance(failure, OSError) and failure.errno in FULL:
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
