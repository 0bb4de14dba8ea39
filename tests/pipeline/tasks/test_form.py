"""What a dance's record has besides what the store knows of any task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from pipeline.child.supervise import JobResult
from pipeline.job.events import AlignmentEvent
from pipeline.running.attempt import run_task
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import NotSaved, Store


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Store(settings.model_copy(update={"lock_timeout": 0.2}), FORM)
    yield store
    store.close()


def test_the_texts_of_a_status(store: Store) -> None:
    task_id = store.create().id
    assert store.snapshot().tasks[0].message == "等待处理..."
    run = store.claim()
    assert run and run.message == "正在处理，请稍候..."
    assert store.finish(task_id, {"v2_output": "x"}, run.claim).message.endswith("（V2版本）")
    assert store.update(task_id, {"modular_output": "y"}).message == "处理成功"
    failed = store.create().id
    assert store.cancel(failed).message == "已取消"
    failed = store.create().id
    broken = store.update(failed, {"status": "failed", "reason": "interrupted"})
    assert broken.message.startswith("处理失败")


def test_a_retry_takes_the_results_of_before_back(store: Store) -> None:
    task_id = store.create({"dance_name": "d"}).id
    made = {"v2_output": "x", "v2_status": "success", "v2_size": 7, "detail": "y"}
    store.update(task_id, {"status": "failed", **made})
    assert store.retry(task_id).extra == {
        "dance_name": "d",
        "v2_output": None,
        "modular_output": None,
    }


def test_what_could_not_be_saved_on_the_way_is_saved_with_the_end(
    store: Store, settings: Settings, sample_pair: tuple[Path, Path]
) -> None:
    """A failed save never ends a running job, and loses nothing of its answer."""
    dance, reference = sample_pair
    made = submit(store, settings, dance, reference, dance_name="d.mp4", reference_name="r.m4a")
    task_id = made.id
    task = store.claim()
    assert task
    lock = FileLock(settings.outputs / "task_status.json.lock")

    def work(job: Any, report: Any, **_: Any) -> JobResult:
        with lock:
            report(AlignmentEvent(alignment={"matched": True, "confidence": 0.9}))
        return JobResult(reason="crashed", text="broken")

    run_task(store, task, settings, work, lambda: False)
    ended = store.get(task_id)
    assert ended and (ended.status, ended.reason) == ("failed", "crashed")
    assert ended.extra["alignment"]["confidence"] == 0.9


def test_files_of_a_task_that_was_not_saved_are_given_back(
    store: Store, settings: Settings, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    pair = [tmp_path / path.name for path in sample_pair]
    for source, path in zip(sample_pair, pair, strict=True):
        path.write_bytes(source.read_bytes())
    store.create()
    with FileLock(settings.outputs / "task_status.json.lock"), pytest.raises(NotSaved):
        submit(store, settings, *pair, dance_name="d", reference_name="r", move=True)
    assert all(path.is_file() for path in pair)
    assert not list((settings.outputs / "uploads").iterdir())
    assert len(store.snapshot().tasks) == 1
