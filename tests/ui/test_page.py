"""The plain script through Streamlit's AppTest: it comes up by itself and shows the file."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.model import Segment
from pipeline.settings import get_settings
from pipeline.tasks.record import TaskRecord
from tests.pipeline.plan.test_plan import plan
from tests.tasks import task_of
from tests.ui.listed import listed
from ui.player.compare import alike
from ui.service import stop_service
from ui.words import sentences as words_of

ROOT = Path(__file__).resolve().parents[2]
DONE, FAILED, ODD = (str(uuid.UUID(int=n, version=4)) for n in (1, 2, 3))

RECORDS: dict[str, dict[str, Any]] = {
    DONE: {
        "status": "success",
        "message": "处理成功",
        "created_at": "2999-11-18T03:00:00",
        "started_at": "2999-11-18T03:00:01",
        "completed_at": "2999-11-18T03:05:00",
        "modular_output": None,
        "v2_output": None,
        "dance_name": "done.mp4",
        "alignment": {"confidence": 0.97, "agreement_ms": 3.2, "matched": True},
    },
    FAILED: {
        "status": "failed",
        "message": "处理失败",
        "created_at": "2999-11-18T04:00:00",
        "completed_at": "2999-11-18T04:00:00",
        "dance_name": "<script>alert(1)</script>.mp4",
        "reason": "no_sound",
        "reason_role": "dance",
    },
    # What a person may make of a record by hand.
    ODD: {
        "status": "failed",
        "message": 7,
        "created_at": "yesterday",
        "completed_at": [],
        "alignment": {"confidence": "high", "segments": 3, "candidates": {"a": 1}},
        "plans": ["none"],
        "timings": {"probe": "long"},
        "warnings": [{"code": 3}, None, "picture_encoded"],
        "reason": "never heard of",
        "modular_output": "../../etc/passwd",
    },
}


@pytest.fixture
def outputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    monkeypatch.setenv("RETRACK_OUTPUTS", str(outputs))
    monkeypatch.setenv("RETRACK_VISIBILITY", "shared")
    get_settings.cache_clear()
    yield outputs
    stop_service()
    get_settings.cache_clear()
    sys.modules.pop("_retrack_background", None)


def opened(
    outputs: Path, task_id: str | None = None, locale: str = "en-US", key: str | None = None
) -> AppTest:
    (outputs / "task_status.json").write_text(json.dumps(RECORDS))
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60)
    page.context = {"locale": locale, "timezone": "Asia/Shanghai"}
    if task_id:
        page.query_params["task"] = task_id
    if key:
        page.query_params["key"] = key
    page.run()
    assert not page.exception
    return page


def words(page: AppTest) -> str:
    kinds = (page.error, page.warning, page.success, page.info, page.markdown, page.caption)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def test_the_list_shows_the_file(outputs: Path) -> None:
    page = opened(outputs)
    names = sorted(row["name"] for row in listed(page))
    assert names == [ODD[:8], "<script>alert(1)</script>.mp4", "done.mp4"]
    assert "could not be shown" not in words(page)


def test_an_empty_file_offers_the_sample(outputs: Path) -> None:
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    assert not page.exception
    assert "try it with a sample" in words(page)
    assert page.button(key="upload.sample").label == "Try it with a sample"
    assert page.button(key="upload.start").disabled


def test_what_it_writes_is_its_users_alone(outputs: Path) -> None:
    os.umask(0o022)
    AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    made = [path for path in outputs.rglob("*") if path.stat().st_mode & 0o077]
    assert (outputs / ".secret").exists() and made == []


@pytest.mark.parametrize(
    ("locale", "sentence", "failure"),
    [
        (
            "en-US",
            "In sync.",
            "This video has no usable sound",
        ),
        ("zh-CN", "已对齐。", "这个视频没有可用的声音"),
    ],
)
def test_the_verdict_and_the_reason_are_in_the_viewers_language(
    outputs: Path, locale: str, sentence: str, failure: str
) -> None:
    assert sentence in words(opened(outputs, DONE, locale))
    assert failure in words(opened(outputs, FAILED, locale))


@pytest.mark.parametrize(
    ("locale", "place"),
    [
        ("en-US", "Placed by hand. You moved the music 100 ms later."),
        ("zh-CN", "手动定位。你把音乐推后了 100 毫秒。"),
    ],
)
def test_a_place_by_hand_claims_no_agreement(
    outputs: Path, monkeypatch: pytest.MonkeyPatch, locale: str, place: str
) -> None:
    alignment = {"confidence": 0.68, "agreement_ms": 0.0, "matched": True, "by_hand": True}
    options = {"nudge_ms": 100.0, "hint": {"offset": 2.0, "speed": 1.0}}
    monkeypatch.setitem(
        RECORDS, DONE, {**RECORDS[DONE], "alignment": alignment, "options": options}
    )
    page = opened(outputs, DONE, locale)
    assert place in words(page)
    assert not {"68", "0.0"} & set(words(page).split())


def test_results_that_nobody_can_tell_apart_are_called_the_same() -> None:
    def results(apart: float | None, offset: float = -1.0, end: float = 14.0) -> TaskRecord:
        plans = {
            "modular": plan(Segment(3.0, 14.0, -1.0)).to_json(),
            "v2": plan(Segment(3.0, end, offset)).to_json(),
        }
        alignment = {"agreement_ms": apart}
        return task_of(DONE, "success", alignment=alignment, plans=json.loads(json.dumps(plans)))

    def same(task: TaskRecord) -> bool:
        return alike(task, "modular", "v2")

    assert same(results(None)), "placed by hand: one plan"
    assert same(results(0.1, -1.0001))
    assert not same(results(30.0, -1.03))
    assert not same(results(0.1, -1.0001, end=15.0)), "one is longer"
    assert not same(task_of(DONE, "success"))


def test_an_earlier_attempts_answer_is_not_shown_while_another_runs() -> None:
    fields = {"alignment": RECORDS[DONE]["alignment"], "message": ""}
    for stage, shown in (("decode", None), ("align_modular", None), ("render_v2", 3.2)):
        task = task_of(DONE, "processing", stage=stage, **fields)
        assert task.answer.agreement_ms == shown, stage
    assert task_of(DONE, "pending", **fields).answer.confidence is None


def test_a_tiny_difference_is_not_called_none() -> None:
    task = task_of(DONE, "success", alignment={"confidence": 0.9, "agreement_ms": 0.03})
    assert words_of.verdict(task) == "Both methods agree to less than 0.1 ms. Confidence: high."
    assert words_of.agreement_text(task) == "< 0.1 ms"


@pytest.mark.parametrize("task_id", [ODD, "../x", str(uuid.UUID(int=9, version=4))])
def test_odd_records_and_links_show_no_traceback(outputs: Path, task_id: str) -> None:
    page = opened(outputs, task_id)
    text = words(page)
    assert "could not be shown" not in text
    assert ("It did not work." if task_id == ODD else "This task is not here") in text


def test_the_file_is_looked_at_again(outputs: Path) -> None:
    page = opened(outputs)
    more = {**RECORDS, str(uuid.UUID(int=4, version=4)): RECORDS[DONE]}
    (outputs / "task_status.json").write_text(json.dumps(more))
    page.run()
    assert len(listed(page)) == 4


def test_one_task_is_not_called_tasks(outputs: Path) -> None:
    page = opened(outputs, DONE)
    page.button(key="detail.delete").click().run()
    assert "This task with its uploads" in words(page)


def test_a_damaged_file_is_told(outputs: Path) -> None:
    page = opened(outputs)
    (outputs / "task_status.json").write_text("{ this is no JSON")
    page.run()
    assert not page.exception
    assert "damaged" in words(page)
