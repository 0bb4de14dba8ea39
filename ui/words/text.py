"""Every text of the page by its key, in the viewer's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui.words.catalogue import en, zh

CATALOGUES: Mapping[str, Mapping[str, str]] = {"en": en.TEXT, "zh": zh.TEXT}
LANGUAGES = {"en": "English", "zh": "简体中文"}
"""Each language by its own name, as in every language menu."""

_STATE = "language"
_ADDRESS = "lang"


def language_of(locale: str | None) -> str:
    """The catalogue for a browser's locale such as ``zh-CN``."""
    return "zh" if (locale or "").lower().startswith("zh") else "en"


def choose_language() -> str:
    """Settle this session's language: the switch, then the address, then the browser.

    A choice against the browser is kept in the address (``?lang=``): a reload is a new session.
    """
    asked = st.query_params.get(_ADDRESS)
    browsers = language_of(st.context.locale)
    if _STATE not in st.session_state:
        st.session_state[_STATE] = asked if asked in CATALOGUES else browsers
    chosen = current()
    if chosen == browsers:
        st.query_params.pop(_ADDRESS, None)
    elif asked != chosen:
        st.query_params[_ADDRESS] = chosen
    return chosen


def set_language(language: str) -> None:
    """Another language for this session, as its visitor chose it in the menu."""
    st.session_state[_STATE] = language


def current() -> str:
    """The language of this session: ``en`` or ``zh``."""
    language = st.session_state.get(_STATE, "en")
    return language if language in CATALOGUES else "en"


def t(key: str, /, **values: Any) -> str:
    """The text for a key; raises KeyError for one that is in no catalogue."""
    return say(current(), key, **values)


def say(language: str, key: str, /, **values: Any) -> str:
    """The text for a key in a given language."""
    text = CATALOGUES[language][key]
    return text.format(**values) if values else text


def has(key: str) -> bool:
    """Whether a text exists for a key."""
    return key in CATALOGUES["en"]
