"""Small components for what Streamlit has no widget for: plain JavaScript, no build step.

Each is a folder of three files (``index.html``, ``style.css``, ``script.js``); a long script
has a part in a file of its own (``place/line.js``), without exports. All share ``shared.css``,
``renew.js`` and ``view.js``. They get their words from the catalogue through ``data`` and hold none
of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from streamlit.components.v2.types import ComponentRenderer

_FOLDER = Path(__file__).parent
TOKENS = _FOLDER / "tokens.css"
"""The measures of the look, which the page sets for itself and all components."""


def load(name: str, *parts: str) -> ComponentRenderer:
    """Register the component ``name`` with Streamlit; call once, when its module is imported.

    ``parts`` are scripts that stand before the component's own in the same module, after the
    shared ones.
    """
    shared = (_FOLDER / "shared.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        f"retrack_{name}",
        html=(_FOLDER / name / "index.html").read_text(encoding="utf-8"),
        css=shared + (_FOLDER / name / "style.css").read_text(encoding="utf-8"),
        js="\n".join(
            (_FOLDER / f"{part}.js").read_text(encoding="utf-8")
            for part in ("renew", "view", *parts, f"{name}/script")
        ),
    )
