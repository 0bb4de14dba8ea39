"""Uploads from the page: limits, a reload, another page meanwhile."""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.list.test_table import finished
from tests.browser.serving import Server
from tests.browser.steps import choose_files, choose_language, until, wait_done
from tests.browser.tus import Sender
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
MB = 1024 * 1024


@pytest.fixture(scope="module")
def small(serve_module: Callable[..., Server]) -> Server:
    return serve_module(max_upload_mb="8", uploads_gb_per_visitor="0.01")


def test_the_limit_of_size(small: Server, visit: Callable[..., Any], tmp_path: Path) -> None:
    sender = Sender(small)
    assert sender.announce(8 * MB + 1).status_code == 413
    uid = sender.begin(8 * MB)
    sender.send(uid, 0, bytes(8 * MB + 1))
    assert sender.file(uid).stat().st_size <= 8 * MB
    # The page says so before a byte is sent.
    large = tmp_path / "large.mp4"
    large.write_bytes(bytes(8 * MB + 1))
    page = visit(small.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    page.locator(".uploader input[type=file]").nth(0).set_input_files(str(large))
    page.locator(".uploader li[data-state=failed]", has_text="too large").wait_for()
    sent = [one for one in asked if "/uploads/" in one and not one.startswith("OPTIONS ")]
    assert not sent, "but whether uploads get through is asked"


def test_the_limit_of_all_files_that_wait(
    small: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    tmp_path: Path,
) -> None:
    incoming = small.outputs / "incoming"
    before = set(incoming.glob("*/*.info"))
    page = visit(small.url, locale="zh-CN")
    for name in ("first.mp4", "second.mp4"):
        (tmp_path / name).write_bytes(bytes(6 * MB))
    inputs = page.locator(".uploader input[type=file]")
    first, second = (page.locator(".uploader li", has_text=name) for name in ("first", "second"))
    inputs.nth(0).set_input_files([str(tmp_path / "first.mp4"), str(tmp_path / "second.mp4")])
    page.locator(".uploader li[data-state=failed]", has_text="最多 0.01 GB").wait_for()
    assert (first.get_attribute("data-state"), second.get_attribute("data-state")) == (
        "done",
        "failed",
    )
    assert "中断处继续" not in second.text_content(), "choosing it again would not go on"
    shot(page, "upload-limit-zh")
    # Room is made by what the sentence says.
    for item in (first, second):
        item.get_by_role("button").click()
        item.wait_for(state="detached")
    until(page, lambda: set(incoming.glob("*/*.info")) == before, "the server to have removed it")
    inputs.nth(0).set_input_files(str(tmp_path / "second.mp4"))
    page.locator(".uploader li[data-state=done]", has_text="second").wait_for()


def test_a_reload_loses_no_uploaded_file(
    private: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    pair: tuple[Path, Path],
    tmp_path: Path,
) -> None:
    other = tmp_path / "a second dance.mp4"
    other.write_bytes(pair[0].read_bytes())
    page = visit(private.url)
    choose_files(page, [pair[0], other], pair[1])
    page.reload()
    whole = page.locator(".uploader li[data-state=done]")
    for name in (pair[0].name, other.name, pair[1].name):
        # With what was found in it, and the picture that the server made.
        whole.filter(has_text=name).filter(has_text="0:").wait_for()
    assert whole.count() == 3
    shot(page, "kept-uploads")
    whole.filter(has_text=other.name).get_by_role("button", name="Remove").click()
    whole.filter(has_text=other.name).wait_for(state="detached")
    page.reload()
    whole.nth(1).wait_for()
    assert whole.count() == 2, "what was removed does not come back"
    stranger = visit(private.url)
    stranger.locator(".uploader h4").first.wait_for()
    assert stranger.locator(".uploader li").count() == 0
    page.get_by_role("button", name="Put the music under it").click()
    wait_done(page)
    page.get_by_role("button", name="All tasks").click()
    page.locator(".uploader h4").first.wait_for()
    assert whole.count() == 0
    page.reload()
    page.locator(".uploader h4").first.wait_for()
    assert whole.count() == 0, "they have been handed in"


def test_an_upload_that_a_reload_broke_off_is_named_and_goes_on(
    own: Visitor,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    tmp_path: Path,
) -> None:
    own.bring({str(uuid.uuid4()): finished(f"earlier {n}.mp4", n) for n in range(8)})
    dance, song = tmp_path / "long.mp4", tmp_path / "song.wav"
    for path in (dance, song):
        path.write_bytes(os.urandom(20 * MB))
    page = visit(own.server.url, before=own.enter)
    let_go = threading.Event()

    def one_piece_each(route: Any) -> None:
        asked = route.request
        later = asked.method == "PATCH" and asked.headers["upload-offset"] != "0"
        if later and not let_go.is_set():
            route.abort()
        else:
            route.continue_()

    page.route("**/uploads/files/*", one_piece_each)
    inputs = page.locator(".uploader input[type=file]")
    rows = page.locator(".uploader li")
    for number, path in enumerate((dance, song)):
        inputs.nth(number).set_input_files(str(path))
        rows.nth(number).filter(has_text="resuming").wait_for()
        page.get_by_text("Your files are on their way").wait_for()
        page.reload()
        broken = page.locator(".uploader li[data-state=interrupted]")
        broken.nth(number).wait_for()
    assert broken.filter(has_text=dance.name).filter(has_text="80 % have arrived").count() == 1
    order = page.get_by_label("Sort by")
    assert order.input_value() == "Newest first"
    choose_language(page, "简体中文")
    broken.filter(has_text="已收到 80 %").first.wait_for()
    order = page.get_by_label("排序")
    order.wait_for()
    assert order.input_value() == "最新在前", "the language is switched with files in the page"
    shot(page, "interrupted-zh")
    let_go.set()
    sent: list[str] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request.headers.get("upload-offset", ""))
            if request.method == "PATCH"
            else None
        ),
    )
    # A phone hands out a fresh copy, of another name and date, each time a film is chosen.
    copies = [path.rename(path.with_stem(f"copy of {path.stem}")) for path in (dance, song)]
    for number, path in enumerate(copies):
        os.utime(path, (1e9, 1e9))
        inputs.nth(number).set_input_files(str(path))
        page.locator(".uploader li[data-state=done]").nth(number).wait_for()
    assert rows.count() == 2, "what goes on is not named twice"
    assert sent.count(str(16 * MB)) == 2 and "0" not in sent, "nothing was sent twice"
    notes = (own.server.outputs / "incoming" / own.name).glob("*.info")
    whole = [note.with_suffix("").read_bytes() for note in notes]
    assert sorted(whole) == sorted(path.read_bytes() for path in copies)


