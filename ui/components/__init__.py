"""Small components for what Streamlit has no widget for: plain JavaScript, no build step.

Each is three files beside this one (``name.html``, ``name.css``, ``name.js``). They get
their words from the catalogue through ``data`` and hold none of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

_FOLDER = Path(__file__).parent


def load(name: str) -> ComponentRenderer:
    """Register the component ``name`` with Streamlit; call once, when its module is imported."""
    shared = (_FOLDER / "shared.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        f"retrack_{name}",
        html=(_FOLDER / f"{name}.html").read_text(encoding="utf-8"),
        css=shared + (_FOLDER / f"{name}.css").read_text(encoding="utf-8"),
        js=(_FOLDER / f"{name}.js").read_text(encoding="utf-8"),
    )
