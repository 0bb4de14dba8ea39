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
    assert selection.follow("t", SHOWN, [], [(1, "dance")]) == "b"
    assert selection.ids() == []
    assert selection.follow("t", SHOWN, [], [(1, "actions")]) == "", "it has a menu"
    assert selection.follow("t", SHOWN, [], [(9, "dance")]) == "", "a row that is gone"


def test_a_tick_opens_nothing_whatever_cell_was_clicked_before() -> None:
    selection.follow("t", SHOWN, [], [(1, "dance")])
    assert selection.follow("t", SHOWN, [0], [(1, "dance")]) == ""
    assert selection.follow("t", SHOWN, [0, 2], [(1, "dance")]) == ""
    assert selection.ids() == ["a", "c"]
    assert selection.follow("next page", ["d"], [], [(0, "dance")]) == "d"


def test_ticks_of_another_page_stay() -> None:
    selection.follow("t", SHOWN, [0], [])
    assert selection.follow("next page", ["d"], [0], []) == ""
    assert selection.ids() == ["a", "d"]


def test_the_cell_that_was_clicked_last_opens_again_in_a_new_table() -> None:
    selection.follow("t", SHOWN, [], [(1, "dance")])
    selection.follow("t", SHOWN, [0], [(1, "dance")])
    before = selection.mount()
    selection.remount()
    assert (selection.ids(), selection.mount()) == (["a"], before + 1)
    assert selection.follow("t", SHOWN, [], [(1, "dance")]) == "b"


def test_cleared_ticks_need_a_new_table() -> None:
    selection.follow("t", SHOWN, [0], [(1, "dance")])
    before = selection.mount()
    selection.clear()
    assert (selection.ids(), selection.mount()) == ([], before + 1)


def test_the_list_stays_as_it_was_while_a_task_is_shown(outputs: object) -> None:
    page = opened(outputs)  # type: ignore[arg-type]
    page.session_state["table.selected"] = [DONE]
    page.text_input(key="table.search").set_value("done").run()
    page.query_params["task"] = DONE
    page.run()
    assert not page.dataframe, "the task has the page for itself"
    page.run()
    page.button(key="detail.back").click().run()
    assert not page.exception and "task" not in page.query_params
    assert page.text_input(key="table.search").value == "done"
    assert len(page.dataframe[0].value) == 1
    assert "**1 selected:** done\\.mp4" in [text.value for text in page.markdown]