AWAKE = """
window.awake = 0;
navigator.wakeLock.request = async () => {
  window.awake++;
  return {released: false, release() { window.awake--; this.released = true; }}; };
"""
"""Counts who keeps the screen on."""


def test_while_a_file_is_on_its_way_the_screen_stays_on_and_leaving_is_warned_of(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    page = visit(server.url, before=lambda context: context.add_init_script(AWAKE))
    leave = "() => { const e = new Event('beforeunload', {cancelable: true});"
    leave += " window.dispatchEvent(e); return e.defaultPrevented; }"
    page.locator(".uploader h4").first.wait_for()
    assert not page.evaluate(leave)
    let_go = threading.Event()
    page.route("**/uploads/files/*", lambda route: route.continue_() if let_go.is_set() else None)
    dance = page.locator(".uploader input[type=file]").first
    assert "video/*" in dance.get_attribute("accept"), "a phone offers its camera roll"
    dance.set_input_files(str(pair[0]))
    until(page, lambda: page.evaluate("awake") == 1, "the screen to be kept on")
    assert page.evaluate(leave)
    let_go.set()
    page.locator(".uploader li button").click()
    until(page, lambda: page.evaluate("awake") == 0, "the screen to be let go")
    assert not page.evaluate(leave)


def test_chosen_files_wait_while_another_page_is_shown(
    server: Server, visit: Callable[..., Any], pair: tuple[Path, Path]
) -> None:
    page = visit(server.url)
    choose_files(page, [pair[0]], pair[1])
    page.get_by_role("link", name="History").click()
    page.locator(".uploader").first.wait_for(state="detached")
    page.get_by_role("link", name="Tasks").click()
    page.locator(".uploader li[data-state=done]").nth(1).wait_for()
    page.get_by_role("button", name="Put the music under it", disabled=False).click()
    wait_done(page)
    page.get_by_role("button", name="All tasks").click()
    page.locator(".uploader h4").first.wait_for()
    assert page.locator(".uploader li").count() == 0, "they have been handed in"
