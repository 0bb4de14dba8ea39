"""A page of its own for whoever has a link: the films that it shows, a player and Save.

``share/<name>.<signature>``: the name is in the tasks' records (``pipeline.tasks.shares``), and
only this server can sign it. No cookie is looked at or set. A link opens the one result of each of
its tasks, and the task's thumbnail; a wrong, ended or expired link, and whatever else is asked for
under one, is 404 alike. Plain HTML; its policy names its style and its script by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlencode

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from pipeline.tasks.record import TaskRecord
from pipeline.tasks.shares import Share, live
from ui.routes.files import HEADERS, MEDIA_TYPES, file_path, file_size
from ui.routes.placed import link_origin, placed
from ui.routes.thumbnail import thumbnail_path, wait_thumbnail
from ui.service import Service, get_service
from ui.web.visitor import sign, signed
from ui.words.catalogue import en, zh
from ui.words.names import download_name, shown_name

MAX_SHARED_BYTES = 50 * 1024 * 1024
"""The largest file that a browser hands to the share sheet: Chromium refuses more
(``kMaxSharedFileBytes`` in chrome/browser/webshare/share_service_impl.h)."""
SAVE_WORDS = (
    "share", "video", "save", "fetching", "ready", "where", "saving", "shared", "clean", "failed",
    "refused", "wechat",
)  # fmt: skip
"""The texts of the button (``save.…`` in the catalogue)."""

_TOKEN = re.compile(r"([A-Za-z0-9_-]{16,64})\.([0-9a-f]{32})")
_TEXTS = {"en": en.TEXT, "zh": zh.TEXT}
_FOLDER = Path(__file__).parent
_COMPONENTS = _FOLDER.parent / "components"


def _read(*paths: Path) -> str:
    return "".join(path.read_text("utf-8") for path in paths)


_PAGE = Template(_read(_FOLDER / "share.html"))
_STYLE = _read(_COMPONENTS / "shared.css", _COMPONENTS / "save/style.css", _FOLDER / "share.css")
_SCRIPT = _read(_COMPONENTS / "renew.js", _COMPONENTS / "save/button.js", _FOLDER / "share.js")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


PAGE_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex, nofollow",
    "vary": "accept-language",
    "content-security-policy": (
        f"default-src 'none'; media-src 'self'; img-src 'self'; connect-src 'self'; "
        f"style-src 'sha256-{_hash(_STYLE)}'; script-src 'sha256-{_hash(_SCRIPT)}'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}
_FILE_HEADERS = HEADERS | {name: PAGE_HEADERS[name] for name in ("referrer-policy", "x-robots-tag")}


@dataclass(frozen=True)
class Shared:
    """A film that a link shows."""

    task: TaskRecord
    kind: str
    path: Path


def share_url(service: Service, link: str) -> str:
    """The address of a link by its name, relative to the page."""
    return f"share/{link}.{sign(service.secret, 'share', link)}"


def shown_by(service: Service, token: str, now: datetime) -> list[Shared]:
    """The films that a link shows, the oldest task first; none for a link that is not good."""
    found = _TOKEN.fullmatch(token)
    if found is None or not signed(service.secret, found[2], "share", found[1]):
        return []
    films = []
    for task in service.tasks():
        share = share_of(task, found[1], now)
        path = file_path(service, task, share.kind) if share and task.status == "success" else None
        if share is not None and path is not None and share.kind in task.results:
            films.append(Shared(task, share.kind, path))
    return films


def share_of(task: TaskRecord, link: str, now: datetime) -> Share | None:
    """That a link shows a task, while it does."""
    return next((share for share in live(task.shares, now) if share.link == link), None)


def _page_headers(links: str) -> dict[str, str]:
    """With films from where links lead as well."""
    policy = PAGE_HEADERS["content-security-policy"]
    allowed = policy.replace("media-src 'self'", f"media-src 'self' {links}".rstrip())
    return {**PAGE_HEADERS, "content-security-policy": allowed}


async def serve_page(request: Request) -> Response:
    """``GET /share/{token}``: the page of a link, in the language that the browser prefers."""
    service, token = get_service(), request.path_params["token"]
    words = _TEXTS[preferred(request.headers.get("accept-language", ""))]

    def draw() -> tuple[str, int]:
        films = shown_by(service, token, datetime.now(UTC))
        if not films:
            over, what = words["shared.over"], words["shared.over_what"]
            return _page(words, over, f"<h1>{escape(over)}</h1><p>{escape(what)}</p>", ""), 404
        main = "\n".join(_film(service, words, token, film) for film in films)
        script = f'<script type="module">{_SCRIPT}</script>'
        return _page(words, shown_name(films[0].task.dance_name), main, script), 200

    page, status = await anyio.to_thread.run_sync(draw)
    return HTMLResponse(page, status, headers=_page_headers(link_origin(service)))


def _page(words: dict[str, str], title: str, main: str, script: str) -> str:
    return _PAGE.substitute(
        lang="zh-CN" if words is zh.TEXT else "en",
        title=escape(f"{title} · {words['app.title']}"),
        style=_STYLE,
        main=main,
        script=script,
    )


def _film(service: Service, words: dict[str, str], token: str, film: Shared) -> str:
    """A player and the button, with a plain link where no script runs; addresses are relative."""
    task, path = film.task, film.path
    folder = f"{token}/{task.id}"
    url = f"{folder}/film?{urlencode({'v': task.revision})}"
    name = download_name(task, film.kind, path.suffix)
    said = {one: words[f"save.{one}"] for one in SAVE_WORDS}
    data: dict[str, Any] = {
        "words": said | {"undecodable": words["shared.undecodable"]},
        "url": url,
        "download": f"{url}&download=1",
        "name": name,
        "type": MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream"),
        "size": file_size(service, task, film.kind, path),
        "limit": MAX_SHARED_BYTES,
    }
    poster = f' poster="{folder}/poster"' if thumbnail_path(service, task) else ""
    title = escape(shown_name(task.dance_name) or task.id[:8])
    return f"""<article>
