"""The routes around a service without a runner, and requests to them as a browser sends them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from pipeline.settings import Settings
from pipeline.tasks.record import TaskRecord, read
from store import Store, process
from ui.incoming import uploads
from ui.routes import bundle, files, share
from ui.routes.access import Access
from ui.service import Service
from ui.web.addresses import UNKNOWN, also_below
from ui.web.visitor import COOKIE, VisitorCookie, new_key, signed_key, visitor_name

MINE, THEIRS = new_key(), new_key()
SECRET = b"s" * 32
LIMIT_MB = 2


class IdleRunner:
    """Stands for the runner, which the routes never touch."""

    def wake(self) -> None: ...


@contextmanager
def service_of(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, earlier: frozenset[str] = frozenset()
) -> Iterator[Service]:
    """The process's service, without a runner."""
    store = Store(settings)
    store.start()
    service = Service(
        store=store,
        runner=IdleRunner(),  # type: ignore[arg-type]
        settings=settings,
        secret=SECRET,
        routes=True,
        earlier=earlier,
    )
    before = process.find("service")
    process.keep("service", service)
    yield service
    process.keep("service", before)
    store.close()


def app_of(base: str = "") -> Starlette:
    """The page's routes, below a base path as well, with a page that only says so."""

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse("<p>page")

    routes = [
        Route("/", page),
        *bundle.ROUTES,
        *files.ROUTES,
        *share.ROUTES,
        *uploads.upload_routes(LIMIT_MB * 1024 * 1024),
        *UNKNOWN,
    ]
    app = Starlette(
        routes=list(also_below(base, routes)),
        middleware=[Middleware(Access, login=lambda: False, used=bool), Middleware(VisitorCookie)],
    )
    return app


def client(app: Starlette, key: str | None = MINE) -> TestClient:
    cookies = {COOKIE: signed_key(key, SECRET)} if key else {}
    return TestClient(app, cookies=cookies)


def finished(
    service: Service, visitor: str = MINE, kinds: tuple[str, ...] = ("modular",)
) -> TaskRecord:
    task = service.store.create({"dance_name": "my dance.mov", "visitor": visitor_name(visitor)})
    folder = service.settings.outputs / "results" / task.id
    folder.mkdir(parents=True)
    outputs = {}
    for kind in kinds:
        path = folder / f"{task.id}_{kind}.mp4"
        path.write_bytes(bytes(range(256)) * 400)
        relative = path.relative_to(service.settings.outputs.parent).as_posix()
        outputs[f"{kind}_output"] = relative
    return read(service.store.update(task.id, {"status": "success", **outputs}))


def headers(service: Service, key: str = MINE, **more: str) -> dict[str, str]:
    token = uploads.upload_token(service, visitor_name(key))
    return {"Tus-Resumable": "1.0.0", uploads.TOKEN_HEADER: token, **more}


def announce(service: Service, app: Starlette, length: int, **more: str) -> Any:
    name = base64.b64encode("我的 dance.mp4".encode()).decode()
    given = {
        "Upload-Length": str(length),
        "Upload-Metadata": f"filename {name},filetype dmlkZW8vbXA0",
        **more,
    }
    return client(app).post(uploads.URL, headers=headers(service, **given))


def patch(service: Service, app: Starlette, uid: str, offset: int, data: bytes) -> Any:
    more = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return client(app).patch(f"{uploads.URL}/{uid}", content=data, headers=headers(service, **more))


def uid_of(answer: Any) -> str:
    assert answer.status_code == 201
    return str(answer.headers["location"]).rpartition("/")[2]
