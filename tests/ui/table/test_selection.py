"""What is ticked in the list: tasks by their ids, until they are acted on or another is opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st

from tests.ui.test_page import DONE, opened, outputs
from ui.table import selection

__all__ = ["outputs"]


@pytest.fixture(autouse=True)
def nothing_ticked() -> Iterator[None]:
    st.session_state.clear()
    yield
    st.session_state.clear()


def test_what_is_ticked_is_known_by_id() -> None:
    selection.follow({"round": 0, "ids": ["a", "d"]})
    assert selection.ids() == ["a", "d"]
    selection.follow({"round": 0, "ids": ["d"]})
    assert selection.ids() == ["d"]
    selection.follow(None)  # nothing was ticked yet
    assert selection.ids() == ["d"]


def test_a_tick_of_before_the_ticks_were_taken_away_comes_too_late() -> None:
    selection.follow({"round": 0, "ids": ["a"]})
    selection.clear()
    assert (selection.ids(), selection.current_round()) == ([], 1)
    selection.follow({"round": 0, "ids": ["a", "b"]})
    assert selection.ids() == []
    selection.follow({"round": 1, "ids": ["b"]})
    assert selection.ids() == ["b"]


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_bar_names_the_one_task_and_close_takes_it_away(outputs: object, locale: str) -> None:
    # The tool for such tests asks for the words of the sort menu outside of the page.
    st.session_state["language"] = locale[:2]
    page = opened(outputs, DONE, locale)  # type: ignore[arg-type]
    page.session_state["table.selected"] = [DONE]
    page.run()
    bar = [text.value for text in page.markdown if "done" in text.value and "1" in text.value]
    assert bar == [
        "**1 selected:** done\\.mp4" if locale == "en-US" else "**已选 1 个：** done\\.mp4"
    ]
    page.button(key="detail.close").click().run()
    assert page.session_state["table.selected"] == []
    assert "bulk.delete" not in {button.key for button in page.button}
