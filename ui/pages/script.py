"""The script that Streamlit runs for each visitor; ``streamlit_app.py`` names it to ``st.App``."""

from __future__ import annotations

from ui.pages.shell import show

show()
