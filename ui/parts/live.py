"""Parts of the page that redraw themselves, each in a place that no other part can take.

Streamlit (1.67) drops what a full run said of a fragment when the fragment runs again before
those messages were sent, as on a busy machine. The browser, told that the full run is over,
then takes the fragment's old block away, all that stands behind it moves up by one, and the
fragment's next messages overwrite its neighbour, or break the page ("Cannot set a node at a
delta path"). A container of the full run around each fragment keeps its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from ui.parts import toasts

P = ParamSpec("P")
_REDRAW = "live.redraw"


def live(
    every: float | None, show: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs
) -> None:
    """Show a part that is drawn by itself after a click in it and ``every`` so many seconds."""
    with st.container():
        st.fragment(show, run_every=every)(*args, **kwargs)


def redraw_page() -> None:
    """Have the next run of a part draw the whole page: what stands outside it is another now."""
    st.session_state[_REDRAW] = True


def take_redraw() -> bool:
    """Whether the whole page is to be drawn, for a change or for a toast; asked once."""
    return bool(st.session_state.pop(_REDRAW, False)) or toasts.waiting()
