"""The ticked rows, by id.

Positions become ids in ``table``; here they are kept. A new mount makes the table a new one,
with the ticks that stand here and without the cell that was clicked in the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

_SELECTED = "table.selected"
_MOUNT = "table.mount"
_CELL = "table.cell"


def ids() -> list[str]:
    """The ids of the ticked tasks."""
    return list(st.session_state.get(_SELECTED, ()))


def mount() -> int:
    """Part of the table's key: counts how often its ticks were taken away."""
    return int(st.session_state.get(_MOUNT, 0))


def clear() -> None:
    """Untick everything."""
    st.session_state[_SELECTED] = []
    remount()


def remount() -> None:
    """Make the table a new one, in which no cell has been clicked yet."""
    st.session_state.pop(_CELL, None)
    st.session_state[_MOUNT] = mount() + 1


def follow(
    table: str, shown: Sequence[str], rows: Iterable[int], cells: Iterable[Sequence[object]]
) -> str:
    """Take note of what was ticked or clicked in the table of this key, which shows these ids.

    Gives the id of the task whose row was clicked; empty for none.
    """
    cell = next((tuple(cell) for cell in cells), None)
    clicked = cell if (table, cell) != st.session_state.get(_CELL) else None
    st.session_state[_CELL] = (table, cell)
    if clicked is not None and isinstance(clicked[0], int):
        # The column of actions has a menu of its own.
        known = clicked[0] < len(shown) and clicked[1] != "actions"
        return shown[clicked[0]] if known else ""
    picked = [shown[row] for row in rows if row < len(shown)]
    st.session_state[_SELECTED] = [i for i in ids() if i not in shown] + picked
    return ""
