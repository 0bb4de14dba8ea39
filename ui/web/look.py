"""The page's mark, icons, typeface and film, and the head of its HTML that names them.

Streamlit serves an ``index.html`` of its own, with its own title and icon. Before the page's script
has run, that is all a browser knows: a tab's name, what *Add to home screen* takes, which typeface
to load and whether the ground is dark. So the head is written by us. All addresses are relative,
since a proxy may serve the page under a path.
"""

from __future__ import annotations

import base64
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui.assets import DARK, FOLDER, LIGHT, MARK
from ui.components import TOKENS

MEDIA_TYPES = {
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
FILES = {path.name: path for path in FOLDER.iterdir() if path.suffix in MEDIA_TYPES}
HEADERS = {
    "cache-control": "public, max-age=86400",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}
WEIGHTS = {"regular": "400", "semibold": "600", "extrabold": "800"}
"""Of the typeface's files; each stands for the weights up to the next one."""
_FACES = "".join(
    "@font-face{font-family:Manrope;font-display:swap;"
    f"font-weight:{weight};src:url(./look/manrope-{name}.woff2) format('woff2')}}"
    for name, weight in WEIGHTS.items()
)
TITLE, ICON = "<title>Streamlit</title>", 'href="./favicon.png"'
"""What stands in Streamlit's head and is replaced."""
HEAD = (
    '<link rel="manifest" href="./look/manifest.webmanifest" crossorigin="use-credentials">'
    '<link rel="apple-touch-icon" href="./look/icon-apple.png">'
    '<meta name="apple-mobile-web-app-title" content="Retrack">'
    f'<meta name="theme-color" media="(prefers-color-scheme: light)" content="{LIGHT}">'
    f'<meta name="theme-color" media="(prefers-color-scheme: dark)" content="{DARK}">'
    '<link rel="preload" href="./look/manrope-regular.woff2" as="font" crossorigin>'
    '<link rel="preload" href="./look/manrope-extrabold.woff2" as="font" crossorigin>'
    f"<style>{_FACES}"
    f":root{{color-scheme:light dark}}body{{background:light-dark({LIGHT},{DARK})}}</style>"
)
_MARK = base64.b64encode(MARK.read_bytes()).decode()
_UI = Path(__file__).parents[1]
STYLE = "\n".join(
    (
        f':root {{ --mark: url("data:image/svg+xml;base64,{_MARK}"); '
        f"--ground: light-dark({LIGHT}, {DARK}); }}",
        *(
            path.read_text("utf-8")
            for path in (TOKENS, _UI / "pages" / "style.css", _UI / "task" / "style.css")
        ),
    )
)
"""The page's style sheet. It stands at the end of the HTML: behind Streamlit's own, and there
before anything is drawn that it would move."""


async def serve_look(request: Request) -> Response:
    """``GET /look/{name}``: one of the files that everybody may have."""
    path = FILES.get(request.path_params["name"])
    if path is None:
        return PlainTextResponse("not found", status_code=404)
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=HEADERS)


class Head:
    """ASGI middleware that puts our head into the page's HTML."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; what comes back as Streamlit's page gets our head."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def send_with_head(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start" and _is_page(message):
                start = message
                return
            if start is None:
                await send(message)
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                body = with_head(body)
                # Our head is no part of Streamlit's tag for the file.
                dropped = {b"content-length", b"etag", b"last-modified"}
                kept = [item for item in start["headers"] if item[0].lower() not in dropped]
                length = (b"content-length", str(len(body)).encode())
                await send({**start, "headers": [*kept, length]})
                await send({"type": "http.response.body", "body": body})

        await self.app(_whole(scope), receive, send_with_head)


def _is_page(start: Message) -> bool:
    headers = Headers(raw=start["headers"])
    html = headers.get("content-type", "").startswith("text/html")
    return html and "content-encoding" not in headers


def _whole(scope: Scope) -> Scope:
    """A browser's request for a page as one that no copy of its own answers, and unpacked."""
    if "text/html" not in Headers(scope=scope).get("accept", ""):
        return scope
    refused = {b"if-none-match", b"if-modified-since", b"accept-encoding"}
    return {**scope, "headers": [item for item in scope["headers"] if item[0] not in refused]}


def with_head(body: bytes) -> bytes:
    """Streamlit's page with our title, icon and head; other HTML as it is."""
    text = body.decode()
    if '<div id="root">' not in text:
        return body
    text = text.replace(TITLE, "<title>Retrack</title>").replace(ICON, 'href="./look/mark.svg"')
    text = text.replace("</head>", f"{HEAD}</head>")
    return text.replace("</body>", f"<style>{STYLE}</style></body>").encode()


ROUTES = [Route("/look/{name}", serve_look, methods=["GET", "HEAD"])]
