"""What a person chose, may choose and may go back to."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.tasks import task_of
from tests.ui.test_page import DONE, RECORDS, opened, outputs, words
from ui.correct import candidates
from ui.correct.place import unmoved
from ui.player.compare import versions
from ui.words import sentences as words_of

__all__ = ["outputs"]

PLACES = [
    {"offset": offset, "speed": 1.0, "confidence": confidence}
    for offset, confidence in ((24.0, 0.5), (-0.00004, 0.4), (36.0, 0.45))
]
FOUND: dict[str, Any] = {
    "matched": True,
    "ambiguous": True,
    "offset": 24.0,
    "speed": 1.0,
    "confidence": 0.5,
    "agreement_ms": 0.03,
    "segments": [{"dance_start": 0.0, "dance_end": 20.0, "offset": 24.0, "speed": 1.0}],
    "candidates": PLACES,
}
CHOSEN = {
    **FOUND,
    "ambiguous": False,
    "offset": 36.01,
    "confidence": 0.97,
    "hint": {"offset": 36.0, "speed": 1.0},
    "automatic": {**FOUND, "nudge_ms": 30.0},
}


def page_of(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, alignment: Any, locale: str = "en-US"
) -> Any:
    monkeypatch.setitem(RECORDS, DONE, {**RECORDS[DONE], "alignment": alignment})
    return opened(outputs, DONE, locale)


def labels(page: Any) -> list[str]:
    return [text.value for text in page.markdown if re.match("Place|位置", text.value)]


def test_the_places_stand_first_where_one_has_to_be_chosen(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(outputs, monkeypatch, FOUND)
    assert "fits in more than one place: please listen and choose" in words(page)
    assert labels(page) == [
        "Place 1: the video begins at 0:24.0 of the song · in the result",
        "Place 2: the video begins at 0:36.0 of the song",
        "Place 3: the video begins at 0:00.0 of the song",
    ]
    assert not any(button.key == "choices.back" for button in page.button)
    assert not page.get("video"), "what it is now is a fold away"
    page.button(key=f"candidate-{DONE}-2").click().run()
    assert not page.exception
    record = json.loads((outputs / "task_status.json").read_text())[DONE]
    assert record["adjust"]["options"]["hint"] == {"offset": 36.0, "speed": 1.0}


def test_whoever_takes_the_place_that_the_result_has_waits_for_nothing(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = page_of(outputs, monkeypatch, FOUND)
    page.button(key=f"candidate-{DONE}-1").click().run()
    assert not page.exception
    record = json.loads((outputs / "task_status.json").read_text())[DONE]
    assert record["place_confirmed"] is True
    assert "adjust" not in record, "there is nothing to make"
    assert "In sync, at the place that was chosen by hand." in words(page)
    assert "please listen and choose" not in words(page)


def test_a_result_at_another_place_is_one_of_the_places_to_choose_from() -> None:
    far = {**FOUND, "agreement_ms": 12_000.0}
    results = {f"{name}_output": f"outputs/results/{name}.mp4" for name in ("v2", "modular")}
    asked = task_of(DONE, "success", alignment=far, **results)
    assert versions(asked) == ["modular"]
    decided = task_of(DONE, "success", alignment={**far, "ambiguous": False}, **results)
    assert versions(decided) == ["modular", "v2"], "two answers, of which nobody is asked"
    chosen = task_of(DONE, "success", alignment=far, place_confirmed=True, **results)
    assert versions(chosen) == ["modular"]
    near = {**FOUND, "agreement_ms": 60.0}
    chosen = task_of(DONE, "success", alignment=near, place_confirmed=True, **results)
    assert versions(chosen) == ["modular", "v2"], "at this place, but not alike"


@pytest.mark.parametrize(
    ("locale", "sentence", "back"),
    [
        (
            "en-US",
            "In sync, at the place that was chosen by hand",
            "Back to the automatic",
        ),
        ("zh-CN", "已对齐，位置由人选定", "恢复自动结果"),
    ],
)
def test_the_places_stay_after_a_choice_and_there_is_a_way_back(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, locale: str, sentence: str, back: str
) -> None:
    page = page_of(outputs, monkeypatch, CHOSEN, locale)
    assert sentence in words(page)
    assert not any(said in words(page) for said in ("Both methods", "Confidence", "置信度"))
    page.session_state["fold.open"] = {f"fix-{DONE}"}
    page.session_state[f"fix.way-{DONE}"] = "places"
    page.run()
    assert [" · " in label for label in labels(page)] == [False, True, False]
    button = page.button(key="choices.back")
    assert button.label.startswith(back)
    if locale != "en-US":  # AppTest cannot go on in another language than its own
        return
    button.click().run()
    assert not page.exception
    record = json.loads((outputs / "task_status.json").read_text())[DONE]
    assert record["adjust"]["options"]["automatic"] is True


def test_a_refined_place_claims_no_agreement_either() -> None:
    placed = {**CHOSEN, "automatic": {**FOUND, "ambiguous": False}}
    task = task_of(DONE, "success", alignment=placed, options={"nudge_ms": 20.0})
    assert words_of.verdict(task) == (
        "Placed by hand; the best match of the sound within 0.3 s of it was taken."
        " You moved the music 20 ms later."
    )
    assert words_of.agreement_text(task) == "By hand"
    assert task.answer.confidence is None
    of_before = {key: value for key, value in FOUND.items() if key != "ambiguous"}
    older = task_of(DONE, "success", alignment=of_before, options={"hint": {"offset": 24.0}})
    assert older.answer.placed, "a record from before the alignment said so"
    assert not task_of(DONE, "success", alignment=of_before).answer.placed


def test_only_another_place_is_worth_saving() -> None:
    decided = task_of(DONE, "success", alignment={**FOUND, "ambiguous": False})
    assert unmoved(decided, {"offset": 24.00004, "speed": 1.0})
    assert not unmoved(decided, {"offset": 24.01, "speed": 1.0})
    assert not unmoved(decided, {"offset": 24.0, "speed": 1.001})
    failed = task_of(DONE, "failed", alignment=FOUND)
    assert not unmoved(failed, {"offset": 24.0, "speed": 1.0}), "it has no results"


def test_the_present_place_is_the_nearest_candidate() -> None:
    def marked(offset: float) -> int | None:
        task = task_of(DONE, "success", alignment={**FOUND, "offset": offset})
        return candidates.present(task, task.answer.candidates)

    assert [marked(offset) for offset in (24.1, 36.0, 0.0, 30.0)] == [0, 1, 2, None]
