"""What the page shows before anybody has done anything: mark, icons, typeface, film, sample pair.

All but the typeface is made by ``python -m ui.assets``; that comes from ``subset.sh``, and
``MANROPE-OFL.txt`` is its licence.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["DARK", "FILM", "FOLDER", "LIGHT", "MARK", "SAMPLE"]

FOLDER = Path(__file__).parent
MARK = FOLDER / "mark.svg"
FILM = FOLDER / "film.mp4"
SAMPLE = (FOLDER / "sample_dance.mp4", FOLDER / "sample_reference.m4a")
"""The dance and the song that a visitor may try with one tap."""
LIGHT = "#fbf9f8"
DARK = "#141117"
"""The page's ground, as in ``.streamlit/config.toml``."""
