"""The theme's colours can be read: contrast as WCAG 2.2 computes it (1.4.3, level AA)."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ui.assets import DARK, LIGHT
from ui.assets.icons import GROUND
from ui.components import TOKENS

ROOT = Path(__file__).resolve().parents[3]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
MIN_CONTRAST = 4.5


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("light", ["light", "dark"])
@pytest.mark.parametrize("ink", ["textColor", "primaryColor", "linkColor", "blueTextColor"])
@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
def test_text_and_accent_can_be_read(light: str, ink: str, ground: str) -> None:
    assert contrast(THEME[light][ink], THEME[light][ground]) >= MIN_CONTRAST


@pytest.mark.parametrize("ink", ["on-stage", "on-stage-quiet", "stage-accent"])
def test_what_lies_over_a_film_can_be_read(ink: str) -> None:
    tokens = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", TOKENS.read_text("utf-8")))
    assert contrast(tokens[ink], tokens["stage"]) >= MIN_CONTRAST


def test_the_ground_before_the_script_runs_is_the_themes() -> None:
    assert THEME["light"]["backgroundColor"] == LIGHT
    assert THEME["dark"]["backgroundColor"] == DARK


def test_the_style_sheets_have_the_themes_main_colour_in_two_places() -> None:
    light, dark = (THEME[name]["primaryColor"] for name in ("light", "dark"))
    sheets = {file: file.read_text("utf-8") for file in ROOT.glob("ui/**/*.css")}
    named = {file: text.count(light) + text.count(dark) for file, text in sheets.items()}
    places = [TOKENS, ROOT / "ui/routes/share.css"]  # a shared link's page has no tokens
    assert {file: number for file, number in named.items() if number} == dict.fromkeys(places, 2)
    assert all(f"light-dark({light}, {dark})" in sheets[file] for file in places)


def test_the_marks_ground_is_the_main_colour() -> None:
    assert THEME["light"]["primaryColor"] == GROUND
