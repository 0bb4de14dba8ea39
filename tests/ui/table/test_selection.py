"""What is ticked in the list: tasks by their ids, until they are acted on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import streamlit as st

from tests.ui.listed import listed
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


def test_the_list_stays_as_it_was_while_a_task_is_shown(outputs: object) -> None:
    page = opened(outputs)  # type: ignore[arg-type]
    page.session_state["table.selected"] = [DONE]
    page.query_params["task"] = DONE
    page.run()
    assert not page.get("bidi_component") or not any(
        one.proto.component_name == "retrack_list" for one in page.get("bidi_component")
    ), "the task has the page for itself"
    page.button(key="detail.back").click().run()
    assert not page.exception and "task" not in page.query_params
    assert listed(page)
    assert "**1 selected:** done\\.mp4" in [text.value for text in page.markdown]
