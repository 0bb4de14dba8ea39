"""The ticked tasks, by id. A tick opens nothing.

A new round tells the list in the browser to take over what stands here; a tick that was made in
an earlier one comes too late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

_SELECTED = "table.selected"
_ROUND = "table.round"


def ids() -> list[str]:
    """The ids of the ticked tasks."""
    return list(st.session_state.get(_SELECTED, ()))


def current_round() -> int:
    """How often the ticks were taken away."""
    return int(st.session_state.get(_ROUND, 0))


def clear() -> None:
    """Untick everything; a callback."""
    st.session_state[_SELECTED] = []
    st.session_state[_ROUND] = current_round() + 1


def follow(ticked: Mapping[str, Any] | None) -> None:
    """Take note of all that is ticked: the ``ids`` as they are in a ``round`` of the browser."""
    if ticked is not None and ticked["round"] == current_round():
        st.session_state[_SELECTED] = [str(task_id) for task_id in ticked["ids"]]
