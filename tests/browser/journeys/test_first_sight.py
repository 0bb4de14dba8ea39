"""What a newcomer sees and hears before anything else."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import EARS, choose_language, until
from ui.words.text import say

pytestmark = pytest.mark.browser


def test_the_picture_moves_and_a_tap_changes_what_is_heard(
    private: Server, visit: Callable[..., Any], shot: Callable[..., None]
) -> None:
    page = visit(private.url, motion=True, before=lambda context: context.add_init_script(EARS))
    page.get_by_role("heading", name=say("en", "app.promise")).wait_for()
    film = page.locator(".film video")

    def now() -> float:
        return float(film.evaluate("video => video.currentTime"))

    until(page, lambda: now() > 0, "the picture to move by itself", seconds=30)
    assert film.evaluate("video => video.muted"), "nobody asked for a sound yet"
    assert page.evaluate("listen(0.3)")["all"] == 0
    shot(page, "first-sight")
    heard = {}
    for sound in ("phone", "song"):  # the picture itself is the button
        page.locator(".film .tap").click()
        page.locator(f".film[data-sound={sound}]").wait_for()
        until(page, lambda: page.evaluate("listen(0.3)")["all"] > 1e-6, "a sound", seconds=30)
        page.wait_for_timeout(300)
        heard[sound] = page.evaluate("listen(4)")["bass"]
    assert heard["song"] > 2 * heard["phone"], "the hall's sound, then the clean song"
    page.get_by_role("button", name=say("en", "film.phone"), exact=True).last.click()
    page.locator(".film[data-sound=phone]").wait_for()
    page.get_by_role("button", name=say("en", "film.pause")).click()
    stood = now()
    page.wait_for_timeout(400)
    assert now() == stood, "it can be stopped"
    choose_language(page, "简体中文")
    page.get_by_role("heading", name=say("zh", "app.promise")).wait_for()
    page.locator(".film", has_text=say("zh", "film.song")).wait_for()
    assert now() == stood, "the same film goes on in another language"


def test_what_can_be_given_is_said_and_the_page_is_an_app(
    private: Server, whole: Any, visit: Callable[..., Any]
) -> None:
    page = visit(private.url, height=800, within=whole)
    zones = page.locator(".uploader .zone")
    for zone, label, drop in ((0, "dance", "drop"), (1, "reference", "drop_one")):
        for said in (label, drop):
            zones.nth(zone).get_by_text(say("en", f"upload.{said}"), exact=True).wait_for()
        assert zones.nth(zone).evaluate("e => e.getBoundingClientRect().bottom") < 800, "in sight"
    page.get_by_text("Up to 4 GB a file").wait_for()
    lefts = page.locator(".st-key-header, .st-key-first-sight, .uploader").evaluate_all(
        "parts => parts.map(part => Math.round(part.getBoundingClientRect().left))"
    )
    assert len(set(lefts)) == 1, "everything begins at one line"
    assert page.title() == "Retrack"
    session = page.context.new_cdp_session(page)
    manifest = session.send("Page.getAppManifest")
    assert not manifest["errors"], manifest["errors"]
    assert json.loads(manifest["data"])["short_name"] == "Retrack"
    faults = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [fault["errorId"] for fault in faults] == ["in-incognito"], "but for the test's window"


def test_who_wants_no_motion_gets_none(private: Server, visit: Callable[..., Any]) -> None:
    page = visit(private.url)  # as every test that asks for no motion
    film = page.locator(".film[data-stopped=true] video")
    film.wait_for()
    page.wait_for_timeout(500)
    assert film.evaluate("video => video.paused && video.currentTime < 0.01")
    page.locator(".film .halt").click()
    moving = page.locator(".film[data-stopped=false] video")
    until(page, lambda: moving.evaluate("video => video.currentTime > 0"), "the film", seconds=30)
