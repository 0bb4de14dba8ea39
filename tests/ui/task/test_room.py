"""What is made once more, or anew, waits and takes space like a new task: it asks for room."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.settings import get_settings
from tests.ui.task.test_file_choices import done, unfolded
from tests.ui.task.test_left_out import planned
from tests.ui.test_page import DONE, FAILED, RECORDS, ROOT, opened, outputs
from ui.incoming import limits
from ui.service import SECRET_BYTES, get_service
from ui.web.visitor import new_key, signed_key, visitor_name

__all__ = ["done", "outputs"]
SECRET = b"s" * SECRET_BYTES
KEY = new_key()
TOO_MANY = "You have too many tasks here"
WAITING = "Too many tasks are waiting on this server"


@pytest.fixture
def owned(outputs: Path, done: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """The finished task is the visitor's, one of several, and leaves a part of the dance out."""
    monkeypatch.setenv("RETRACK_VISIBILITY", "private")
    get_settings.cache_clear()
    (outputs / ".secret").write_bytes(SECRET)
    own = {"visitor": visitor_name(KEY), "dance_size": 900, "plans": planned(3.2, 14.0)}
    monkeypatch.setitem(RECORDS, DONE, {**done, **own})


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it is less than what the task's files take; what is free does not count."""
    monkeypatch.setattr(limits, "_disk", lambda service: (1000, 0, 10**12))


@pytest.fixture
def one_waits(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than one task may wait."""
    monkeypatch.setenv("RETRACK_WAITING_IN_ALL", "1")
    get_settings.cache_clear()


def begin_waiting() -> None:
    """One waits, and nobody takes it."""
    service = get_service()
    service.runner.stop()
    service.store.create({"dance_name": "waiting.mp4"})


def visited(outputs: Path) -> AppTest:
    """The task's page, as its visitor sees it."""
    return opened(outputs, DONE, key=signed_key(KEY, SECRET))


def asked(outputs: Path) -> object:
    return json.loads((outputs / "task_status.json").read_text())[DONE].get("adjust")


def toasts(page: AppTest) -> str:
    return " ".join(str(toast.value) for toast in page.toast)


def test_an_adjustment_needs_space(outputs: Path, owned: None, small_disk: None) -> None:
    page = visited(outputs)
    page.button(key="cut.keep_all").click().run()
    assert TOO_MANY in toasts(page)
    assert asked(outputs) is None


def test_a_further_file_needs_space(outputs: Path, owned: None, small_disk: None) -> None:
    page = unfolded(visited(outputs), DONE)
    page.checkbox(key=f"file.portable-{DONE}").check().run()
    page.button(key="file.make").click().run()
    assert TOO_MANY in toasts(page)
    assert asked(outputs) is None


def test_an_adjustment_waits_like_a_task(outputs: Path, owned: None, one_waits: None) -> None:
    page = visited(outputs)
    begin_waiting()
    page.button(key="cut.keep_all").click().run()
    assert WAITING in toasts(page)
    assert asked(outputs) is None


def test_a_retry_waits_like_a_task(
    outputs: Path, one_waits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RECORDS, FAILED, {**RECORDS[FAILED], "reason": "crashed"})
    page = opened(outputs, FAILED)
    begin_waiting()
    page.button(key="detail.retry").click().run()
    assert WAITING in toasts(page)
    assert json.loads((outputs / "task_status.json").read_text())[FAILED]["status"] == "failed"


def test_the_sample_needs_space(
    outputs: Path, small_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRACK_VISIBILITY", "private")  # only there is everybody somebody
    get_settings.cache_clear()
    page = AppTest.from_file(str(ROOT / "streamlit_app.py"), default_timeout=60).run()
    page.button(key="upload.sample").click().run()
    assert TOO_MANY in " ".join(str(error.value) for error in page.error)
    assert not get_service().store.snapshot().tasks
