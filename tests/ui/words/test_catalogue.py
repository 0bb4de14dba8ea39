"""Every text is in both languages, and no word stands outside the catalogue."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from string import Formatter

import pytest

from pipeline import reasons
from ui.words.catalogue import en, zh
from ui.words.text import language_of, say

UI = Path(__file__).resolve().parents[3] / "ui"
COMPONENTS = UI / "components"
MODULES = [path for path in sorted(UI.rglob("*.py")) if "catalogue" not in path.parts]
SHOWING = {
    *("title", "header", "subheader", "markdown", "write", "caption", "text", "info", "warning"),
    *("error", "success", "toast", "button", "link_button", "download_button", "metric", "pills"),
    *("segmented_control", "selectbox", "slider", "toggle", "text_input", "number_input"),
    *("file_uploader", "dialog", "spinner", "progress", "TextColumn", "NumberColumn"),
    *("ProgressColumn", "DatetimeColumn", "ButtonColumn", "Page"),
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_and_fields() -> None:
    assert en.TEXT.keys() == zh.TEXT.keys()
    for key, text in en.TEXT.items():
        assert text.strip(), key
        assert fields(text) == fields(zh.TEXT[key]), key


def test_chinese_texts_are_chinese() -> None:
    same = {key for key in en.TEXT if en.TEXT[key] == zh.TEXT[key]}
    assert same <= {"app.title", "variant.modular", "variant.v2", "file.download"}
    for key, text in zh.TEXT.items():
        if key not in same and not key.startswith("text."):  # those only set others together
            assert re.search(r"[\u4e00-\u9fff]", text), key


def test_one_thing_has_one_word() -> None:
    for texts, others in (
        (en.TEXT, r"\b(?:films?|room sound|original sound|own sound|dance video)\b"),
        (zh.TEXT, r"影片|原曲|现场声|舞蹈视频|舞蹈文件|全部视频"),
    ):
        found = [key for key, text in texts.items() if re.search(others, text, re.IGNORECASE)]
        assert not found, "a video, your dance, phone sound, clean song, tasks"


def test_every_reason_has_words_and_advice() -> None:
    for code in reasons.MESSAGES:
        assert f"reason.{code}" in en.TEXT, code
        assert f"advice.{code}" in en.TEXT, code


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(UI)))
def test_keys_exist_and_no_word_is_outside_the_catalogue(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if getattr(getattr(node.func, "value", None), "id", "") == "log":
            continue  # the log is for the server's keeper
        first = node.args[0]
        if name in {"t", "say"} and isinstance(first, ast.Constant):
            if isinstance(first.value, str) and "." in first.value:
                assert first.value in en.TEXT, f"{path.name}: {first.value}"
        elif name in {"t"} and isinstance(first, ast.JoinedStr):
            head = first.values[0]
            assert isinstance(head, ast.Constant)
            assert any(key.startswith(str(head.value)) for key in en.TEXT), head.value
        elif name in SHOWING:
            for constant in ast.walk(first):
                inside_call = any(
                    isinstance(call, ast.Call) and constant in ast.walk(call)
                    for call in ast.walk(first)
                )
                if (
                    isinstance(constant, ast.Constant)
                    and isinstance(constant.value, str)
                    and not inside_call
                ):
                    assert not re.search(r"[A-Za-z\u4e00-\u9fff]{3,}", constant.value), (
                        f"{path.name}:{node.lineno}: {constant.value!r} is not in the catalogue"
                    )


@pytest.mark.parametrize("path", sorted(COMPONENTS.glob("*/*.html")), ids=lambda p: p.parent.name)
def test_components_bring_no_words_of_their_own(path: Path) -> None:
    words = re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8"))
    assert not re.search(r"[A-Za-z\u4e00-\u9fff]{2,}", words), words.strip()


def test_all_words_that_a_component_asks_for_are_there() -> None:
    from ui.correct import adjust, place
    from ui.player import compare
    from ui.table import table
    from ui.upload import first_sight, panel

    for module, group in (
        (adjust, "adjust"),
        (compare, "compare"),
        (place, "place"),
        (panel, "upload"),
        (table, "list"),
        (first_sight, "film"),
    ):
        for name in module.WORDS:
            assert f"{group}.{name}" in en.TEXT
        folder = COMPONENTS / ("uploader" if group == "upload" else group)
        script = (folder / "script.js").read_text()
        for used in re.findall(r"\bwords\.([a-z_]+)", script):
            assert used in module.WORDS, f"{group}.js uses words.{used}"


def test_all_words_that_the_buttons_ask_for_are_there() -> None:
    from ui.routes import share as shared
    from ui.task import share

    for script, words in (
        (COMPONENTS / "save/button.js", shared.SAVE_WORDS),
        (COMPONENTS / "link/script.js", (*share.WORDS, "ends_task")),
        (UI / "routes/share.js", ("undecodable",)),
    ):
        used = set(re.findall(r"\bwords\.([a-z_]+)", script.read_text()))
        assert used == set(words), script.name
    assert {f"save.{name}" for name in (*shared.SAVE_WORDS, "wechat_private")} <= en.TEXT.keys()
    assert {f"share.{name}" for name in (*share.WORDS, "ends_task")} <= en.TEXT.keys()


def test_the_browsers_language_is_taken() -> None:
    assert language_of("zh-CN") == "zh"
    assert language_of("zh") == "zh"
    assert language_of("de-DE") == "en"
    assert language_of(None) == "en"


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        say("en", "no.such.key")
