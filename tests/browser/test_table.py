"""The table as a person uses it: live, selectable, acted on, by several viewers at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import Settings
from pipeline.submit import submit
from store import Store
from store.settings import StoreSettings
from tests.browser.serving import Server
from tests.browser.test_dancer import records, wait_done

pytestmark = pytest.mark.browser


def put_in(server: Server, pair: tuple[Path, Path], name: str) -> str:
    """Another program hands a task in, as ``python -m pipeline submit`` does."""
    settings = Settings(outputs=server.outputs)
    store = Store(StoreSettings(outputs=server.outputs))
    store.start()
    try:
        return submit(store, settings, *pair, dance_name=name, reference_name="song.m4a").id
    finally:
        store.close()


def wait_status(server: Server, page: Any, task_id: str, *statuses: str) -> dict[str, Any]:
    for _ in range(240):
        record = records(server).get(task_id, {})
        if record.get("status") in statuses:
            return dict(record)
        page.wait_for_timeout(500)
    raise AssertionError(f"{task_id} is {record.get('status')}, not one of {statuses}")


def select_row(page: Any, row: int) -> None:
    """Click the check box of a row of the canvas table."""
    canvas = page.locator("[data-testid=stDataFrame] canvas").first
    canvas.click(position={"x": 16, "y": 35 + 40 * row + 20}, force=True)


def test_refresh_and_restart_in_the_middle(
    serve: Callable[..., Server], visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    server = serve()
    page = visit(server.url)
    for _ in range(2):
        page.get_by_role("button", name="Try the sample pair").click()
        page.locator("text=Handed in").first.wait_for()
        page.wait_for_timeout(500)
    opened = re.search(r"task=([0-9a-f-]+)", page.url)
    assert opened is not None
    page.reload()
    page.locator(".st-key-detail", has_text="sample dance").wait_for()
    server.kill()
    # Nobody opens the page: the new server goes on by itself.
    server.start()
    for task_id in list(records(server)):
        assert wait_status(server, page, task_id, "success")["status"] == "success"
    # The old page finds its way back, to the same task.
    wait_done(page)
    assert opened.group(1) in page.url


def test_cancel_retry_delete(
    serve: Callable[..., Server], visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    server = serve()
    page = visit(server.url)
    ids = [put_in(server, pair, f"dance {n}.mp4") for n in range(3)]
    page.goto(f"{server.url}/?task={ids[2]}")
    detail = page.locator(".st-key-detail")
    detail.get_by_role("button", name="Cancel").click()
    assert wait_status(server, page, ids[2], "failed")["reason"] == "cancelled"
    detail.locator("text=Cancelled").first.wait_for()
    detail.get_by_role("button", name="Retry").click()
    wait_status(server, page, ids[2], "success")
    wait_done(page)
    detail.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("text=Deleted: 1").wait_for()
    assert ids[2] not in records(server)
    assert not (server.outputs / "results" / ids[2]).exists()
    # A link to it says what became of it.
    page.goto(f"{server.url}/?task={ids[2]}")
    page.locator("text=may have expired").wait_for()


def test_the_selection_follows_the_task(
    serve: Callable[..., Server],
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
) -> None:
    server = serve()
    first = put_in(server, pair, "chosen.mp4")
    page, other = visit(server.url), visit(server.url)
    wait_status(server, page, first, "success")
    page.reload()
    page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
    page.wait_for_timeout(1000)
    select_row(page, 0)
    page.locator("text=1 selected").wait_for()
    page.locator(".st-key-detail", has_text="chosen").wait_for()
    # Another viewer hands something in, which comes to stand in front of it.
    other.get_by_role("button", name="Try the sample pair").click()
    other.locator("text=Handed in").first.wait_for()
    page.locator("text=Tasks: 2").wait_for(timeout=40_000)
    page.wait_for_timeout(1500)
    shot(page, "selection")
    page.locator(".st-key-bulk").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").locator("text=chosen.mp4").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("text=Deleted: 1").wait_for()
    left = records(server)
    assert first not in left
    assert len(left) == 1, "the task in front was not touched"
    wait_done(other)
    # Search and filter.
    page.get_by_role("textbox", name="Search").fill("nothing of this name")
    page.keyboard.press("Enter")
    page.locator("text=No task matches").wait_for()


def test_a_private_visitor_cannot_reach_anothers_task(
    serve: Callable[..., Server], visit: Callable[..., Any]
) -> None:
    server = serve(visibility="private")
    mine, theirs = visit(server.url), visit(server.url)
    mine.get_by_role("button", name="Try the sample pair").click()
    wait_done(mine)
    link = mine.url
    task_id = re.search(r"task=([0-9a-f-]+)", link)
    assert task_id is not None
    theirs.goto(link)
    theirs.locator("text=This task is not here").wait_for()
    assert theirs.locator("text=No tasks yet").count() == 1
    address = f"{server.url}/files/{task_id.group(1)}/modular"
    assert mine.request.get(address).status == 200
    assert theirs.request.get(address).status == 404
    bundle = f"{server.url}/files/bundle?ids={task_id.group(1)}"
    assert mine.request.get(bundle).status == 200
    assert theirs.request.get(bundle).status == 404
    theirs.goto(f"{server.url}/history")
    theirs.locator("text=Nothing was finished").wait_for()
    cookie = mine.context.cookies()[0]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert cookie["value"] not in (server.outputs / "task_status.json").read_text()
