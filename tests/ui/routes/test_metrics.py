"""``metrics``: who gets them, and that they count what happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from pipeline.running.measures import measures
from store import process
from tests.ui.routes.routed import announce as announced
from tests.ui.routes.routed import finished, patch, uid_of
from ui.incoming import uploads
from ui.routes import files, metrics
from ui.service import Service


class Runner:
    """What the figures ask of the runner."""

    def health(self) -> dict[str, Any]:
        return {"workers": 3, "alive": 2, "running": {"a": "b"}}


@pytest.fixture
def app(service: Service) -> Starlette:
    process.keep("service", replace(service, runner=Runner()))  # type: ignore[arg-type]
    routes = [*metrics.ROUTES, *files.ROUTES, *uploads.upload_routes(2**20)]
    return Starlette(routes=routes, middleware=[Middleware(metrics.Traffic)])


def figures(text: str) -> dict[tuple[str, ...], float]:
    """Value by name and labels' values; raises ValueError for what Prometheus cannot read."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def read(app: Starlette) -> Callable[[], dict[tuple[str, ...], float]]:
    here = TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1))
    return lambda: figures(here.get("/metrics").raise_for_status().text)


def test_they_count_what_happens(
    service: Service, app: Starlette, read: Callable[[], dict[tuple[str, ...], float]]
) -> None:
    before = read()
    service.store.create({"dance_name": "secret.mp4"})
    measures().count_end("no_match", {"align": 2.5})
    finished(service)
    patch(service, app, uid_of(announced(service, app, 5000)), 0, b"x" * 5000)
    now = read()

    def grown(*key: str) -> float:
        return now[key] - before.get(key, 0.0)

    assert now["retrack_tasks_waiting",] == 1
    assert 0 <= now["retrack_oldest_waiting_seconds",] < 600
    assert (now["retrack_slots",], now["retrack_slots_alive",]) == (3, 2)
    assert now["retrack_tasks_running",] == 1
    assert grown("retrack_tasks_ended_total", "no_match") == 1
    assert grown("retrack_stage_seconds_total", "align") == 2.5
    assert grown("retrack_save_seconds_count") >= 3
    assert grown("retrack_save_seconds_sum") > 0
    assert now["retrack_saves_failed_total",] == 0
    assert grown("retrack_http_bytes_total", "in") >= 5000
    assert grown("retrack_http_bytes_total", "out") > 500
    assert not any("secret" in part for key in now for part in key)


def test_only_this_machine_gets_them_unless_it_is_said(service: Service, app: Starlette) -> None:
    far = TestClient(app, base_url="http://localhost", client=("203.0.113.9", 1))
    here = TestClient(app, base_url="http://localhost", client=("127.0.0.1", 1))
    assert far.get("/metrics").status_code == 404
    for sign in ("X-Forwarded-For", "Via", "Forwarded", "X-Real-IP"):
        assert here.get("/metrics", headers={sign: "203.0.113.9"}).status_code == 404
    assert here.get("/metrics", headers={"Host": "retrack.example"}).status_code == 404
    settings = service.settings.model_copy(update={"metrics": True})
    process.keep("service", replace(process.find("service"), settings=settings))
    assert far.get("/metrics").status_code == 200
