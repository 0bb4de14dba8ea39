"""Toasts, shown by the next run of the whole page.

A toast made inside a fragment stands in a block that Streamlit makes for it. When a rerun
follows at once, Streamlit keeps the toast and drops the block, and the browser's page breaks
("Cannot set a node at a delta path", 1.67). So toasts wait here for a full run.

A toast's place in its run is its name in the browser: the first one of a run takes the place
of the first one of the run before. What was shown a moment ago is therefore given again, in
its old place, with what is new behind it; also where nothing is new, since a browser that is busy
draws only the last of several runs, and the toast of an earlier one would never be seen. One that
is still on the screen stays as it is.
"""

from __future__ import annotations

import time
from typing import Literal

import streamlit as st

_WAITING = "toasts.waiting"
_SHOWN = "toasts.shown"
KEPT_SECONDS = 2.0
"""How long after the last toast all keep their places: runs that follow each other come within this
time, and it is less than the 4 s that a toast stays on the screen."""


def toast(text: str, icon: str | None = None, *, long: bool = False) -> None:
    """Show a toast in the next full run; whoever calls this sees to it that one follows."""
    st.session_state.setdefault(_WAITING, []).append((text, icon, "long" if long else "short"))


def waiting() -> bool:
    """Whether toasts wait for a full run."""
    return bool(st.session_state.get(_WAITING))


def show_toasts() -> None:
    """Show what waits; called by the whole page, never by a fragment."""
    texts: list[tuple[str, str | None, Literal["short", "long"]]]
    texts = st.session_state.get(_WAITING, [])
    now = time.monotonic()
    shown = st.session_state.get(_SHOWN, [])
    if shown and now - shown[-1][0] >= KEPT_SECONDS:
        shown = []
    shown = shown + [(now, *one) for one in texts]
    for _, text, icon, duration in shown:
        st.toast(text, icon=icon, duration=duration)
    # Only now: a click may break this run off at any toast, and the next run gives them all.
    st.session_state[_SHOWN] = shown
    del texts[:]
