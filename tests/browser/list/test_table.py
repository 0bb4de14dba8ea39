"""The table as a person uses it: live, selectable, acted on, by several viewers at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.previews.copies import THUMBNAIL_PIXELS
from tests.browser.serving import Server
from tests.browser.steps import (
    GRID,
    ROWS,
    click_row,
    put_in,
    records,
    select_row,
    settled,
    standing_still,
    task_of,
    until,
    wait_done,
    wait_rows,
    wait_status,
)
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser


def test_refresh_and_restart_in_the_middle(
    serve: Callable[..., Server], visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    server = serve()
    page = visit(server.url)
    for again in (False, True):
        if again:
            page.goto(server.url)
        page.get_by_role("button", name="Try it with a sample").click()
        page.locator(".st-key-head").wait_for()
    opened = until(page, lambda: "task=" in page.url and task_of(page), "the task in the address")
    page.reload()
    page.locator(".st-key-detail", has_text="sample dance").wait_for()
    server.kill()
    # Nobody opens the page: the new server goes on by itself.
    server.start()
    for task_id in list(records(server)):
        assert wait_status(server, page, task_id, "success")["status"] == "success"
    # The old page finds its way back, to the same task.
    wait_done(page)
    assert opened in page.url


def test_cancel_retry_delete(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    first = put_in(server, pair, "dance 0.mp4")
    with standing_still(server, first):
        ids = [first, *(put_in(server, pair, f"dance {n}.mp4") for n in (1, 2))]
        page = visit(f"{server.url}/?task={ids[2]}")
        detail = page.locator(".st-key-detail")
        detail.get_by_role("button", name="Cancel").click()
        assert wait_status(server, page, ids[2], "failed")["reason"] == "cancelled"
    detail.locator("[data-testid=stAlert]", has_text="Cancelled").wait_for()
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
    own: Visitor,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
) -> None:
    server = own.server
    first = put_in(server, pair, "chosen.mp4", visitor=own.name)
    wait_status(server, None, first, "success")
    page, other = (visit(server.url, before=own.enter) for _ in range(2))
    wait_rows(page, 1)
    select_row(page, 0)
    page.locator("text=1 selected").wait_for()
    assert page.locator(".st-key-detail").count() == 0, "a tick opens nothing"
    # Something is handed in at another window, which comes to stand in front of it.
    other.get_by_role("button", name="Try it with a sample").click()
    other.locator(".st-key-head").wait_for()
    wait_rows(page, 2)
    shot(page, "selection")
    page.locator(".st-key-bulk").get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").locator("text=chosen.mp4").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("text=Deleted: 1").wait_for()
    left = [task for task in records(server).values() if task.get("visitor") == own.name]
    assert first not in records(server)
    assert len(left) == 1, "the task in front was not touched"
    wait_done(other)


def test_a_click_opens_a_page_and_the_list_stays_as_it_was(
    own: Visitor, visit: Callable[..., Any]
) -> None:
    own.bring({str(uuid.uuid4()): finished(f"dance {n:02d}.mp4", n) for n in range(9)})
    page = visit(own.server.url, before=own.enter)
    wait_rows(page, 9)
    search = page.get_by_role("textbox", name="Search")
    search.fill("dance 0")
    search.press("Enter")
    names = [row[1] for row in wait_rows(page, 9)]
    head, bulk = page.locator(".st-key-head"), page.locator(".st-key-bulk")
    select_row(page, 1)
    bulk.locator(f"text=1 selected: {names[1]}").wait_for()
    ways_back = (
        page.get_by_role("button", name="All tasks").click,
        page.go_back,
        page.get_by_role("button", name="All tasks").click,
    )
    for go_back in ways_back:  # the same cell each time
        click_row(page, 3)
        head.get_by_role("heading", name=names[3]).wait_for()
        settled(page)
        others = page.locator(ROWS).or_(page.locator(".uploader"))
        assert others.count() == 0, "the task has the page for itself"
        go_back()
        bulk.locator(f"text=1 selected: {names[1]}").wait_for()
        assert search.input_value() == "dance 0"
        assert "task=" not in page.url
        settled(page)
    page.go_back()  # the browser's way: from the list to the task that was shown before it
    head.get_by_role("heading", name=names[3]).wait_for()
    page.reload()
    head.get_by_role("heading", name=names[3]).wait_for()
    page.go_forward()
    wait_rows(page, 9)


def test_a_phone_shows_cards_that_open_by_one_tap_and_have_a_menu(
    own: Visitor, visit: Callable[..., Any], shot: Callable[..., None]
) -> None:
    own.bring({str(uuid.uuid4()): finished(f"dance {n}.mp4", n) for n in range(3)})
    page = visit(own.server.url, width=390, height=844, before=own.enter)
    wait_rows(page, 3)
    cards = page.locator(ROWS)
    boxes = [cards.nth(n).bounding_box() for n in range(3)]
    assert all(box["width"] > 300 and box["height"] < 200 for box in boxes)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(GRID).count() == 0
    menu = cards.nth(1).locator(".menu")
    menu.locator("summary").click()
    shot(page, "cards")
    assert menu.get_by_role("button").all_inner_texts() == ["Select", "Delete"]
    page.keyboard.press("Escape")
    menu.get_by_role("button", name="Delete").wait_for(state="hidden")
    menu.locator("summary").click()
    menu.get_by_role("button", name="Select").click()
    page.locator(".st-key-bulk", has_text="1 selected: dance 1.mp4").wait_for()
    page.get_by_role("checkbox", name="Select: dance 2.mp4").click()  # they are shown from now on
    page.locator(".st-key-bulk", has_text="2 selected").wait_for()
    menu.locator("summary").click()
    menu.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").locator("text=dance 1.mp4").wait_for()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    assert {row[1] for row in wait_rows(page, 2)} == {"dance 0.mp4", "dance 2.mp4"}
    cards.nth(0).locator(".when").click()  # the card as a whole
    page.locator(".st-key-head").get_by_role("heading", name="dance 2.mp4").wait_for()


def test_a_row_shows_the_film_and_saves_it_by_one_click(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    task_id = put_in(server, pair, "to keep.mp4")
    page = visit(server.url)
    wait_status(server, page, task_id, "success")
    row = page.locator(ROWS, has_text="to keep.mp4")
    row.locator("a.do").wait_for()
    picture = row.locator("img")
    picture.wait_for()
    width = "image => image.naturalWidth"
    until(page, lambda: picture.evaluate(width) == THUMBNAIL_PIXELS, "the picture")
    with page.expect_download() as download:
        row.get_by_role("link", name="Save").click()
    saved = Path(download.value.path()).read_bytes()
    assert saved == (server.outputs / "results" / task_id / f"{task_id}_modular.mp4").read_bytes()
    assert "task=" not in page.url, "to save is not to open"


def finished(name: str, minute: int) -> dict[str, Any]:
    at = f"2999-11-18T03:0{minute}:00+00:00"
    return {
        "status": "success",
        "message": "处理成功",
        "created_at": at,
        "started_at": at,
        "completed_at": at,
        "modular_output": None,
        "v2_output": None,
        "dance_name": name,
    }


def test_a_private_visitor_cannot_reach_anothers_task(
    private: Server, visit: Callable[..., Any]
) -> None:
    mine, theirs = visit(private.url), visit(private.url)
    mine.get_by_role("button", name="Try it with a sample").click()
    wait_done(mine)
    link = mine.url
    task_id = task_of(mine)
    theirs.goto(link)
    theirs.locator("text=This task is not here").wait_for()
    theirs.get_by_role("button", name="All tasks").click()
    theirs.locator("text=No tasks yet").wait_for()
    address = f"{private.url}/files/{task_id}/modular"
    assert mine.request.get(address).status == 200
    assert theirs.request.get(address).status == 404
    bundle = f"{private.url}/files/bundle?ids={task_id}"
    assert mine.request.get(bundle).status == 200
    assert theirs.request.get(bundle).status == 404
    theirs.goto(f"{private.url}/history")
    theirs.locator("text=Nothing was finished").wait_for()
    cookie = mine.context.cookies()[0]
    assert cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    assert cookie["value"] not in (private.outputs / "task_status.json").read_text()
