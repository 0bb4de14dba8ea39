"""The routes' service and app, each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette

from pipeline.settings import Settings
from tests.ui.routes.routed import LIMIT_MB, app_of, service_of
from ui.service import Service


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    settings = Settings(
        outputs=tmp_path / "outputs",
        max_upload_mb=LIMIT_MB,
        uploads_gb_per_visitor=5 / 1024,
        visibility="private",
    )
    with service_of(settings, monkeypatch) as service:
        yield service


@pytest.fixture
def app(service: Service) -> Starlette:
    return app_of()
