"""Shows a part of the page so that an error in it leaves the other parts standing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec

import streamlit as st

from ui.words.text import t

log = logging.getLogger(__name__)

P = ParamSpec("P")


def part(show: Callable[P, None], /, *args: P.args, **kwargs: P.kwargs) -> None:
    """Show a part of the page; on an error say so in its place and log the traceback."""
    try:
        show(*args, **kwargs)
    except Exception:
        log.exception("the part %s of the page failed", getattr(show, "__qualname__", show))
        st.error(t("error.part"), icon=":material/warning:")


def script_error(error: Exception) -> bool:
    """What ``st.App`` shows instead of a traceback."""
    log.error("the page failed", exc_info=error)
    st.error(t("error.page"), icon=":material/warning:")
    return True
