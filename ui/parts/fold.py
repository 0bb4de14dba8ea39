"""Folds: what stands in one is drawn once somebody opens it, so that a closed one costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from ui.parts.guarded import part

P = ParamSpec("P")
_OPEN = "fold.open"


def fold(
    label: str, key: str, show: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs
) -> None:
    """A fold under a label, which ``key`` names; ``show`` draws what is in it."""
    # Streamlit (1.67) forgets whether one is open when its label changes with the language.
    st.session_state[key] = key in st.session_state.get(_OPEN, ())
    with st.expander(label, key=key, on_change=_turned, args=(key,)) as box:
        if box.open:
            part(show, *args, **kwargs)


def _turned(key: str) -> None:
    kept = {one for one in st.session_state.get(_OPEN, ()) if one != key}
    st.session_state[_OPEN] = kept | {key} if st.session_state[key] else kept
