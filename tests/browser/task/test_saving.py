"""A result reaches the device: by the share sheet on a phone, as a file elsewhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import put_in, until, wait_status
from ui.routes.share import MAX_SHARED_BYTES
from ui.words.text import say

pytestmark = pytest.mark.browser

NAME = "saved_retrack.mp4"
ANDROID = "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile"
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2.0,
    "is_mobile": True,
    "has_touch": True,
    "user_agent": f"{ANDROID} Safari/537.36",
    "accept_downloads": True,
}
SHEET = f"""
window.shared = []; window.refusal = '';
// Playwright's own look at the page counts as a tap for the browser; here only a finger does.
let tapped = -Infinity;
addEventListener('click', event => {{ if (event.isTrusted) tapped = performance.now(); }}, true);
const isActive = () => performance.now() - tapped < 5000;
Object.defineProperty(navigator, 'userActivation', {{
  value: {{get isActive() {{ return isActive(); }}}} }});
navigator.canShare = ({{files}}) => files.every(file =>
  file.type === 'video/mp4' && file.name.endsWith('.mp4'));
navigator.share = async ({{files}}) => {{
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (!isActive()) throw new DOMException('no tap', 'NotAllowedError');
  tapped = -Infinity;
  if (bytes > {MAX_SHARED_BYTES}) throw new DOMException('too large', 'NotAllowedError');
  if (window.refusal) throw new DOMException('refused', window.refusal);
  const [{{name, type, size}}] = files;
  const head = new TextDecoder('latin1').decode(await files[0].slice(4, 8).arrayBuffer());
  window.shared.push({{name, type, size, head}}); }};
"""
"""The system's share sheet as browsers guard it: only upon a tap, and not above a size."""


@pytest.fixture
def phone(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address on an emulated phone, with a share sheet unless it has none."""
    contexts: list[Any] = []

    def open_page(url: str, *, sheet: str = SHEET, locale: str = "en-US", **more: Any) -> Any:
        context = browser.new_context(**{**PHONE, "locale": locale, **more})
        contexts.append(context)
        context.add_init_script(sheet)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()


def shared(page: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate("window.shared")
    return found


def line(page: Any) -> str:
    return str(page.locator(".save .line").text_content())


@pytest.fixture(scope="module")
def saved(server: Server, short_pair: tuple[Path, Path]) -> tuple[str, Path]:
    """The address of a finished task's page, and its result."""
    task_id = put_in(server, short_pair, "saved.mp4")
    record = wait_status(server, None, task_id, "success")
    return f"{server.url}/?task={task_id}", server.outputs.parent / str(record["modular_output"])


class Held:
    """A request that waits until it is let go."""

    def __init__(self) -> None:
        self.routes: list[Any] = []

    def __call__(self, route: Any) -> None:
        if route.request.resource_type == "fetch":
            self.routes.append(route)
        else:
            route.continue_()

    def let_go(self, page: Any) -> None:
        for route in self.routes:
            route.continue_()
        page.unroute("**/files/*/modular*")


def test_a_phone_shares_the_film_and_says_what_stands_in_the_way(
    saved: tuple[str, Path], phone: Callable[..., Any], shot: Callable[..., None]
) -> None:
    address, result = saved
    page = phone(address)
    film = {"name": NAME, "type": "video/mp4", "size": result.stat().st_size, "head": "ftyp"}
    button, link = page.locator(".save .share"), page.locator(".save .link")

    # The first tap fetches; the connection is so slow that the tap is forgotten when it is here.
    page.route("**/files/*/modular*", held := Held())
    button.tap()
    page.locator(".save .share", has_text=re.compile("Fetching")).wait_for()
    assert button.bounding_box()["height"] >= 44
    shot(page, "save-fetching-phone")
    page.wait_for_function("!navigator.userActivation.isActive")
    held.let_go(page)
    page.locator(".save .line", has_text=say("en", "save.ready")).wait_for()
    assert shared(page) == [], "no share without a fresh tap"
    shot(page, "save-ready-phone")
    button.tap()
    assert until(page, lambda: shared(page), "the share sheet") == [film]
    page.locator(".save .line", has_text=say("en", "save.shared")).wait_for()

    # Who closes the sheet has changed their mind; what the phone refuses is saved as a file.
    page.evaluate("window.refusal = 'AbortError'")
    button.tap()
    page.wait_for_timeout(200)
    assert button.is_visible() and line(page) == ""
    page.evaluate("window.refusal = 'DataError'")
    button.tap()
    link.wait_for()
    assert line(page).startswith(say("en", "save.refused"))
    with page.expect_download() as file:
        link.tap()
    assert file.value.suggested_filename == NAME
    assert Path(file.value.path()).read_bytes() == result.read_bytes()

    # While it plays it is fetched: the first tap opens the sheet.
    page.reload()
    button.wait_for()
    assert page.locator(".save").get_attribute("data-ready") == "false"
    page.locator(".compare .play").tap()
    page.locator(".save[data-ready=true]").wait_for()
    assert shared(page) == [] and line(page) == ""
    button.tap()
    assert until(page, lambda: shared(page), "the share sheet") == [film]
    shot(page, "save-phone")

    # A fetch that fails says so, and the next tap tries again.
    page.reload()
    page.route("**/files/*/modular*", lambda route: route.abort())
    button.tap()
    page.locator(".save .line", has_text=say("en", "save.failed")).wait_for()
    page.unroute("**/files/*/modular*")
    button.tap()
    until(page, lambda: shared(page) == [film] or line(page) == say("en", "save.ready"), "the film")


def test_what_is_not_shared_is_a_download(
    saved: tuple[str, Path],
    phone: Callable[..., Any],
    visit: Callable[..., Any],
    shot: Callable[..., None],
) -> None:
    address, result = saved
    bare = phone(address, sheet="")  # as without HTTPS
    bare.locator(".save .link", has_text=re.compile("^Save$")).wait_for()
    assert line(bare) == say("en", "save.where")
    wechat = phone(
        address,
        user_agent=f"{ANDROID} MicroMessenger/8.0.47",
        locale="zh-CN",
    )
    wechat.locator(".save .line", has_text=say("zh", "save.wechat")).wait_for()
    assert not wechat.locator(".save .link").is_visible()
    assert not wechat.locator(".save .share").is_visible()
    shot(wechat, "save-wechat-zh")
    desktop = visit(address)
    desktop.locator(".save .link", has_text=re.compile("^Save video$")).wait_for()
    assert line(desktop) == ""
    desktop.get_by_role("radio", name=say("en", "track.original")).click()
    desktop.locator(".save .line", has_text=say("en", "save.clean")).wait_for()
    desktop.get_by_role("radio", name=say("en", "track.result")).click()
    desktop.locator(".save .line:empty").wait_for(state="attached")
    with desktop.expect_download() as file:
        desktop.locator(".save .link").press("Enter")
    assert file.value.suggested_filename == NAME
    assert line(desktop) == say("en", "save.saving")
    shot(desktop, "save-desktop")

    # A file that no sheet takes is a download, with the place where it is found.
    whole = result.stat().st_size
    os.truncate(result, MAX_SHARED_BYTES + 1)
    page = phone(address)
    page.locator(".save .link", has_text=re.compile("^Save$")).wait_for()
    assert not page.locator(".save .share").is_visible()
    assert line(page) == say("en", "save.where")
    shot(page, "save-large-phone")
    os.truncate(result, MAX_SHARED_BYTES)
    page.reload()
    page.locator(".save .share").wait_for()
    os.truncate(result, whole)
