"""Nothing serious for axe-core on any page: light and dark, both languages, wide and phone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import correct, put_in, settled, unfold, wait_done, wait_status
from ui.web.visitor import COOKIE, new_key, signed_key, visitor_name
from ui.words.text import say

pytestmark = pytest.mark.browser

WIDTHS = {"wide": (1280, 1000), "phone": (390, 844)}
KEY = new_key()


@pytest.fixture(scope="module")
def busy(
    private: Server, pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Server, dict[str, str]]:
    """A server with a task of each kind, which only one visitor sees."""
    text = tmp_path_factory.mktemp("text") / "words.mp4"
    text.write_text("no film")
    me = visitor_name(KEY)
    return private, {
        "done": put_in(private, pair, "dance.mp4", visitor=me),
        "failed": put_in(private, (text, pair[1]), "words.mp4", visitor=me),
    }


def known(context: Any, server: Server) -> None:
    value = signed_key(KEY, (server.outputs / ".secret").read_bytes())
    context.add_cookies([{"name": COOKIE, "value": value, "url": server.url}])


def in_the_dark(page: Any, dark: bool) -> None:
    """Wait until the page is dark or light."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.wait_for_function(
        "dark => (parseInt(getComputedStyle(document.querySelector('[data-testid=stApp]'))"
        ".backgroundColor.match(/\\d+/)[0]) < 128) === dark",
        arg=dark,
    )


def findings(page: Any, axe: Any, place: str) -> list[str]:
    """What is found and stays: a script's run may begin while axe looks, and fades for a moment."""
    found: list[str] = []
    for _ in range(3):
        settled(page)
        answer = axe.run(page, options={"resultTypes": ["violations"]}).response
        found = [
            f"{place}: {violation['id']}: {node['html'][:300]} at {node['target']}:"
            f" {node['failureSummary']}"
            for violation in answer["violations"]
            if violation["impact"] in {"serious", "critical"}
            for node in violation["nodes"]
        ]
        if not found:
            break
    return found


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_axe_finds_nothing_serious(
    busy: tuple[Server, dict[str, str]],
    visit: Callable[..., Any],
    shot: Callable[..., None],
    locale: str,
) -> None:
    """Every pair of language, width and light is looked at; a page follows its visitor's light."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    server, tasks = busy
    language = locale[:2]
    wait_status(server, None, tasks["done"], "success")
    wait_status(server, None, tasks["failed"], "failed")
    failed = f"{server.url}/?task={tasks['failed']}"
    page = visit(failed, locale=locale, before=lambda c: known(c, server))
    found: list[str] = []

    def check(place: str, page: Any = page) -> None:
        for name, (width, height) in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            in_the_dark(page, (name == "phone") == (locale == "en-US"))
            found.extend(findings(page, axe, f"{place}, {name}"))
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{place}, {name}: scrolls sideways ({wide} px)")
            shot(page, f"{place}-{name}-{language}", full=True)

    page.locator(".st-key-detail", has_text=say(language, "reason.not_media")).wait_for()
    check("failed")
    page.goto(f"{server.url}/?task={tasks['done']}")
    wait_done(page)
    check("done")
    width, height = next(iter(WIDTHS.values()))  # a phone shows one picture at a time
    page.set_viewport_size({"width": width, "height": height})
    page.locator(".compare .mode").click()
    for way in ("adjust", "place"):
        correct(page, say(language, f"fix.{way}"))
        if way == "place":  # with the button that comes when there is another place
            page.locator(".place [data-by]").first.click()
            page.locator(".st-key-place-save button:enabled").wait_for()
        check(way)
    unfold(page, say(language, "detail.sure"))
    page.locator("[data-testid=stVegaLiteChart]").first.wait_for()
    check("sure")
    page.locator("[class*=st-key-share-] button").click()
    page.locator(".st-key-share-make button").click()
    page.locator(".link .code").wait_for()
    check("sharing")
    page.locator(".st-key-share-end button").click()
    page.locator(".st-key-share-make button").wait_for()
    page.reload()
    page.locator(".st-key-detail-delete button").click()
    page.locator(".st-key-delete-yes button").wait_for()
    check("deleting")
    for path in ("history", "operator"):
        page.goto(f"{server.url}/{path}")
        page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
        check(path)
    empty = visit(server.url, locale=locale)
    empty.get_by_text(say(language, "table.empty")).wait_for()
    check("empty", empty)
    assert not found, "\n".join(found)
