"""Serves originals, results and small copies: to players with range requests, and as
downloads under the dance's name; only to viewers who may see the task."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from urllib.parse import quote, urlencode

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.model import BEST_FIRST
from pipeline.tasks.extra_files import KIND
from pipeline.tasks.record import TaskRecord
from store import is_task_id
from ui.routes.placed import placed
from ui.routes.thumbnail import wait_thumbnail
from ui.service import Service, get_service
from ui.web.visitor import cookie_key, sign, signed, visitor_name
from ui.words.names import download_name

log = logging.getLogger(__name__)

KINDS = ("original", "reference", *BEST_FIRST)
PREVIEW, SOUND = COPIES = ("preview-", "sound-")
"""Before a kind: a small copy of that file for players, or its sound alone."""
WAVEFORMS = "waveforms"
"""The kind of the envelopes that the page draws; nothing that a person downloads."""
THUMBNAIL = "thumbnail"
"""The kind of the small picture of the dance, a JPEG beside the upload."""
TRACKS = re.compile(r"(-[0-9]{1,2})+$")
MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".avi": "video/x-msvideo",
    ".ts": "video/mp2t",
    ".mts": "video/mp2t",
    ".m2ts": "video/mp2t",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".flv": "video/x-flv",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".vob": "video/mpeg",
    ".mod": "video/mpeg",
    ".wmv": "video/x-ms-wmv",
    ".asf": "video/x-ms-asf",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".aifc": "audio/aiff",
    ".caf": "audio/x-caf",
    ".wma": "audio/x-ms-wma",
    ".ac3": "audio/ac3",
    ".eac3": "audio/eac3",
    ".wv": "audio/x-wavpack",
    ".jpg": "image/jpeg",
    ".json": "application/json",
}
HEADERS = {
    "x-content-type-options": "nosniff",
    "cache-control": "private, no-cache",
    "content-security-policy": "default-src 'none'; frame-ancestors 'self'; sandbox",
    "cross-origin-resource-policy": "same-origin",
}


def base_of(kind: str) -> str:
    """The kind without the numbers of sound tracks, as in ``reference-2`` or ``waveforms-1-2``."""
    return TRACKS.sub("", kind)


def _of_file(kind: str) -> str:
    """The kind of the file that a copy is of; any other kind itself."""
    base = base_of(kind)
    return base.partition("-")[2] if base.startswith(COPIES) else base


def file_path(service: Service, task: TaskRecord, kind: str) -> Path | None:
    """The file of a task, on this disk or in the bucket; None when it is missing or outside
    ``outputs/``."""
    has = service.store.files.has
    if kind.startswith(COPIES) and is_task_id(task.id):
        small = copy_path(service, task.id, kind)
        whole = file_path(service, task, _of_file(kind))
        return small if _is_of(small, whole) else None
    if base_of(kind) == WAVEFORMS and is_task_id(task.id):
        drawn = waveforms_path(service, task.id, kind)
        return drawn if drawn.is_file() else None
    if kind.startswith(KIND):
        made = next((one.output for one in task.files if one.kind == kind), None)
        path = service.store.safe_path(made)
        return path if path is not None and has(path) else None
    uploads = {"original": task.dance_file, "reference": task.reference_file}
    base = base_of(kind)
    path = service.store.safe_path(uploads[base] if base in uploads else task.variant(base).output)
    return path if path is not None and has(path) else None


def local_path(service: Service, task: TaskRecord, kind: str) -> Path | None:
    """The same on this disk, for who reads it here: it is fetched when it is elsewhere."""
    path = file_path(service, task, kind)
    try:
        return path if path is not None and service.store.files.fetch(path) else None
    except OSError as error:
        log.warning("[%s] %s cannot be fetched: %s", task.id, kind, error)
        return None


def file_size(service: Service, task: TaskRecord, kind: str, path: Path) -> int:
    """Bytes of a result that ``file_path`` gave; of one that is not on this disk, as noted when it
    was made, and the bucket is asked only where nothing was. 0 while that is not known."""
    made = next((one.size for one in task.files if one.kind == kind), task.variant(kind).size)
    if made and not path.is_file():
        return made
    try:
        about = service.store.files.stat(path)
    except OSError:
        return 0
    return about.st_size if about else 0


def _is_of(small: Path, whole: Path | None) -> bool:
    """Whether a small copy is there and not older than its file, which an adjustment replaces."""
    try:
        made = small.stat().st_mtime_ns
        return whole is None or not whole.is_file() or made >= whole.stat().st_mtime_ns
    except OSError:
        return False


def copy_path(service: Service, task_id: str, kind: str) -> Path:
    """Where the copy of a file for players stands: ``preview-…`` or ``sound-…``."""
    return service.settings.outputs / "results" / task_id / f"{kind.replace('-', '_', 1)}.mp4"


def waveforms_path(service: Service, task_id: str, kind: str = WAVEFORMS) -> Path:
    """Where the envelopes of a task's two files stand, once somebody has asked for them."""
    return service.settings.outputs / "results" / task_id / f"{kind}.json"


def may_see(service: Service, task: TaskRecord, visitor: str | None) -> bool:
    """Whether a visitor (by name) may see a task: everyone on a laptop, its owner elsewhere."""
    return not service.private or (visitor is not None and task.visitor == visitor)


def file_url(
    service: Service, task: TaskRecord, kind: str, *, link: bool = False, **query: str
) -> str:
    """The address of a file, relative to the page: a proxy may serve that under a path.

    ``link`` signs it, for a viewer whom the route cannot know by the cookie (a login): who
    has the link has the file.
    """
    query["v"] = str(task.revision)
    if link:
        query["t"] = sign(service.secret, "link", task.id)
    return f"files/{quote(task.id)}/{kind}?{urlencode(query)}"


async def serve_file(request: Request) -> Response:
    """``GET /files/{task}/{kind}[?download=1]``: 404 for what is not there *or* not yours."""
    service = get_service()
    task_id, kind = request.path_params["task"], request.path_params["kind"]

    def find() -> tuple[TaskRecord, Path | None] | None:
        task = service.task(task_id)
        if (
            task is None
            or (_of_file(kind) not in {*KINDS, WAVEFORMS, THUMBNAIL} and not kind.startswith(KIND))
            or not allowed(service, task, request)
        ):
            return None
        return task, None if kind == THUMBNAIL else file_path(service, task, kind)

    task, path = await anyio.to_thread.run_sync(find) or (None, None)
    if task is not None and kind == THUMBNAIL:
        path = await wait_thumbnail(service, task)
    if task is None or path is None:
        return PlainTextResponse("not found", status_code=404, headers=HEADERS)
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    download = "download" in request.query_params or media_type is None
    name = download_name(task, kind, path.suffix) if download else None
    kind_of = media_type or "application/octet-stream"
    return await placed(service, request, path, HEADERS, kind_of, name)


def allowed(service: Service, task: TaskRecord, request: Request) -> bool:
    """Whether a request may have the task's files: by the cookie, or by a signed link."""
    if not service.private:
        return True
    key = cookie_key(request.headers, service)
    if may_see(service, task, visitor_name(key) if key else None):
        return True
    return signed(service.secret, request.query_params.get("t", ""), "link", task.id)


ROUTES = [Route("/files/{task}/{kind}", serve_file, methods=["GET", "HEAD"])]
