"""The server goes away under an open page: said in the visitor's words, and nothing is locked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import hand_in, until, wait_done
from ui.words.catalogue import en, zh

pytestmark = pytest.mark.browser
MB = 1024 * 1024
PATIENT = """
const plain = window.setTimeout;
window.setTimeout = (act, ms, ...rest) =>
  plain(act, window.patient && act.name === 'end' ? 1e9 : ms, ...rest);
"""
"""While ``patient``, an upload's pause between two tries (``uploader.js``) never ends by itself."""
DIALOGS = "[data-testid=stDialog]"
APP = "[data-testid=stApp]"


@pytest.fixture(scope="module")
def mortal(serve_module: Callable[..., Server]) -> Server:
    """A server that a test may kill, and starts again."""
    return serve_module()


def wait_lost(page: Any) -> None:
    """Wait until Streamlit has tried in vain, which is when its own dialog would come."""
    with page.expect_event("requestfailed", lambda request: "/_stcore/" in request.url):
        pass
    page.locator(f"{APP}:not([data-test-connection-state=CONNECTED])").wait_for()
    page.wait_for_timeout(500)


def test_a_lost_connection_is_said_in_the_visitors_language(
    mortal: Server, visit: Callable[..., Any], shot: Callable[..., None]
) -> None:
    pages = {
        (host, locale): visit(mortal.url.replace("localhost", host), locale=locale)
        for host, locale in (("localhost", "zh-CN"), ("127.0.0.1", "en-US"))
    }
    for page in pages.values():
        line = page.locator(".lost .line")
        line.wait_for(state="attached")
        assert line.text_content() == ""
    mortal.kill()
    for (host, locale), page in pages.items():
        texts = en.TEXT if locale == "en-US" else zh.TEXT
        wait_lost(page)
        page.locator(".lost .line").filter(has_text=texts["lost.text"]).wait_for()
        said = page.locator("body").inner_text()
        assert "treamlit" not in said and "onnecti" not in said.replace(texts["lost.text"], "")
        assert page.locator(DIALOGS).count() == 0
        assert page.locator("[inert] h1, [inert] .lost").count() == 0
        shot(page, f"lost-{host}-{locale}")
    mortal.start()
    for page in pages.values():
        line = page.locator(".lost .line")
        line.wait_for(state="hidden")
        assert line.text_content() == ""


def test_what_goes_on_without_the_server_goes_on(
    mortal: Server, visit: Callable[..., Any], pair: tuple[Path, Path], tmp_path: Path
) -> None:
    def patient(context: Any) -> None:
        context.add_init_script(PATIENT)

    watching = visit(mortal.url, before=patient)
    hand_in(watching, [pair[0]], pair[1])
    wait_done(watching)
    shown = watching.locator(".compare .active video")
    # So much of the film has come that it plays on.
    shown.evaluate("v => { v.preload = 'auto'; }")
    until(watching, lambda: shown.evaluate("v => v.readyState") == 4, "all of it")
    # A question of ours stands; it is not Streamlit's.
    watching.locator(".st-key-detail").get_by_role("button", name="Delete").click()
    watching.locator(DIALOGS, has_text="Delete?").wait_for()
    page = visit(mortal.url, before=patient)
    # Two uploads; the connection is so slow that the first is under way.
    for name in ("first.mp4", "second.mp4"):
        (tmp_path / name).write_bytes(os.urandom(8 * MB))
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": MB / 2}
    network.send("Network.emulateNetworkConditions", slow)
    files = page.locator(".uploader li")
    chosen = [str(tmp_path / name) for name in ("first.mp4", "second.mp4")]
    page.locator(".uploader input[type=file]").nth(0).set_input_files(chosen)
    first, second = files.filter(has_text="first.mp4"), files.filter(has_text="second.mp4")
    first.filter(has_text=re.compile(r"Uploading [1-9]")).wait_for()

    mortal.kill()
    wait_lost(page)
    wait_lost(watching)
    assert watching.locator(DIALOGS).count() == 1, "our own question stays, and only that"
    watching.keyboard.press("Escape")
    watching.locator(DIALOGS).wait_for(state="detached")

    watching.locator(".compare .play").click()
    until(watching, lambda: shown.evaluate("v => v.currentTime") > 1, "it to play", seconds=60)
    first.filter(has_text="Connection lost").wait_for()
    page.evaluate("window.patient = true")
    first.get_by_role("button", name="Remove").click()
    first.wait_for(state="detached")
    # The second one's turn has come; by itself it would wait for its next try for ever.
    second.filter(has_text="Connection lost").wait_for()
    slow["uploadThroughput"] = -1
    network.send("Network.emulateNetworkConditions", slow)
    page.evaluate("window.patient = false")
    mortal.start()
    page.locator(f"{APP}[data-test-connection-state=CONNECTED]").wait_for(timeout=120_000)
    page.locator(".uploader li[data-state=done]", has_text="second.mp4").wait_for()
    incoming = mortal.outputs / "incoming"
    until(page, lambda: len(list(incoming.glob("*/*.info"))) == 1, "the removed one to go")


@pytest.mark.parametrize("event", ["online", "visibilitychange"])
def test_an_upload_goes_on_at_once_when_the_connection_is_back(
    server: Server, visit: Callable[..., Any], tmp_path: Path, event: str
) -> None:
    film = tmp_path / "waiting.mp4"
    film.write_bytes(os.urandom(MB))
    page = visit(server.url, before=lambda context: context.add_init_script(PATIENT))
    page.locator(".uploader h4").first.wait_for()
    cut = re.compile("/uploads/files/")
    page.route(cut, lambda route: route.abort())
    page.evaluate("window.patient = true")
    page.locator(".uploader input[type=file]").nth(0).set_input_files(str(film))
    row = page.locator(".uploader li", has_text=film.name)
    row.filter(has_text="Connection lost").wait_for()
    page.unroute(cut)
    page.wait_for_timeout(1000)
    assert row.get_attribute("data-state") == "resuming", "nothing is tried again by itself"
    target = "window" if event == "online" else "document"
    page.evaluate(f"{target}.dispatchEvent(new Event('{event}'))")
    page.locator(".uploader li[data-state=done]", has_text=film.name).wait_for()
