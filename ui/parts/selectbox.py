"""A selectbox that keeps its choice when the language is switched.

Streamlit's selectbox (1.67) keeps the text of the chosen option in the browser and goes on showing
it when the options' texts change. Each language therefore has a box of its own, which begins at
what was chosen in the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import streamlit as st

from ui.words.text import current

T = TypeVar("T")


def chosen(key: str, default: T) -> T:
    """What is chosen in the box of this key, also before it is drawn."""
    kept = st.session_state.get(f"{key}.kept", default)
    value: T = st.session_state.get(_key(key), kept)
    return value


def choice(
    label: str,
    options: Sequence[T],
    words: Callable[[T], str],
    *,
    key: str,
    default: T,
    **look: Any,
) -> T:
    """A selectbox of ``options`` under their ``words``; ``look`` goes to ``st.selectbox``."""
    kept = st.session_state.get(f"{key}.kept", default)
    said = {option: words(option) for option in options}
    found: T | None = st.selectbox(
        label,
        options,
        index=options.index(kept) if kept in options else 0,
        format_func=said.__getitem__,
        key=_key(key),
        **look,
    )
    value = default if found is None else found
    st.session_state[f"{key}.kept"] = value
    return value


def _key(key: str) -> str:
    return f"{key}-{current()}"
