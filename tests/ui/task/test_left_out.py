"""A result that is shorter than the dance says so, and names the way to keep all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.model import Segment, VariantName
from pipeline.plan.options import RenderOptions
from tests.pipeline.plan.test_plan import plan
from tests.tasks import task_of
from tests.ui.test_page import DONE, RECORDS, opened, outputs, words
from ui.task.left_out import sentences

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


def test_what_is_left_out_is_told_by_result() -> None:
    apart = planned(3.2, 14.0) | {"v2": planned(3.2, 20.0)["v2"]}
    told = sentences(task_of(DONE, "success", plans=apart), BOTH)
    assert len(told) == 2
    assert "3 s at the start and 6 s at the end" in told[0]
    assert told[1].startswith("V2: 3 s at the start of")


def test_a_result_that_misses_nothing_says_nothing() -> None:
    assert sentences(task_of(DONE, "success", plans=planned(0.3, 19.7)), BOTH) == []
    assert sentences(task_of(DONE, "success", plans=planned(3.2, 14.0, keep_all=True)), BOTH) == []
    assert sentences(task_of(DONE, "success", plans={"v2": {"picture": 3}}), BOTH) == []


def test_what_a_cut_off_file_never_held_is_not_left_out() -> None:
    plans = planned(3.2, 14.0)
    warnings = [{"code": "dance_cut_off", "at": 14.1}, 7]
    told = sentences(task_of(DONE, "success", plans=plans, warnings=warnings), BOTH)
    assert told and not any("end" in text for text in told)


@pytest.mark.parametrize(
    ("locale", "told", "button"),
    [
        ("en-US", "3 s at the start and 6 s at the end", "Keep all of it"),
        ("zh-CN", "视频开头的 3 秒和结尾的 6 秒被剪掉了", "保留整段视频"),
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
    monkeypatch.setitem(RECORDS, DONE, {**RECORDS[DONE], **paths, "plans": planned(3.2, 14.0)})
    page = opened(outputs, DONE, locale)
    assert told in words(page)
    assert page.button(key="cut.keep_all").label == button
    page.button(key="cut.keep_all").click().run()
    assert not page.exception
    assert page.toggle(key=f"adjust.whole-{DONE}-0").value is True
    assert not page.button(key="adjust.save").disabled
