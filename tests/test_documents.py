"""Documents name what is there: *Where to change what* files and symbols, the words identifiers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE = re.compile(r"[\w./-]+\.(py|toml|css|js)")


def rows(text: str) -> list[str]:
    table = text.partition("## Where to change what")[2].partition("\n## ")[0]
    return [line.split(" | ", 1)[1] for line in table.splitlines() if " | " in line]


def named(cell: str) -> tuple[list[Path], list[str]]:
    """The files of a cell, a bare name beside the file before it, and what else is code in it."""
    files: list[Path] = []
    symbols = []
    for span in re.findall(r"`([^`]+)`", cell):
        if span == "style.css":
            files += ROOT.glob("ui/components/*/style.css")
        elif FILE.fullmatch(span):
            beside = files[-1].parent if files and "/" not in span else ROOT
            files.append(beside / span)
        else:
            symbols.append(span)
    return files, symbols


def identifiers(text: str) -> set[str]:
    """What the last column of the words' tables calls them in the code."""
    lasts = [line.rsplit("|", 2)[1] for line in text.splitlines() if line.startswith("| ")]
    return {name for last in lasts for name in re.findall(r"`\"?(\w+)\"?`", last)}


CELLS = [cell for cell in rows((ROOT / "docs/architecture.md").read_text("utf-8")) if "`" in cell]


def test_the_table_is_found() -> None:
    assert len(CELLS) > 10


@pytest.mark.parametrize("cell", CELLS)
def test_what_is_named_is_there(cell: str) -> None:
    files, symbols = named(cell)
    assert files and [file for file in files if not file.is_file()] == []
    text = "\n".join(file.read_text("utf-8") for file in files)
    for symbol in symbols:
        if not symbol.startswith("RETRACK_"):
            assert re.search(rf"(?<!\w){re.escape(symbol)}\b", text), symbol


def test_the_way_of_a_task_names_what_is_there() -> None:
    """Modules and functions as ``folder.module.function`` and files, of ``pipeline`` where nothing
    else is said."""
    text = (ROOT / "docs/architecture.md").read_text("utf-8").partition("## The way of a task")[2]
    way = text.partition("\n## ")[0]
    functions = re.findall(r"`([a-z_]+)\.([a-z_]+)\.([A-Za-z_]+)\b", way)
    files = re.findall(r"`((?:\w+/)+\w+\.py)`", way)
    assert len(functions) > 10 and len(files) > 10
    for folder, module, function in functions:
        code = (ROOT / "pipeline" / folder / f"{module}.py").read_text("utf-8")
        assert re.search(rf"^(def|class) {function}\b", code, re.MULTILINE), function
    assert [
        file for file in files if not any((ROOT / p / file).is_file() for p in ("", "pipeline"))
    ] == []


def test_the_words_are_those_of_the_code() -> None:
    files = [file for top in ("pipeline", "store", "ui") for file in (ROOT / top).glob("**/*.py")]
    code = set(re.findall(r"\w+", "\n".join(file.read_text("utf-8") for file in files)))
    names = identifiers((ROOT / "docs/words.md").read_text("utf-8"))
    assert len(names) > 40
    assert names - code == set()
