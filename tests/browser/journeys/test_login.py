"""A login (``st.login``) is a visitor of its own: its tasks follow it to any browser."""

from __future__ import annotations

import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import (
    hand_in,
    records,
    select_row,
    task_of,
    until,
    wait_done,
    wait_rows,
)
from ui.web.visitor import visitor_name
from ui.words.text import say

pytest.importorskip("authlib", reason="Authlib is not installed")
from tests.browser.provider import Provider

pytestmark = pytest.mark.browser
ANA = {"sub": "1", "email": "ana@example.com", "email_verified": True, "name": "Ana"}
BO = {"sub": "2", "name": "Bo"}
"""A provider need not give an address."""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    provider = Provider().start()
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def members(
    serve_module: Callable[..., Server],
    provider: Provider,
    tmp_path_factory: pytest.TempPathFactory,
) -> Server:
    secrets = tmp_path_factory.mktemp("secrets") / "secrets.toml"
    secrets.write_text(provider.secrets())
    now = datetime.now(UTC).isoformat()
    before = {  # what the release before kept by the address
        "status": "failed",
        "message": "x",
        "created_at": now,
        "completed_at": now,
        "dance_name": "before.mp4",
        "visitor": visitor_name("login:ana@example.com"),
    }
    return serve_module(
        tasks={str(uuid.uuid4()): before},
        visibility="private",
        operators="ana@example.com",
        public_url="http://localhost:1",  # as good as a request from elsewhere
        arguments=("--secrets.files", str(secrets)),
    )


def log_in(page: Any, provider: Provider, person: dict[str, Any]) -> None:
    provider.person = person
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()


def test_a_login_keeps_its_tasks_and_others_do_not_see_them(
    members: Server,
    provider: Provider,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
) -> None:
    page = visit(members.url)
    log_in(page, provider, ANA)
    # A login uploads like everybody: to the disk, resumable.
    hand_in(page, [pair[0]], pair[1])
    task_id = until(page, lambda: "task=" in page.url and task_of(page), "the task")
    wait_done(page)
    shot(page, "login", full=True)
    assert records(members)[task_id]["visitor"] == visitor_name(f"login:{provider.url} 1")
    # The route does not know the login: signed links open the player and the downloads.
    page.locator(".compare video[src*='/modular']").wait_for(state="attached")
    shown = page.locator(".compare .active video")
    page.locator(".compare .play").click()
    until(page, lambda: shown.evaluate("video => video.readyState") >= 1, "the player")
    with page.expect_download() as download:
        page.get_by_role("link", name="Save video").click()
    result = members.outputs / "results" / task_id / f"{task_id}_modular.mp4"
    assert Path(download.value.path()).read_bytes() == result.read_bytes()
    page.get_by_role("button", name="All tasks").click()
    wait_rows(page, 2)  # the one of before among them
    select_row(page, 0)
    with page.expect_download() as download:
        page.locator(".st-key-bulk").get_by_role("link", name="Download").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["sample_dance_retrack.mp4"]

    # The same person at another browser, another person, and nobody.
    again, other, nobody = (visit(f"{members.url}/?task={task_id}") for _ in range(3))
    nobody.locator("text=This task is not here").wait_for()
    log_in(other, provider, BO)
    other.locator("text=No tasks yet").wait_for()
    other.goto(f"{members.url}/?task={task_id}")
    other.locator("text=This task is not here").wait_for()
    log_in(again, provider, ANA)
    again.goto(members.url)
    wait_rows(again, 2)
    operator = say("en", "page.operator")
    again.get_by_role("link", name=operator).wait_for()
    for visitor in (other, nobody):
        assert visitor.get_by_role("link", name=operator).count() == 0
        for path in ("operator", "health"):
            visitor.goto(f"{members.url}/{path}")
            visitor.locator("text=No tasks yet").wait_for()
            assert visitor.get_by_text(say("en", "health.workers")).count() == 0
    for stranger in (other, nobody):
        for address in (f"files/{task_id}/modular", f"files/bundle?ids={task_id}"):
            assert stranger.request.get(f"{members.url}/{address}").status == 404

    # Logged out, the browser is a visitor by its cookie again.
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("button", name="Log in").wait_for()
    page.locator("text=No tasks yet").wait_for()
