"""``healthz`` and ``readyz``, for whoever watches the service from outside.

200 while it can do its work, else 503 with a line for each reason. The lines say no more than
that, since everybody may ask: what is behind them is in the log and on the operator's page.
"""

from __future__ import annotations

import tempfile

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.tasks.submit import SPARE_BYTES
from ui.incoming import limits
from ui.service import Service, get_service

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def complaints(service: Service) -> list[str]:
    """What keeps the service from its work, in a line each; empty when nothing does."""
    found = []
    health = service.runner.health()
    if health["alive"] < health["workers"]:
        found.append(f"workers: {health['alive']} of {health['workers']} work")
    if not (health["restoring"] and service.store.keeps_up):
        found.append("upkeep: a thread has ended")
    snapshot = service.store.snapshot()
    if snapshot.unsaved or snapshot.problems.keys() & {"not_saved", "folder"}:
        found.append("task file: changes are not saved")
    try:
        if limits.free_bytes(service) < SPARE_BYTES:
            found.append("disk: full")
        with tempfile.TemporaryFile(dir=service.settings.outputs):
            pass
    except OSError:
        found.append("task file: its folder cannot be written")
    return found


async def serve_health(request: Request) -> Response:
    """``GET /healthz``: whether the process, its threads, the task file and the disk are well."""
    return await _answer(stopping=False)


async def serve_readiness(request: Request) -> Response:
    """``GET /readyz``: whether new work may be sent here; not while the service stops, either."""
    return await _answer(stopping=True)


async def _answer(*, stopping: bool) -> Response:
    service = get_service()
    found = await anyio.to_thread.run_sync(complaints, service)
    if stopping and service.runner.health()["stopping"]:
        found.append("stopping")
    text = "\n".join(found or ["ok"])
    return PlainTextResponse(f"{text}\n", 503 if found else 200, headers=HEADERS)


ROUTES = [
    Route("/healthz", serve_health, methods=["GET", "HEAD"]),
    Route("/readyz", serve_readiness, methods=["GET", "HEAD"]),
]
