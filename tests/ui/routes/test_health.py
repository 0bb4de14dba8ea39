"""What a monitor is told: well, or the reason, and never where anything is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipeline.running.runner import Runner
from pipeline.settings import Settings
from store import process
from ui.incoming import limits
from ui.routes import health
from ui.service import Service

GONE = threading.Thread(target=lambda: None)
"""A thread that does not live."""


def end_worker(service: Service, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service.runner, "_taking", GONE)


def end_restore(service: Service, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service.runner, "_restoring", GONE)


def end_upkeep(service: Service, patch: pytest.MonkeyPatch) -> None:
    service.store.close()


def take_folder(service: Service, patch: pytest.MonkeyPatch) -> None:
    at = service.settings.outputs
    at.rename(at.with_name("elsewhere"))
    at.write_text("no folder")


def fill_disk(service: Service, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(limits, "free_bytes", lambda service: 1000)


FAULTS: dict[str, tuple[Callable[[Service, pytest.MonkeyPatch], None], str]] = {
    "worker": (end_worker, "workers: 0 of 2 work"),
    "restore": (end_restore, "upkeep: "),
    "upkeep": (end_upkeep, "upkeep: "),
    "folder": (take_folder, "task file: "),
    "disk": (fill_disk, "disk: full"),
}


@pytest.fixture
def running(service: Service) -> Any:
    """A client of the two routes, around a service with a real runner."""
    settings = Settings(outputs=service.settings.outputs, workers=2)
    runner = Runner(service.store, settings)
    runner.start()
    process.keep("service", replace(service, runner=runner))
    yield TestClient(Starlette(routes=health.ROUTES))
    runner.stop()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told_without_a_path(
    running: TestClient, monkeypatch: pytest.MonkeyPatch, fault: str, tmp_path: Path
) -> None:
    for path in ("/healthz", "/readyz"):
        answer = running.get(path)
        assert (answer.status_code, answer.text) == (200, "ok\n")
        assert answer.headers["cache-control"] == "no-store"
    service: Service = process.find("service")
    cause, said = FAULTS[fault]
    cause(service, monkeypatch)
    for path in ("/healthz", "/readyz"):
        answer = running.get(path)
        assert answer.status_code == 503
        assert any(line.startswith(said) for line in answer.text.splitlines()), answer.text
        assert "/" not in answer.text and tmp_path.name not in answer.text
    monkeypatch.undo()  # for the stop of the runner


def test_a_service_that_stops_is_not_ready(running: TestClient) -> None:
    service: Service = process.find("service")
    service.runner._stopping.set()
    answer = running.get("/readyz")
    assert answer.status_code == 503 and answer.text.endswith("stopping\n")
