"""The browser's own notification when a task is done, and the button that asks for it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.browser.list.test_many import ended
from tests.browser.serving import Server
from tests.browser.steps import (
    HOLD,
    cells,
    put_in,
    standing_still,
    until,
    wait_rows,
    wait_status,
)
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser

RECORD = """
window.shown = [];
const permission = Object.getOwnPropertyDescriptor(Notification, 'permission');
window.Notification = class {
  constructor(title, options) { window.shown.push({title, ...options}); }
  close() {}
  static requestPermission() { return Promise.resolve('granted'); }
};
Object.defineProperty(window.Notification, 'permission', permission);
"""
"""Writes down what would be shown; the permission is the browser's own."""
HIDDEN = "Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'});"
"""Chromium without a screen takes every tab for a visible one."""


def test_a_hidden_page_notifies_where_it_may(
    server: Server, whole: Any, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    def allowed(context: Any) -> None:
        context.grant_permissions(["notifications"], origin=server.url)
        context.add_init_script(RECORD)

    def away(context: Any) -> None:
        allowed(context)
        context.add_init_script(HIDDEN)

    def asked(context: Any) -> None:
        context.add_init_script(
            RECORD + "Object.defineProperty(Notification, 'permission', {get: () => 'default'});"
        )

    last = put_in(server, pair, "noticed.mp4")
    with standing_still(server, last):
        hidden, watched, fresh = (
            visit(server.url, before=before, locale=locale, within=whole)
            for before, locale in ((away, "zh-CN"), (allowed, "en-US"), (asked, "en-US"))
        )
        offer = fresh.get_by_role("button", name="Tell me when it is done")
        offer.wait_for()  # who has not been asked yet
        for page in (hidden, watched):
            until(page, partial(cells, page), "the table")  # they know of it
    wait_status(server, hidden, last, "success")

    def notes() -> list[dict[str, str]]:
        shown: list[dict[str, str]] = hidden.evaluate("window.shown")
        return [note for note in shown if note["title"] == "已完成：noticed.mp4"]

    [note] = until(hidden, notes, "the notification", seconds=30)
    assert "已对齐" in note["body"]
    # Who looks at the page gets the toast alone.
    watched.locator("[data-testid=stToast]", has_text="Done: noticed.mp4").wait_for()
    assert watched.evaluate("window.shown") == []
    offer.wait_for(state="hidden")  # the page was drawn again meanwhile
    assert len(notes()) == 1, "once"


def test_work_that_nobody_saw_is_announced_and_old_work_is_not(
    own: Visitor, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    def held(context: Any) -> None:
        own.enter(context)
        context.add_init_script(HOLD)

    server = own.server
    before = put_in(server, pair, "before.mp4", visitor=own.name)
    with standing_still(server, before):
        page = visit(server.url, before=held)
        wait_rows(page, 1)
    wait_status(server, page, before, "success")
    page.locator("[data-testid=stToast]", has_text="Done: before.mp4").wait_for()
    page.locator("text=Nothing is running or waiting").wait_for()
    page.evaluate("window.held = true")
    # Brought in from another folder: it has been over for an hour.
    lately = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    times = {"created_at": lately, "started_at": lately, "completed_at": lately}
    own.bring({str(uuid.uuid4()): ended(7, **times)})
    unseen = put_in(server, pair, "unseen.mp4", visitor=own.name)
    wait_status(server, page, unseen, "success")
    late = visit(server.url, before=own.enter)
    for looking in (page, late):
        looking.get_by_role("button", name="Refresh").click()
        wait_rows(looking, 3)
    toast = page.locator("[data-testid=stToast]", has_text="Done: ")
    toast.filter(has_text="unseen.mp4").wait_for()
    assert toast.filter(has_text="class 07.mp4").count() == 0
    assert late.locator("[data-testid=stToast]").count() == 0, "it was over when this one came"
