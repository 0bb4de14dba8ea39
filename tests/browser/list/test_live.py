"""Parts that redraw themselves keep to their places, however late the server is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.serving import Server
from tests.browser.steps import settled

pytestmark = pytest.mark.browser

BOTH = """
() => {
  const press = text => [...document.querySelectorAll('button')].find(
    button => button.textContent.trim() === text).click();
  press('Draw all');
  setTimeout(() => press('Draw the first'), 100); }
"""
"""The second click comes while the run of the first one is under way."""


def test_a_part_drawn_anew_takes_nobodys_place(
    serve: Callable[..., Server], visit: Callable[..., Any]
) -> None:
    server = serve("tests/browser/late_page.py")
    page = visit(server.url)
    page.get_by_text("The end").wait_for()
    for name in ("Draw all", "Draw the first"):  # their words come after the buttons
        page.get_by_role("button", name=name, exact=True).wait_for()
    settled(page)
    page.evaluate(BOTH)
    page.get_by_text("The first was drawn 3 times").wait_for()
    settled(page)
    for text in ("Below, in run 2", "The second is here", "The end"):
        assert page.get_by_text(text).count() == 1, text
    page.get_by_role("button", name="Draw the second").click()
    settled(page)
    assert page.get_by_text("The second is here").count() == 1


def test_a_run_that_ends_while_a_part_asks_for_another_is_seen(
    serve: Callable[..., Server], visit: Callable[..., Any]
) -> None:
    server = serve("tests/browser/held_page.py")
    page = visit(server.url)
    page.get_by_text("Below, in run 1").wait_for()
    settled(page)
    page.evaluate(BOTH)
    page.get_by_text("Below, in run 2").wait_for()
    settled(page)
    assert page.get_by_text("The first is here").count() == 1
