"""A click is never lost: whatever the page draws meanwhile, it means what is true at the click."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.browser.list.test_many import ended
from tests.browser.serving import Server
from tests.browser.steps import (
    HOLD,
    cancel,
    put_in,
    records,
    select_named,
    select_row,
    standing_still,
    until,
    wait_rows,
    wait_status,
)
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

MARK = """
() => {
  const place = button => {
    const {x, y} = button.getBoundingClientRect();
    return button.isConnected ? `${Math.round(x)},${Math.round(y)}` : 'gone'; };
  const buttons = [...document.querySelectorAll('.st-key-queue button, .st-key-bulk button')];
  const marked = buttons.map(button => [button, place(button)]);
  window.moved = () => marked.filter(([button, was]) => place(button) !== was).map(
    ([button, was]) => `${button.textContent}: ${was} -> ${place(button)}`);
  return marked.length; }
"""
MOVED = "() => window.moved()"


def test_a_bulk_action_means_the_tasks_as_they_are_at_the_click(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    page = visit(server.url, before=lambda context: context.add_init_script(HOLD))
    first = put_in(server, pair, "meant 0.mp4")
    with standing_still(server, first):  # at once: it would be over before the others are there
        ids = [first, *(put_in(server, pair, f"meant {n}.mp4") for n in (1, 2))]
        bulk = page.locator(".st-key-bulk")
        for count in (1, 2):
            select_named(page, f"meant {count}.mp4")
            bulk.locator(f"text={count} selected").wait_for()
        retry = bulk.get_by_role("button", name="Retry")
        cancel(server, ids[2])
        until(page, retry.is_enabled, "the button")
        page.evaluate("window.held = true")  # from here on the page knows of one that has failed
        cancel(server, ids[1])
        for task_id in ids[1:]:
            wait_status(server, page, task_id, "failed")
        retry.click()
        page.locator("text=Started again: 2").wait_for()
        page.evaluate("window.held = false")
    for task_id in ids[1:]:
        wait_status(server, page, task_id, "success")


def test_a_click_that_comes_too_late_says_so(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    page = visit(server.url, before=lambda context: context.add_init_script(HOLD))
    task_id = put_in(server, pair, "late.mp4")
    with standing_still(server, task_id):
        select_named(page, "late.mp4")
        cancelling = page.locator(".st-key-bulk").get_by_role("button", name="Cancel")
        until(page, cancelling.is_enabled, "the button")
        page.evaluate("window.held = true")
    wait_status(server, page, task_id, "success")
    cancelling.click()
    page.locator("text=Too late for that").wait_for()
    assert records(server)[task_id]["status"] == "success"


def test_buttons_stay_under_the_pointer_while_work_begins_and_ends(
    own: Visitor, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    lately = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    times = {"created_at": lately, "started_at": lately, "completed_at": lately}
    server = own.server
    own.bring({str(uuid.uuid4()): ended(n, **times) for n in range(3)})

    def asked(context: Any) -> None:
        own.enter(context)
        # Who has not been asked yet is offered a notice while something runs.
        context.add_init_script(
            "Object.defineProperty(Notification, 'permission', {get: () => 'default'});"
        )

    page = visit(server.url, before=asked, motion=True)
    wait_rows(page, 3)
    page.locator("text=Nothing is running or waiting").wait_for()
    select_row(page, 0)
    page.locator(".st-key-bulk").wait_for()
    until(page, lambda: page.evaluate(MARK) >= 5 and page.evaluate(MOVED) == [], "the buttons")
    task_id = put_in(server, pair, "elsewhere.mp4", visitor=own.name)
    with standing_still(server, task_id):
        page.get_by_role("button", name="Refresh").click()
        page.get_by_role("button", name="Tell me when it is done").wait_for()
        assert page.evaluate(MOVED) == []
    wait_status(server, page, task_id, "success")
    page.locator("[data-testid=stToast]", has_text="Done: elsewhere.mp4").wait_for()
    page.locator("text=Nothing is running or waiting").wait_for()
    assert page.evaluate(MOVED) == []


def test_the_question_before_a_delete_stands_until_it_is_answered(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    gone = put_in(server, pair, "unwanted.mp4")
    page = visit(f"{server.url}/?task={gone}")
    wait_status(server, page, gone, "success")
    detail = page.locator(".st-key-detail")
    ask = detail.get_by_role("button", name="Delete")
    dialog = page.get_by_role("dialog")
    for answer in ("Keep", "Close", "Delete"):
        ask.click()
        dialog.locator("text=unwanted.mp4").wait_for()
        if answer == "Delete":
            # The whole page is drawn anew for the notice.
            wait_status(server, page, put_in(server, pair, "meanwhile.mp4"), "success")
            page.locator("[data-testid=stToast]", has_text="Done: meanwhile.mp4").wait_for()
        dialog.get_by_role("button", name=re.compile(answer)).click()
        dialog.wait_for(state="detached")
        if answer == "Delete":
            page.locator("text=Deleted: 1").wait_for()
        # What was answered is not asked again when the page is drawn anew.
        page.locator(".st-key-header").wait_for()
    assert gone not in records(server)
    dialog.wait_for(state="detached")
