"""``metrics``: figures of the service as Prometheus reads them, for whoever runs it.

Given with ``RETRACK_METRICS=1``, and else to a request of this machine that came by no proxy.
Gauges are read from the store as they are asked for; what is counted over time is counted where it
happens. No label names a task or a visitor.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import anyio.to_thread
from prometheus_client import CollectorRegistry, Counter, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.running.measures import measures
from store import process
from ui.routes.access import of_this_machine
from ui.service import Service, get_service

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def gauges(service: Service) -> Iterator[Metric]:
    """The service as it is now, and the saves of its store."""
    tasks = service.tasks()
    waiting = [task for task in tasks if task.status == "pending"]
    created = [task.created_at for task in waiting if task.created_at is not None]
    oldest = (datetime.now(UTC) - min(created)).total_seconds() if created else 0.0
    health, saves = service.runner.health(), service.store.saves
    yield GaugeMetricFamily("retrack_tasks_waiting", "Tasks that wait.", len(waiting))
    yield GaugeMetricFamily(
        "retrack_oldest_waiting_seconds", "Age of the oldest that waits.", max(0.0, oldest)
    )
    yield GaugeMetricFamily("retrack_tasks_running", "Runs of now.", len(health["running"]))
    yield GaugeMetricFamily("retrack_slots", "Tasks that may run at one time.", health["workers"])
    yield GaugeMetricFamily("retrack_slots_alive", "Of these, whose thread lives.", health["alive"])
    yield SummaryMetricFamily(
        "retrack_save_seconds", "Writes of the task file.", saves.count, saves.seconds
    )
    yield CounterMetricFamily("retrack_saves_failed", "Writes that failed.", saves.failed)


class _Gauges:
    """What ``prometheus_client`` calls a collector."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        """The families of now."""
        return gauges(self._service)


def _bytes() -> Counter:
    """Bytes of bodies over HTTP by direction, once a process."""

    def make() -> Counter:
        registry = measures().registry
        text = "Bytes of bodies over HTTP."
        return Counter("retrack_http_bytes", text, ["direction"], registry=registry)

    return process.once("http bytes", make)


class Traffic:
    """ASGI middleware that counts the bytes of bodies in both directions."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, counted as it goes by."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        taken, given = _bytes().labels("in"), _bytes().labels("out")

        async def counted_receive() -> Message:
            message = await receive()
            taken.inc(len(message.get("body", b"")))
            return message

        async def counted_send(message: Message) -> None:
            given.inc(len(message.get("body", b"")))
            await send(message)

        await self.app(scope, counted_receive, counted_send)


def figures(service: Service) -> bytes:
    """All of it, in Prometheus' text format."""
    now = CollectorRegistry()
    now.register(_Gauges(service))
    return generate_latest(now) + generate_latest(measures().registry)


async def serve_metrics(request: Request) -> Response:
    """``GET /metrics``: 404 for whoever may not have them."""
    service = get_service()
    if not (service.settings.metrics or of_this_machine(request.scope, request.headers)):
        return PlainTextResponse("not found", status_code=404, headers=HEADERS)
    text = await anyio.to_thread.run_sync(figures, service)
    return Response(text, media_type=CONTENT_TYPE_LATEST, headers=HEADERS)


ROUTES = [Route("/metrics", serve_metrics, methods=["GET"])]
