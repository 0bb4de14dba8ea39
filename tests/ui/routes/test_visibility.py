"""All tasks are shown on the one machine alone; the first sign of another ends that."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from pipeline.settings import Settings
from store import process
from tests.ui.routes.routed import finished, service_of
from ui.routes import files
from ui.routes.access import Access
from ui.service import Service, start_service, stop_service
from ui.web.origin import is_loopback

HERE = {"base_url": "http://localhost:8501", "client": ("127.0.0.1", 50000)}
ELSEWHERE: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    # what a proxy or another machine shows: (where it comes from, its headers)
    "another peer": ({"client": ("192.168.1.7", 50000)}, {}),
    "another peer, IPv6": ({"client": ("2001:db8::7", 50000)}, {}),
    "no peer: a socket file": ({"client": None}, {}),
    "another host": ({"base_url": "http://retrack.example"}, {}),
    "a name that means this machine": ({"base_url": "http://localhost.example:8501"}, {}),
    "the network's address": ({"base_url": "http://192.168.1.7:8501"}, {}),
    "X-Forwarded-For": ({}, {"X-Forwarded-For": "203.0.113.9"}),
    "X-Forwarded-For, itself": ({}, {"X-Forwarded-For": "127.0.0.1"}),
    "X-Forwarded-Proto": ({}, {"X-Forwarded-Proto": "https"}),
    "X-Forwarded-Host": ({}, {"X-Forwarded-Host": "localhost"}),
    "X-Forwarded-Prefix": ({}, {"X-Forwarded-Prefix": "/x"}),
    "X-Real-IP": ({}, {"X-Real-IP": "203.0.113.9"}),
    "Forwarded": ({}, {"Forwarded": "for=203.0.113.9"}),
    "Via": ({}, {"Via": "1.1 proxy"}),
    "Origin": ({}, {"Origin": "https://retrack.example"}),
    "no origin to tell": ({}, {"Origin": "null"}),
    "malformed Origin": ({}, {"Origin": "http://["}),
}


def app(service: Service) -> Starlette:
    return Starlette(
        routes=files.ROUTES, middleware=[Middleware(Access, login=lambda: False, used=bool)]
    )


def status(app: Starlette, address: str, where: dict[str, Any], headers: dict[str, str]) -> int:
    with TestClient(app, **{**HERE, **where}) as client:
        return int(client.get(address, headers=headers).status_code)


@pytest.mark.parametrize("sign", ELSEWHERE)
def test_the_first_request_from_elsewhere_makes_the_tasks_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sign: str
) -> None:
    where, headers = ELSEWHERE[sign]
    caplog.set_level(logging.WARNING, "ui.service")
    with service_of(Settings(outputs=tmp_path / "outputs"), monkeypatch) as service:
        address = f"/files/{finished(service).id}/modular"
        here = app(service)
        assert status(here, address, {}, {}) == 200
        assert status(here, address, {}, {"Origin": "http://localhost:8501"}) == 200
        assert not caplog.records
        assert status(here, address, where, headers) == 404
        assert status(here, address, {}, {}) == 404, "until the restart"
        assert len(caplog.records) == 1
        assert "RETRACK_VISIBILITY" in caplog.text


def test_the_setting_decides_where_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "ui.service")
    where, headers = ELSEWHERE["X-Forwarded-For"]
    for visibility, expected in (("shared", 200), ("private", 404)):
        monkeypatch.setenv("RETRACK_VISIBILITY", visibility)
        settings = Settings(outputs=tmp_path / visibility)
        with service_of(settings, monkeypatch) as service:
            address = f"/files/{finished(service).id}/modular"
            assert status(app(service), address, where, headers) == expected
            assert status(app(service), address, {}, {}) == expected
    assert not caplog.records


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((here, True) for here in ("localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1")),
        ("::ffff:127.0.0.1", True),
        *((there, False) for there in ("10.0.0.1", "::", "localhost.evil.example")),
        *((there, False) for there in ("127.0.0.1.evil.example", "", "::ffff:10.0.0.1", None)),
    ],
)
def test_only_this_machines_names_are_of_this_machine(host: str | None, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://Retrack.example/", "https://retrack.example"),
        ("https://retrack.example:443/dance?x", "https://retrack.example"),
        ("http://retrack.example:80", "http://retrack.example"),
        (" https://retrack.example:8443 ", "https://retrack.example:8443"),
        ("", ""),
    ],
)
def test_of_the_pages_address_the_origin_counts(given: str, origin: str) -> None:
    assert Settings(public_url=given).public_url == origin


@pytest.mark.parametrize("given", ["retrack.example", "ftp://a", "https://", "https://a@b"])
def test_an_address_that_cannot_be_meant_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="whole address"):
        Settings(public_url=given)


def test_a_server_with_an_address_for_others_is_not_this_machine_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was asked yet: a proxy that gives no sign may ask first."""
    process.forget("service")
    for public_url, address, private in (
        ("", "localhost", False),
        ("https://retrack.example", "localhost", True),
        ("", "0.0.0.0", True),  # noqa: S104
        ("", None, True),
    ):
        given = settings.model_copy(update={"public_url": public_url})
        monkeypatch.setattr("ui.service.get_settings", lambda given=given: given)
        try:
            service = start_service(routes=True, address=address)
            assert service.private is private
            assert (given.outputs / ".secret").stat().st_mode & 0o777 == 0o600
        finally:
            stop_service()


@pytest.mark.parametrize("given", ["class.example", "https://a.example; script-src *", "'none'"])
def test_only_origins_may_frame_the_page(given: str) -> None:
    with pytest.raises(ValueError, match="no origin"):
        Settings(framed_by=given)
    assert Settings(framed_by=" https://*.a.example:8 ").framed_by == "https://*.a.example:8"
