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

P = ParamSpec("P")


def live(
    every: float | None, show: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs
) -> None:
    """Show a part that is drawn by itself after a click in it and ``every`` so many seconds."""
    with st.container():
        st.fragment(show, run_every=every)(*args, **kwargs)
