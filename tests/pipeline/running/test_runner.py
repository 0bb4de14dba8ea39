"""The runner with its real store, real children and real kills."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline import reasons
from pipeline.child.supervise import JobResult
from pipeline.engine.threads import execute_in_child
from pipeline.job.events import ProgressEvent, Report, VariantEvent
from pipeline.job.model import Job, Outcome, VariantOutcome
from pipeline.model import BEST_FIRST, VARIANTS
from pipeline.running.adjustment import run_adjustment
from pipeline.running.attempt import run_task
from pipeline.running.runner import Runner, get_runner, start_runner, stop_runner
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.record import read
from store import ADJUST, Store, Task
from tests.pipeline.running.services import hand_in, start_service, workers_of
from tests.waiting import until


@pytest.fixture
def service(settings: Settings) -> Iterator[Runner]:
    store = Store(settings, FORM).start()
    runner = Runner(store, settings)
    runner.start()
    yield runner
    runner.stop()
    store.close()


def test_a_task_becomes_two_results(
    service: Runner, settings: Settings, sample_pair: tuple[Path, Path]
) -> None:
    store = service.store
    task = hand_in(store, settings, sample_pair)
    seen: list[tuple[str | None, str | None]] = []

    def ended() -> bool:
        now = store.get(task.id)
        assert now is not None
        if not seen or seen[-1] != (now.extra.get("v2_status"), now.extra.get("modular_status")):
            seen.append((now.extra.get("v2_status"), now.extra.get("modular_status")))
        return now.finished

    until(ended, "the task's end")
    done = store.get(task.id)
    assert done is not None
    assert (done.status, done.message, done.reason) == ("success", "处理成功", None)
    assert done.created_at and done.started_at and done.completed_at
    assert done.created_at <= done.started_at <= done.completed_at
    for output in (done.extra.get("modular_output"), done.extra.get("v2_output")):
        path = store.safe_path(output)
        assert path is not None and path.stat().st_size > 10_000
    assert done.extra.get("alignment") is not None and done.extra["alignment"]["agreement_ms"] < 10
    results = settings.outputs / "results" / task.id
    assert not list(results.glob("attempt-*")), "work in progress was left behind"
    assert (results / "evidence.json").is_file()


def test_tasks_run_in_order(
    service: Runner, settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = service.store
    ids = [hand_in(store, settings, short_pair).id for _ in range(3)]
    until(lambda: all(t.finished for t in store.snapshot().tasks), "three tasks")
    tasks = {t.id: t for t in store.snapshot().tasks}
    starts = [tasks[i].started_at for i in ids]
    assert [tasks[i].status for i in ids] == ["success"] * 3
    known = [start for start in starts if start is not None]
    assert len(known) == 3 and known == sorted(known)


def test_bad_input_fails_with_its_reason_and_the_others_go_on(
    service: Runner,
    settings: Settings,
    short_pair: tuple[Path, Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = service.store
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 200)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    _, reference = short_pair
    bad = [hand_in(store, settings, (path, reference)).id for path in (text, empty)]
    gone = hand_in(store, settings, short_pair)
    path = store.safe_path(gone.extra.get("dance_file"))
    assert path is not None
    path.unlink()
    good = hand_in(store, settings, short_pair).id
    until(lambda: all(t.finished for t in store.snapshot().tasks), "all tasks")
    tasks = {t.id: t for t in store.snapshot().tasks}
    assert tasks[bad[0]].reason == reasons.NOT_MEDIA
    assert tasks[bad[1]].reason == reasons.EMPTY_FILE
    assert tasks[gone.id].reason == reasons.MISSING_FILE
    for task_id in (*bad, gone.id):
        assert tasks[task_id].status == "failed"
        assert tasks[task_id].message.startswith("处理失败（舞蹈视频）：")
    assert tasks[good].status == "success"
    refusals = [r.getMessage() for r in caplog.records if "failed (" in r.getMessage()]
    assert len(refusals) == 3
    assert not any("\n" in line for line in refusals), "a line each, without a traceback"


def test_a_cancel_ends_the_child_and_leaves_nothing(
    service: Runner, settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = service.store
    task = hand_in(store, settings, short_pair)
    until(lambda: service.health()["running"], "the task's start")
    until(lambda: workers_of(os.getpid()), "the child")
    store.cancel(task.id)
    until(lambda: (t := store.get(task.id)) and t.finished, "the cancel")
    done = store.get(task.id)
    assert done is not None
    assert (done.status, done.reason, done.message) == ("failed", "cancelled", "已取消")
    until(lambda: not workers_of(os.getpid()), "the child's end")
    results = settings.outputs / "results" / task.id
    until(lambda: not list(results.glob("attempt-*")), "the removal of what was begun")
    again = store.retry(task.id)
    assert again.status == "pending"
    service.wake()
    until(lambda: (t := store.get(task.id)) and t.status == "success", "the retry")


def test_a_killed_service_leaves_no_child_and_its_task_goes_on(
    settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = Store(settings, FORM)
    task = hand_in(store, settings, short_pair)
    first = start_service()
    try:
        until(lambda: workers_of(first.pid), "the child")
        children = workers_of(first.pid)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    until(
        lambda: not any(p.is_running() and p.status() != "zombie" for p in children),
        "the children's own end",
    )
    left = store.get(task.id)
    assert left is not None and left.status == "processing"
    created = left.created_at

    second = start_service()
    try:
        until(lambda: (t := store.get(task.id)) and t.finished, "the second attempt")
    finally:
        second.terminate()
        assert second.wait(timeout=120) == 0
    done = store.get(task.id)
    assert done is not None
    assert (done.status, done.attempts, done.created_at) == ("success", 2, created)
    store.close()


def test_an_orderly_stop_gives_the_task_back_uncounted(
    settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = Store(settings, FORM)
    task = hand_in(store, settings, short_pair)
    service = start_service()
    until(lambda: workers_of(service.pid), "the child")
    service.terminate()
    assert service.wait(timeout=120) == 0
    back = store.get(task.id)
    assert back is not None
    assert (back.status, back.attempts, back.owner) in {
        ("pending", 0, None),
        ("success", 1, None),  # it was faster than the stop
    }
    store.close()


def test_one_runner_a_process_also_after_a_reload(settings: Settings) -> None:
    import importlib

    import pipeline.running.runner as module

    first = start_runner(settings=settings)
    try:
        reloaded = importlib.reload(module)
        assert reloaded.get_runner() is first
        assert reloaded.start_runner(settings=settings) is first
    finally:
        importlib.reload(module).stop_runner()
    assert get_runner() is None
    stop_runner()  # nothing to stop is no error


def test_an_adjustment_renders_again_and_counts_a_revision(
    service: Runner, settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = service.store
    task = hand_in(store, settings, short_pair)
    until(lambda: (t := store.get(task.id)) and t.finished, "the task's end")
    before = store.get(task.id)
    assert before is not None
    path = store.safe_path(before.extra.get("v2_output"))
    assert path is not None
    old = path.read_bytes()
    store.request(task.id, {"options": {"nudge_ms": 120.0}})
    service.wake()
    until(lambda: (t := store.get(task.id)) and t.adjust is None, "the adjustment")
    after = store.get(task.id)
    assert after is not None
    assert (after.status, after.revision, after.message) == ("success", 1, "处理成功")
    assert after.extra.get("options") == {"nudge_ms": 120.0}
    assert path.read_bytes() != old

    store.request(task.id, {"options": {"nudge_ms": 9999.0}})  # out of range: refused by the plan
    until(lambda: (t := store.get(task.id)) and t.adjust and t.adjust.status == "failed", "no")
    refused = store.get(task.id)
    assert refused is not None and refused.status == "success" and refused.revision == 1


def breaks(job: Job, report: Report, **_: object) -> JobResult:
    """What starting a process does when there are too many, or no memory for one more."""
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def test_a_task_whose_work_could_not_be_started_fails(
    settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = Store(settings, FORM).start()
    hand_in(store, settings, short_pair)
    task = store.claim()
    assert task is not None
    run_task(store, task, settings, breaks, lambda: False)
    ended = store.get(task.id)
    assert ended is not None
    assert (ended.status, ended.reason) == ("failed", reasons.OUT_OF_MEMORY), "not processing"
    assert not list((settings.outputs / "results" / task.id).glob("attempt-*"))
    store.close()


def test_a_stop_between_two_results_drops_neither(
    settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    """What workers have made may be read at one look, while the service stops."""
    store = Store(settings, FORM).start()
    task_id = hand_in(store, settings, short_pair).id
    task = store.claim()
    assert task is not None
    stopping = threading.Event()

    def work(job: Job, report: Report, **_: object) -> JobResult:
        made = {}
        for name in VARIANTS:
            path = job.out / f"{name}.mp4"
            path.write_bytes(b"whole")
            made[name] = VariantOutcome("success", str(path))
            report(VariantEvent(name, made[name]))
            stopping.set()
        return JobResult(Outcome(True, None, alignment={}, variants=made, seconds={}))

    run_task(store, task, settings, work, stopping.is_set)
    ended = store.get(task_id)
    assert ended is not None and ended.status == "success"
    assert read(ended).results == BEST_FIRST
    store.close()


def test_a_hint_that_somebody_spoilt_in_the_file_fails_its_task_alone(
    settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = Store(settings, FORM).start()
    task_id = hand_in(store, settings, short_pair).id
    store.update(task_id, {"options": {"hint": {"offset": "soon"}}})
    task = store.claim()
    assert task is not None
    run_task(store, task, settings, execute_in_child, lambda: False)
    ended = store.get(task_id)
    assert ended is not None and (ended.status, ended.reason) == ("failed", reasons.CRASHED)
    store.close()


def test_an_adjustment_whose_work_could_not_be_started_keeps_the_old_result(
    settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = Store(settings, FORM).start()
    task_id = hand_in(store, settings, short_pair).id
    store.update(task_id, {"status": "success"})
    store.request(task_id, {"options": {"nudge_ms": 40.0}})
    task = store.claim(ADJUST)
    assert task is not None
    run_adjustment(store, task, settings, breaks, lambda: False)
    ended = store.get(task_id)
    assert ended is not None and ended.status == "success" and ended.adjust is not None
    assert (ended.adjust.status, ended.adjust.reason) == ("failed", reasons.OUT_OF_MEMORY)
    store.close()


def test_an_adjustment_taken_back_at_any_moment_leaves_nothing_behind(
    settings: Settings, short_pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(settings, FORM).start()
    task_id = hand_in(store, settings, short_pair).id
    store.update(task_id, {"status": "success"})
    store.request(task_id, {"options": {"nudge_ms": 40.0}})
    task = store.claim(ADJUST)
    assert task is not None
    note = store.update

    def taken_back(*arguments: Any, **changes: Any) -> Task:
        store.cancel(task_id, ADJUST)  # between the runner's look and its note
        return note(*arguments, **changes)

    def work(job: Job, report: Report, *, stop: Callable[[], str | None], **_: Any) -> JobResult:
        report(ProgressEvent(stage="probe", progress=0.1, seconds_left=None))
        monkeypatch.setattr(store, "update", note)
        return JobResult(reason=stop())

    monkeypatch.setattr(store, "update", taken_back)
    run_adjustment(store, task, settings, work, lambda: False)
    ended = store.get(task_id)
    assert ended is not None and ended.adjust is not None and ended.adjust.reason == "cancelled"
    assert not list((settings.outputs / "results" / task_id).glob("attempt-*"))
    store.close()


def test_what_goes_wrong_each_second_is_logged_once(
    settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.running.runner.IDLE_SECONDS", 0.02)
    store = Store(settings, FORM)
    store.create()
    owners = store.path.parent / ".owners"
    owners.write_text("a file where a folder should be")  # so nothing can be claimed

    def said() -> int:
        return sum("could not take" in record.getMessage() for record in caplog.records)

    looks: list[None] = []
    claim = store.claim

    def counted(*kinds: str) -> Task | None:
        looks.append(None)
        return claim(*kinds)

    monkeypatch.setattr(store, "claim", counted)
    runner = Runner(store, settings)
    runner.start()
    try:
        until(lambda: len(looks) > 20, "twenty looks")
        assert said() == 1
        owners.unlink()
        until(lambda: not any(t.status == "pending" for t in store.snapshot().tasks), "the claim")
        assert said() == 1
    finally:
        runner.stop()
        store.close()
