"""A result that is shorter than the dance says so, and names the way to keep all of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.model import Segment, VariantName
from pipeline.plan.options import RenderOptions
from tests.pipeline.plan.test_plan import plan
from tests.tasks import task_of
from tests.ui.test_page import DONE, RECORDS, opened, outputs, words
from ui.task.left_out import sentence

__all__ = ["outputs"]
BOTH = ("modular", "v2")


def planned(start: float, end: float, **options: Any) -> dict[str, Any]:
    """The record of a plan for a dance of 20 s whose music is between these two."""
    variants: tuple[VariantName, ...] = ("modular", "v2")
    segment = Segment(start, end, -start)
    return {
        name: plan(segment, variant=name, options=RenderOptions(**options)).to_json()
        for name in variants
    }


def test_what_is_left_out_is_told_with_the_reason() -> None:
    apart = planned(3.0, 14.0) | {"v2": planned(3.0, 20.0)["v2"]}
    task = task_of(DONE, "success", plans=apart)
    told = sentence(task, "modular")
    assert "the first 3 s, before the song begins" in told
    assert "the last 6 s, where the song is not surely heard" in told
    assert sentence(task, "v2") == "Left out: the first 3 s, before the song begins."


def test_a_result_that_misses_nothing_says_nothing() -> None:
    for plans in (planned(0.3, 19.7), planned(3.0, 14.0, keep_all=True), {"v2": {"picture": 3}}):
        task = task_of(DONE, "success", plans=plans)
        assert [sentence(task, kind) for kind in BOTH] == ["", ""]


def test_what_a_cut_off_file_never_held_is_not_left_out() -> None:
    plans = planned(3.0, 14.0)
    warnings = [{"code": "dance_cut_off", "at": 14.1}, 7]
    told = sentence(task_of(DONE, "success", plans=plans, warnings=warnings), "modular")
    assert told and "last" not in told


@pytest.mark.parametrize(
    ("locale", "told", "button"),
    [
        ("en-US", "Left out: the first 3 s, before the song begins, and the last 6 s", "Keep them"),
        ("zh-CN", "未保留：歌曲开始前的 3 秒和", "保留它们"),
    ],
)
def test_the_page_tells_it_and_leads_to_keep_all(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, locale: str, told: str, button: str
) -> None:
    folder = outputs / "results" / DONE
    folder.mkdir(parents=True)
    paths = {}
    for kind in BOTH:
        (folder / f"{DONE}_{kind}.mp4").write_bytes(b"\0" * 100)
        paths[f"{kind}_output"] = f"outputs/results/{DONE}/{DONE}_{kind}.mp4"
    monkeypatch.setitem(RECORDS, DONE, {**RECORDS[DONE], **paths, "plans": planned(3.0, 14.0)})
    page = opened(outputs, DONE, locale)
    assert told in words(page)
    assert page.button(key="cut.keep_all").label == button
    if locale != "en-US":  # AppTest cannot go on in another language than its own
        return
    page.button(key="cut.keep_all").click().run()
    assert not page.exception
    record = json.loads((outputs / "task_status.json").read_text())[DONE]
    assert record["adjust"]["options"]["keep_all"] is True
