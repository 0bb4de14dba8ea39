"""Players and downloads that are sent to the bucket, and what is not."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette

from pipeline.settings import Settings
from pipeline.tasks.record import TaskRecord
from tests.files.conftest import S3
from tests.ui.routes.routed import THEIRS, app_of, client, finished, service_of
from ui.routes import placed, share
from ui.service import Service
from ui.web.security import page_policy

FILM = bytes(range(256)) * 400
PLAYER = {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "video"}
DOWNLOAD = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "empty"}
SCRIPT = {"sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
MIXED = {"sec-fetch-mode": "cors", "sec-fetch-dest": "audio"}
PICTURE = {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}
Case = tuple[Service, Starlette, TaskRecord, Path]


@pytest.fixture
def case(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """A task whose result is in the bucket alone."""
    settings = Settings(
        outputs=tmp_path / "outputs", storage_url=url, storage_public=True, visibility="private"
    )
    with service_of(settings, monkeypatch) as service:
        task = finished(service)
        path = service.store.safe_path(task.variant("modular").output)
        assert path is not None
        service.store.files.publish(path)
        path.unlink()
        yield service, app_of(), task, path


def link_of(app: Starlette, address: str, headers: dict[str, str]) -> str:
    answer = client(app).get(address, headers=headers, follow_redirects=False)
    assert answer.status_code == 307 and answer.headers["cache-control"] == "no-store"
    return str(answer.headers["location"])


def test_a_player_is_sent_to_the_bucket_for_a_quarter_of_an_hour(case: Case, s3: S3) -> None:
    _, app, task, _ = case
    address = f"/files/{task.id}/modular"
    link = link_of(app, address, {**PLAYER, "range": "bytes=0-"})
    assert link.startswith(s3.address)
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["900"]
    request = urllib.request.Request(link, headers={"range": "bytes=10-19"})
    with urllib.request.urlopen(request, timeout=60) as found:
        assert (found.status, found.read()) == (206, FILM[10:20])
        assert found.headers["content-type"] == "video/mp4"
        assert "content-disposition" not in found.headers
    saved = link_of(app, f"{address}?download=1", DOWNLOAD)
    with urllib.request.urlopen(saved, timeout=60) as found:
        assert found.read() == FILM
        assert "my%20dance_retrack.mp4" in found.headers["content-disposition"]


def test_a_stranger_gets_no_link(case: Case) -> None:
    _, app, task, _ = case
    for who in (client(app, THEIRS), client(app, None)):
        answer = who.get(f"/files/{task.id}/modular", headers=PLAYER, follow_redirects=False)
        assert answer.status_code == 404 and "location" not in answer.headers


def test_what_no_link_fits_comes_through_the_server(case: Case, s3: S3) -> None:
    service, app, task, path = case
    address = f"/files/{task.id}/modular"
    assert client(app).head(address, headers=PLAYER).headers["content-length"] == str(len(FILM))
    for headers in (
        SCRIPT,
        MIXED,
        PICTURE,
        {},
    ):  # a script would need CORS; an old browser does not say what asks
        assert client(app).get(address, headers=headers).content == FILM
    path.write_bytes(FILM[:-1])  # not what the bucket has
    assert client(app).get(address, headers=PLAYER).content == FILM[:-1]
    path.write_bytes(FILM)
    link_of(app, address, PLAYER)
    s3.fault = lambda environ: 403
    assert client(app).get(address, headers=PLAYER).content == FILM
    path.unlink()
    assert client(app).get(address, headers=PLAYER).status_code == 503
    s3.well()
    private = service.settings.model_copy(update={"storage_public": False})
    object.__setattr__(service, "settings", private)
    assert client(app).get(address, headers=PLAYER).content == FILM
    assert placed.link_origin(service) == ""


def test_pages_play_from_where_links_lead(case: Case, s3: S3) -> None:
    service, _, _, _ = case
    origin = placed.link_origin(service)
    assert origin == s3.address
    assert f"media-src 'self' data: blob: {origin};" in page_policy("", origin)
    policy = share._page_headers(origin)["content-security-policy"]
    assert f"media-src 'self' {origin};" in policy and "connect-src 'self';" in policy
