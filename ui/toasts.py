"""Toasts, shown by the next run of the whole page.

A toast made inside a fragment stands in a block that Streamlit makes for it. When a rerun
follows at once, Streamlit keeps the toast and drops the block, and the browser's page breaks
("Cannot set a node at a delta path", 1.67). So toasts wait here for a full run.
"""

from __future__ import annotations

from typing import Literal

import streamlit as st

_WAITING = "toasts.waiting"


def toast(text: str, icon: str | None = None, *, long: bool = False) -> None:
    """Show a toast in the next full run; whoever calls this sees to it that one follows."""
    st.session_state.setdefault(_WAITING, []).append((text, icon, "long" if long else "short"))


def waiting() -> bool:
    """Whether toasts wait for a full run."""
    return bool(st.session_state.get(_WAITING))


def show_toasts() -> None:
    """Show what waits; called by the whole page, never by a fragment."""
    texts: list[tuple[str, str | None, Literal["short", "long"]]]
    texts = st.session_state.pop(_WAITING, [])
    for text, icon, duration in texts:
        st.toast(text, icon=icon, duration=duration)
