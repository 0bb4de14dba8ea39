"""The choices for another file of a result, and what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from pipeline.model import Segment
from pipeline.tasks.record import TaskRecord
from pipeline.tasks.submit import submit
from tests.pipeline.plan.test_plan import plan
from tests.ui.routes.routed import THEIRS, app_of, client, finished
from tests.ui.test_page import DONE, RECORDS, ROOT, opened, outputs, words
from tests.waiting import until
from ui.routes import files
from ui.service import Service, get_service

__all__ = ["outputs"]
CHOICE = {"variant": "modular", "portable": True, "at_most_mb": 10.0}


@pytest.fixture
def done(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The record of a finished task with a result of 20 s, for the test to add to."""
    folder = outputs / "results" / DONE
    folder.mkdir(parents=True)
    (folder / f"{DONE}_modular.mp4").write_bytes(b"\0" * 100)
    record = {
        **RECORDS[DONE],
        "modular_output": f"outputs/results/{DONE}/{DONE}_modular.mp4",
        "plans": {"modular": plan(Segment(0.0, 20.0, 5.0)).to_json()},
    }
    monkeypatch.setitem(RECORDS, DONE, record)
    return record


def made(outputs: Path, number: int = 1) -> dict[str, Any]:
    name = f"{DONE}_file-{number}.mp4"
    (outputs / "results" / DONE / name).write_bytes(b"\1" * 100)
    output = f"outputs/results/{DONE}/{name}"
    return {"number": number, "choice": CHOICE, "output": output, "size": 9_400_000}


def unfolded(page: AppTest, task_id: str) -> AppTest:
    """The page with the choices of a file in sight."""
    page.session_state["fold.open"] = {f"file-{task_id}"}
    return page.run()


def test_a_file_is_asked_for(outputs: Path, done: dict[str, Any]) -> None:
    page = unfolded(opened(outputs, DONE), DONE)
    assert page.button(key="file.make").disabled, "nothing is chosen yet"
    page.checkbox(key=f"file.portable-{DONE}").check()
    page.button_group(key=f"file.limit-{DONE}").set_value(10).run()
    page.button(key="file.make").click().run()
    assert not page.exception
    request = json.loads((outputs / "task_status.json").read_text())[DONE]["adjust"]
    assert request["options"] == {"file": CHOICE}


@pytest.mark.parametrize(
    ("locale", "told"), [("en-US", "0.05 MB are too few"), ("zh-CN", "0.05 MB 太小")]
)
def test_a_limit_that_is_too_small_is_told_at_once(
    outputs: Path,
    done: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    locale: str,
    told: str,
) -> None:
    monkeypatch.setattr("ui.task.file_choices.LIMITS_MB", (0.05,))
    page = unfolded(opened(outputs, DONE, locale), DONE)
    page.button_group(key=f"file.limit-{DONE}").set_value(0.05).run()
    assert told in words(page)
    assert page.button(key="file.make").disabled


@pytest.mark.parametrize(
    ("locale", "told"),
    [
        ("en-US", "The file could not be made. So small a file would leave nothing to see."),
        ("zh-CN", "文件没有生成。文件限得太小，画面会无法观看。"),
    ],
)
def test_a_failure_is_told_where_it_was_asked_for(
    outputs: Path, done: dict[str, Any], locale: str, told: str
) -> None:
    done["adjust"] = {
        **{"number": 1, "status": "failed", "reason": "size_limit"},
        "options": {"file": CHOICE},
    }
    page = opened(outputs, DONE, locale)
    assert told in words(page)


def test_what_was_made_is_downloaded(outputs: Path, done: dict[str, Any]) -> None:
    done |= {"files": [made(outputs)], "files_made": 1, "revision": 1}
    page = opened(outputs, DONE)
    labels = [one.proto.label for one in page.get("download_button")]
    assert "For every player and editor · At most 10 MB · 9.4 MB" in labels


def test_a_file_is_served_under_its_name_and_only_to_its_owner(
    service: Service, app: Starlette
) -> None:
    task = finished(service)
    path = service.settings.outputs / "results" / task.id / f"{task.id}_file-1.mp4"
    path.write_bytes(b"made")
    output = path.relative_to(service.settings.outputs.parent).as_posix()
    made = {"number": 1, "choice": CHOICE, "output": output, "size": 4}
    service.store.update(task.id, {"files": [made], "files_made": 1})
    address = f"/files/{task.id}/file-1"
    answer = client(app).get(f"{address}?download=1")
    assert answer.content == b"made"
    assert "my%20dance_every_player_10MB.mp4" in answer.headers["content-disposition"]
    assert client(app, THEIRS).get(address).status_code == 404
    assert client(app, None).get(address).status_code == 404
    assert client(app).get(f"/files/{task.id}/file-2").status_code == 404
    now = service.task(task.id)
    assert now is not None
    link = files.file_url(service, now, "file-1", link=True)
    assert client(app, None).get(link).status_code == 200


def test_from_the_sample_to_a_small_file_for_every_player(
    outputs: Path, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """The whole way: a task, the choice on its page, the run, the download."""
    (outputs / "task_status.json").write_text("{}")
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    service = get_service()
    task_id = submit(
        service.store,
        service.settings,
        *sample_pair,
        dance_name="my dance.mp4",
        reference_name="song.m4a",
    ).id
    service.runner.wake()

    def now() -> TaskRecord:
        task = service.task(task_id)
        assert task is not None
        return task

    until(lambda: now().status == "success", "the results")
    page.query_params["task"] = task_id
    unfolded(page, task_id)
    page.checkbox(key=f"file.portable-{task_id}").check()
    page.button_group(key=f"file.limit-{task_id}").set_value(10).run()
    page.button(key="file.make").click().run()
    assert not page.exception
    until(lambda: now().files, "the file")
    page.run()
    labels = [one.proto.label for one in page.get("download_button")]
    assert any(label.startswith("For every player and editor · At most 10 MB") for label in labels)
    answer = client(app_of(), None).get(f"/files/{task_id}/file-1?download=1")
    assert answer.status_code == 200 and len(answer.content) <= 10_000_000
    assert b"elst" not in answer.content
    saved = tmp_path / "saved.mp4"
    saved.write_bytes(answer.content)
    shown = [measured(saved, follow) for follow in (True, False)]
    assert shown[0] == shown[1] and len(shown[0]) > 100


def measured(path: Path, follow: bool) -> list[float]:
    """When ffmpeg shows each picture (seconds), by the edit list or without it."""
    options = {} if follow else {"ignore_editlist": "1"}
    with av.open(str(path), options=options) as film:
        return [frame.time for frame in film.decode(video=0) if frame.time is not None]
