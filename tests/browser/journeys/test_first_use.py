"""A newcomer's first use, on a phone: what comes next is always on the screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import choose_language, unfold, wait_done

pytestmark = pytest.mark.browser


def top_of(page: Any, selector: str) -> float:
    """Where an element begins on the screen (pixels), once the page stands still."""
    before, now = 1e9, -1e9
    for _ in range(40):
        now = page.locator(selector).evaluate("e => e.getBoundingClientRect().top")
        if now == before:
            break
        before = now
        page.wait_for_timeout(250)
    return float(now)


def test_who_starts_a_task_on_a_phone_sees_it(
    private: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
) -> None:
    page = visit(private.url, width=390, height=844, locale="zh-CN")
    page.locator("text=还没有任务").wait_for()
    start = page.get_by_role("button", name="开始对齐")
    inputs = page.locator(".uploader input[type=file]")
    assert start.is_disabled()
    page.locator("text=请先选择你的舞蹈").wait_for()
    inputs.nth(0).set_input_files(str(pair[0]))
    page.locator("text=还需要选择歌曲").wait_for()
    inputs.nth(1).set_input_files(str(pair[1]))
    ready = page.get_by_role("button", name="开始对齐", disabled=False)
    ready.wait_for()
    box = ready.bounding_box()
    assert box["y"] + box["height"] <= 844, "nobody has to look for the button"
    ready.click()
    page.locator(".st-key-detail .compare .play").wait_for(timeout=120_000)
    wait_done(page)
    assert 0 < top_of(page, ".st-key-detail") < 200, "the task is before one's eyes"
    assert page.locator(".uploader").count() == 0, "and nothing else"
    # The original was all there was to see at first; now a result is what is heard.
    assert page.locator(".compare").get_attribute("data-active") == "modular"
    shot(page, "first-use-phone")
    # Whoever scrolls away is left alone, whatever the page draws meanwhile.
    unfold(page, "有多确定")
    page.locator("[data-testid=stTable]").wait_for()
    page.locator("[data-testid=stMainBlockContainer] h1").scroll_into_view_if_needed()
    choose_language(page, "English")
    page.locator("summary", has_text="How sure is it?").wait_for()
    page.wait_for_timeout(1500)
    assert top_of(page, "[data-testid=stMainBlockContainer] h1") >= 0