<h1>{title}</h1>
<video controls playsinline preload="metadata" aria-label="{title}"
 src="{escape(url)}#t=0.001"{poster}></video>
<p class="note" role="status"></p>
<div class="root save" data-save="{escape(json.dumps(data))}">
<button type="button" class="share hidden"></button>
<a class="link" href="{escape(data["download"])}" download="{escape(name)}">{said["video"]}</a>
<p class="line" role="status"></p>
</div>
</article>"""


async def serve_file(request: Request) -> Response:
    """``GET /share/{token}/{task}/{part}``: the film, as itself or a download, or its poster."""
    service, given = get_service(), request.path_params

    def find() -> Shared | None:
        films = shown_by(service, given["token"], datetime.now(UTC))
        return next((film for film in films if film.task.id == given["task"]), None)

    film = await anyio.to_thread.run_sync(find)
    if film is not None and given["part"] == "poster":
        picture = await wait_thumbnail(service, film.task)
        if picture is not None:
            return FileResponse(picture, media_type="image/jpeg", headers=_FILE_HEADERS)
    if film is None or given["part"] != "film":
        return await _refuse(request)
    name = download_name(film.task, film.kind, film.path.suffix)
    return await placed(
        service,
        request,
        film.path,
        _FILE_HEADERS,
        MEDIA_TYPES.get(film.path.suffix.lower(), "application/octet-stream"),
        name if "download" in request.query_params else None,
    )


def preferred(accepted: str) -> str:
    """The language of an Accept-Language header (RFC 9110, 12.5.4) that we have; else English."""
    wishes: list[tuple[float, str]] = []
    for part in accepted.split(",")[:20]:
        language, _, quality = part.strip().partition(";q=")
        try:
            wishes.append((float(quality or 1), language.lower()))
        except ValueError:
            continue
    for weight, language in sorted(wishes, key=lambda wish: -wish[0]):
        if weight > 0 and language.partition("-")[0] in _TEXTS:
            return language.partition("-")[0]
    return "en"


async def _refuse(request: Request) -> Response:
    return PlainTextResponse("not found", status_code=404, headers=_FILE_HEADERS)


ROUTES = [
    Route("/share/{token}", serve_page, methods=["GET", "HEAD"]),
    Route("/share/{token}/{task}/{part}", serve_file, methods=["GET", "HEAD"]),
    Route("/share/{rest:path}", _refuse),  # else Streamlit would answer with the page
]
