"""The page of a task: one result, the other one by what it does, nothing drawn that is closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ui.task.test_left_out import BOTH, planned
from tests.ui.test_page import DONE, RECORDS, opened, outputs, words

__all__ = ["outputs"]


def page_of(outputs: Path, monkeypatch: pytest.MonkeyPatch, surest: str, plans: Any) -> Any:
    """A task with both results, one of which its method is surer of."""
    folder = outputs / "results" / DONE
    folder.mkdir(parents=True)
    paths = {}
    for kind in BOTH:
        (folder / f"{DONE}_{kind}.mp4").write_bytes(b"\0" * 100)
        paths[f"{kind}_output"] = f"outputs/results/{DONE}/{DONE}_{kind}.mp4"
    methods = {
        kind: {"matched": True, "confidence": 0.9 + 0.05 * (kind == surest)} for kind in BOTH
    }
    alignment = {**RECORDS[DONE]["alignment"], "agreement_ms": 0.1, "variants": methods}
    record = {**RECORDS[DONE], **paths, "alignment": alignment, "plans": plans}
    monkeypatch.setitem(RECORDS, DONE, record)
    return opened(outputs, DONE)


@pytest.mark.parametrize(
    ("surest", "label"),
    [
        ("modular", "Other version: the whole video"),
        ("v2", "Other version: only where the song is sure"),
    ],
)
def test_the_better_result_is_the_result_and_the_other_is_named_by_what_it_does(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, surest: str, label: str
) -> None:
    plans = {"modular": planned(3.0, 14.0)["modular"], "v2": planned(0.0, 20.0)["v2"]}
    page = page_of(outputs, monkeypatch, surest, plans)
    labels = [fold.label for fold in page.expander]
    assert labels == ["For an editor, or smaller", label, "Not right?", "How sure is it?"]
    [players] = [one for one in page.button_group if one.key == f"stock-{DONE}"]
    assert players.value == surest and players.options[0] == "Clean song"
    assert ("Left out" in words(page)) == (surest == "modular")
    said = words(page) + " ".join([*labels, *players.options])
    assert not any(name in said.lower() for name in BOTH)


def test_results_that_are_alike_are_one(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of(outputs, monkeypatch, "modular", planned(0.0, 20.0))
    labels = [fold.label for fold in page.expander]
    assert labels == ["For an editor, or smaller", "Not right?", "How sure is it?"]
    assert not page.dataframe and not page.slider, "what is in a fold is not drawn yet"
    page.session_state["fold.open"] = {f"fix-{DONE}", f"sure-{DONE}"}
    page.run()
    assert page.dataframe and page.slider
    assert "Both methods agree" in words(page)
