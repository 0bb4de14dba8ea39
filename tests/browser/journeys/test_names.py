"""A file's name is text wherever the page shows it: no links, emoji, icons or arrows come of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import click_row, select_row, settled, task_of, wait_rows
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
NAMES = (
    "see http://evil.example/x.mp4",
    "HTTPS://evil.example.mp4",
    "www.evil.example.mp4",
    "ana@evil.example.mp4",
    ":smile: :material/home: :streamlit:.mp4",
    "a -> b -- c <- d >= e.mp4",
    "<http://evil.example> [x](http://evil.example).mp4",
    ":red[x] $a$ `b` *c* ~d~.mp4",
)
IDS = [str(uuid.UUID(int=number, version=4)) for number in range(len(NAMES))]
MADE = "[data-testid=stMarkdownContainer] :is(a, img, code, em, del)"


@pytest.fixture(scope="module")
def named(private: Server) -> Visitor:
    now = datetime.now(UTC).isoformat()
    visitor = Visitor(private)
    visitor.bring(
        {
            task_id: {
                "status": "failed",
                "message": "x",
                "reason": "no_shared_music",
                "created_at": now,
                "completed_at": now,
                "dance_name": name,
                "reference_name": name,
            }
            for task_id, name in zip(IDS, NAMES, strict=True)
        }
    )
    return visitor


def test_a_task_shows_its_names_as_they_were_given(
    named: Visitor, visit: Callable[..., Any]
) -> None:
    page = visit(named.server.url, before=named.enter)
    detail = page.locator(".st-key-detail")
    opened = []
    for row in range(len(NAMES)):
        wait_rows(page, len(NAMES))
        click_row(page, row)
        heading = detail.locator("h1")
        heading.wait_for()
        caption = detail.locator("[data-testid=stCaptionContainer]").first
        settled(page)
        opened.append(task_of(page))
        name = NAMES[IDS.index(opened[-1])]
        for shown in (heading, caption):
            assert name in shown.inner_text().replace("\u2060", "")
        assert detail.locator(MADE).count() == 0, name
        page.get_by_role("button", name="All tasks").click()
    assert sorted(opened) == IDS


def test_a_ticked_row_shows_its_name_as_it_was_given(
    named: Visitor, visit: Callable[..., Any]
) -> None:
    page = visit(named.server.url, before=named.enter)
    wait_rows(page, len(NAMES))
    for row in range(len(NAMES)):
        select_row(page, row)
        settled(page)
        text = page.locator(".st-key-bulk [data-testid=stMarkdown]").inner_text()
        assert any(name[:12] in text.replace("\u2060", "") for name in NAMES), text
        assert page.locator(f".st-key-bulk {MADE}").count() == 0
        select_row(page, row)
        settled(page)
