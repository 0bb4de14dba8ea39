"""Nothing serious for axe-core on any page: light and dark, both languages, wide and phone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import (
    correct,
    in_the_dark,
    put_in,
    settled,
    unfold,
    wait_done,
    wait_status,
)
from tests.browser.visitor import Visitor
from tests.kinds import more
from ui.words.text import say

pytestmark = pytest.mark.browser

WIDTHS = {"wide": (1280, 1000), "phone": (390, 844)}


@pytest.fixture(scope="module")
def busy(
    private: Server, pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Visitor, dict[str, str]]:
    """A visitor with a task of each kind."""
    text = tmp_path_factory.mktemp("text") / "words.mp4"
    text.write_text("no film")
    me = Visitor(private)
    return me, {
        "done": put_in(private, pair, "dance.mp4", visitor=me.name),
        "failed": put_in(private, (text, pair[1]), "words.mp4", visitor=me.name),
    }


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


@pytest.mark.parametrize(
    ("locale", "width", "dark"),
    [
        ("zh-CN", "phone", True),
        *more(("en-US", "wide", False), ("en-US", "phone", True)),
        *more(("zh-CN", "wide", True), ("zh-CN", "phone", False)),
    ],
)
def test_axe_finds_nothing_serious(
    busy: tuple[Visitor, dict[str, str]],
    visit: Callable[..., Any],
    shot: Callable[..., None],
    locale: str,
    width: str,
    dark: bool,
) -> None:
    """Every language, width and light is looked at: pages take turns between this width and light
    and the others, the last one is in the other language. Among ``more`` each page is looked at
    with every width and light. Nothing is wider than the window in either."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    visitor, tasks = busy
    server = visitor.server
    language = locale[:2]
    wait_status(server, None, tasks["done"], "success")
    wait_status(server, None, tasks["failed"], "failed")
    failed = f"{server.url}/?task={tasks['failed']}"
    page = visit(failed, locale=locale, before=visitor.enter)
    found: list[str] = []
    [other] = WIDTHS.keys() - {width}
    turns = cycle([(width, dark), (other, not dark)])

    def check(place: str, page: Any = page) -> None:
        width, dark = next(turns)
        in_the_dark(page, dark)
        for name in sorted(WIDTHS, key=width.__eq__):  # what is looked at stays as it is
            size = WIDTHS[name]
            page.set_viewport_size({"width": size[0], "height": size[1]})
            settled(page)
            needed = page.evaluate("document.documentElement.scrollWidth")
            if needed > size[0]:
                found.append(f"{place}, {name}: scrolls sideways ({needed} px)")
            shot(page, f"{place}-{name}-{language}", full=True)
        found.extend(findings(page, axe, f"{place}, {width}"))

    page.locator(".st-key-detail", has_text=say(language, "reason.not_media")).wait_for()
    check("failed")
    page.goto(f"{server.url}/?task={tasks['done']}")
    wait_done(page)
    check("done")
    size = WIDTHS["wide"]  # a phone shows one picture at a time
    page.set_viewport_size({"width": size[0], "height": size[1]})
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
    others = {"en-US": "zh-CN", "zh-CN": "en-US"}[locale]
    empty = visit(server.url, locale=others)
    empty.get_by_text(say(others[:2], "table.empty")).wait_for()
    check("empty", empty)
    assert not found, "\n".join(found)
