"""A link to show: made in the page, opened by somebody without a cookie, and ended."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.serving import Server
from tests.browser.steps import put_in, records, until, wait_status
from tests.browser.visitor import Visitor
from ui.words.text import say

pytestmark = pytest.mark.browser


def test_a_film_is_shown_by_a_link_until_it_is_ended(
    private: Server,
    own: Visitor,
    visit: Callable[..., Any],
    browser: Any,
    short_pair: tuple[Path, Path],
    shot: Callable[..., None],
) -> None:
    task_id = put_in(private, short_pair, "shown.mp4", visitor=own.name)
    wait_status(private, None, task_id, "success")
    page = visit(f"{private.url}/?task={task_id}", before=own.enter)
    page.get_by_role("button", name=say("en", "share.button")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=say("en", "share.make")).click()
    field = dialog.get_by_role("textbox", name=say("en", "share.address"))
    address = until(page, field.input_value, "the address", seconds=30)
    assert re.fullmatch(rf"{private.url}/share/[\w-]{{22}}\.[0-9a-f]{{32}}", address)
    code = dialog.get_by_role("img", name=say("en", "share.code"))
    code.wait_for()
    until(page, lambda: code.evaluate("code => code.naturalWidth") > 100, "the QR code", seconds=30)
    shot(page, "share-dialog")
    # It stands when the page is drawn anew, and is the same later.
    page.reload()
    page.get_by_role("button", name=say("en", "share.button")).click()
    until(page, lambda: field.input_value() == address, "the same address", seconds=30)

    context = browser.new_context(locale="zh-CN", viewport={"width": 390, "height": 844})
    errors: list[str] = []
    friend = context.new_page()
    friend.on("pageerror", lambda error: errors.append(str(error)))

    def note(message: Any) -> None:
        if message.type == "error":
            errors.append(message.text)

    friend.on("console", note)
    assert friend.goto(address).status == 200
    assert friend.locator("html").get_attribute("lang") == "zh-CN"
    assert context.cookies() == []
    assert friend.get_by_role("heading").all_text_contents() == ["shown.mp4"]
    video = friend.locator("video")
    video.evaluate("video => { video.muted = true; return video.play(); }")
    until(friend, lambda: video.evaluate("video => video.currentTime > 0.5"), "it to play")
    assert video.evaluate("video => video.videoWidth") > 0
    with friend.expect_download() as saved:
        friend.get_by_role("link", name=say("zh", "save.video")).click()
    assert saved.value.suggested_filename == "shown_retrack.mp4"
    output = private.outputs.parent / records(private)[task_id]["modular_output"]
    assert Path(saved.value.path()).read_bytes() == output.read_bytes()
    assert friend.get_by_role("link").count() + friend.get_by_role("button").count() == 1
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for light in ("light", "dark"):
        friend.emulate_media(color_scheme=light)
        assert axe.run(friend).response["violations"] == []
        if folder := os.environ.get("RETRACK_SHOTS"):
            friend.screenshot(path=f"{folder}/share-page-{light}-zh.png")
    assert errors == [], "the page's policy holds nothing back that it needs"
    assert friend.goto(f"{private.url}/files/{task_id}/modular").status == 404

    dialog.get_by_role("button", name=say("en", "share.end")).click()
    page.locator("[data-testid=stToast]", has_text=say("en", "share.ended")).wait_for()
    dialog.get_by_role("button", name=say("en", "share.make")).wait_for()
    assert friend.goto(address).status == 404
    friend.get_by_text(say("zh", "shared.over")).wait_for()
    assert httpx.get(f"{address}/{task_id}/film").status_code == 404
    context.close()
