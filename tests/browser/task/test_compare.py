"""The compare player by keys and for ears: what is said, where it stands, what the link keeps."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import correct, made, unfold, until, wait_done
from tests.browser.task.test_place import stranger

__all__ = ["stranger"]
pytestmark = pytest.mark.browser


def said(page: Any, text: str) -> None:
    """Waits until the live region has told this to a screen reader."""
    live = page.locator(".compare .live")
    assert live.get_attribute("aria-live") == "polite"
    until(page, lambda: re.fullmatch(text, live.text_content()), f"{text!r}", seconds=30)


def at(page: Any) -> float:
    """Where the audible track stands (seconds of the dance)."""
    return float(page.locator(".compare .active video").evaluate("v => v.currentTime"))


def stands_at(page: Any, moment: float) -> bool:
    return at(page) == pytest.approx(moment, abs=0.05)


def query(page: Any) -> dict[str, str]:
    found: dict[str, str] = page.evaluate(
        "() => Object.fromEntries(new URL(location.href).searchParams)"
    )
    return found


def test_keys_are_announced_and_the_link_keeps_the_place(
    server: Server, visit: Callable[..., Any], short_pair: tuple[Path, Path]
) -> None:
    task_id = made(server, short_pair, "compared.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    wait_done(page)
    page.get_by_role("button", name="Compare").click()
    page.locator(".compare .mode").evaluate("button => button.blur()")  # else space means it
    page.wait_for_function(
        "() => [...document.querySelectorAll('*')].map(e => e.shadowRoot).filter(Boolean)"
        ".flatMap(s => [...s.querySelectorAll('.compare video')])"
        ".filter(v => v.readyState > 0).length === 2"
    )
    tracks = page.get_by_role("radiogroup", name="Which sound to hear").get_by_role("radio")
    for key, name in (("1", "Phone sound"), ("2", "Clean song")):
        page.keyboard.press(key)
        said(page, f"Hearing {name}")
        chosen = tracks.nth(int(key) - 1)
        assert chosen.get_attribute("aria-checked") == "true"
        assert chosen.get_attribute("aria-keyshortcuts") == key
    # The arrows step by one frame of the film (25 a second) from anywhere on the page.
    for number in range(1, 4):
        page.keyboard.press("ArrowRight")
        said(page, rf"At 0:00\.{4 * number:02d}")
        assert at(page) == pytest.approx(0.04 * number, abs=0.005)
    page.keyboard.press("ArrowLeft")
    said(page, r"At 0:00\.08")
    # Space plays and stops, and says where.
    page.keyboard.press(" ")
    until(page, lambda: at(page) > 0.5, "it to play", seconds=30)
    page.keyboard.press(" ")
    said(page, r"At 0:0[0-9]\.\d\d")
    stopped = at(page)
    assert stopped > 0.3
    # What is typed into a field is typing.
    correct(page, "Place by hand")
    page.locator(".place .speed").click()
    page.keyboard.type("1 ")
    page.wait_for_timeout(500)
    assert page.locator(".compare").get_attribute("data-active") == "modular"
    assert page.locator(".compare").get_attribute("data-playing") == "false"
    # The address has track and place: after a look at the list, and in another window.
    kept = until(page, lambda: found if "t" in (found := query(page)) else None, "the place")
    assert kept["track"] == "modular"
    assert float(kept["t"]) == pytest.approx(stopped, abs=0.02)
    other = visit(page.url)
    page.get_by_role("button", name="All tasks").click()
    page.locator(".compare").wait_for(state="detached")
    page.go_back()
    for window in (page, other):
        window.locator(".compare .active video").wait_for()
        until(window, partial(stands_at, window, stopped), "the same place")
        assert window.locator(".compare").get_attribute("data-active") == "modular"


def test_the_evidence_of_a_failure_shows_what_was_heard(
    server: Server,
    visit: Callable[..., Any],
    shot: Callable[..., None],
    short_pair: tuple[Path, Path],
    stranger: Path,
) -> None:
    task_id = made(server, (short_pair[0], stranger), "another song.mp4")
    page = visit(f"{server.url}/?task={task_id}")
    page.locator(".st-key-detail", has_text="share no music").wait_for()
    unfold(page, "What happened")
    page.locator("text=no common part was found").wait_for()
    page.locator("[data-testid=stVegaLiteChart]").wait_for()
    shot(page, "evidence-unmatched", full=True)
