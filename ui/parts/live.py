"""Fragments: parts of the page that rerun by themselves, each in a container of its own.

Streamlit (1.67) drops a full run's messages for a fragment when the fragment runs again before
they were sent, as on a busy machine. When the full run is over the browser takes the fragment's old
block away, everything behind it moves up by one, and the fragment's next messages overwrite its
neighbour, or break the page ("Cannot set a node at a delta path"). A container of the full run
around each fragment keeps its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from ui.parts import toasts
from ui.parts.ended_runs import hear_ended_runs

P = ParamSpec("P")
_REDRAW = "live.redraw"


def live(
    every: float | None, show: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs
) -> None:
    """Show a fragment that reruns on its own clicks and, if given, ``every`` so many seconds."""
    hear_ended_runs()
    with st.container():
        st.fragment(show, run_every=every)(*args, **kwargs)


def redraw_page() -> None:
    """Have the next run of a part draw the whole page: what stands outside it is another now."""
    st.session_state[_REDRAW] = True


def take_redraw() -> bool:
    """Whether the whole page is to be drawn, for a change or for a toast; asked once."""
    return bool(st.session_state.pop(_REDRAW, False)) or toasts.waiting()
