"""What a tick and a click in the table mean: one task is looked at and acted on, never two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st

from tests.ui.test_page import DONE, opened, outputs
from ui.table import selection

__all__ = ["outputs"]
SHOWN = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def nothing_ticked() -> Iterator[None]:
    st.session_state.clear()
    yield
    st.session_state.clear()


def test_a_click_opens_its_row_and_ticks_nothing() -> None:
    assert selection.follow("t", SHOWN, [], [(1, "dance")]) == ("b", True)
    assert selection.ids() == []
    assert selection.follow("t", SHOWN, [], [(1, "actions")])[0] == "", "it has a menu"
    assert selection.follow("t", SHOWN, [], [(9, "dance")])[0] == "", "a row that is gone"


def test_the_only_tick_opens_whatever_cell_was_clicked_before() -> None:
    selection.follow("t", SHOWN, [], [(1, "dance")])
    assert selection.follow("t", SHOWN, [0], [(1, "dance")]) == ("a", False)
    assert selection.follow("t", SHOWN, [0, 2], [(1, "dance")])[0] == ""
    assert selection.ids() == ["a", "c"]
    assert selection.follow("next page", ["d"], [], [(0, "dance")]) == ("d", True)


def test_ticks_of_another_page_stay() -> None:
    selection.follow("t", SHOWN, [0], [])
    assert selection.follow("next page", ["d"], [0], [])[0] == "", "two are ticked"
    assert selection.ids() == ["a", "d"]


def test_cleared_ticks_need_a_new_table() -> None:
    selection.follow("t", SHOWN, [0], [(1, "dance")])
    before = selection.mount()
    selection.clear()
    assert (selection.ids(), selection.mount()) == ([], before + 1)


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

    assert len(page.dataframe[0].value) == 3
