"""What every engine must do, and what only workers elsewhere can: real Redis, workers and kills."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from pipeline.child.supervise import ROOT
from pipeline.running.runner import Runner
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import Store, Task
from tests.pipeline.engine.conftest import Broker, children_of
from tests.pipeline.running.services import start_service
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.timeout(3 * PATIENCE_SECONDS)

Start = Callable[[], Runner]
HandIn = Callable[[Store], Task]


@pytest.fixture(params=["threads", "workers"])
def started(request: pytest.FixtureRequest, service: Start) -> Runner:
    if request.param == "workers":
        request.getfixturevalue("broker")
    return service()


def task_of(store: Store, task_id: str) -> Task:
    task = store.get(task_id)
    assert task is not None
    return task


def check_success(store: Store, settings: Settings, task_id: str, attempts: int) -> None:
    """One end, whole results, nothing left of the work."""
    until(lambda: task_of(store, task_id).finished, "the task's end")
    done = task_of(store, task_id)
    assert (done.status, done.reason, done.attempts) == ("success", None, attempts)
    for key in ("v2_output", "modular_output"):
        path = store.safe_path(done.extra[key])
        assert path is not None and path.stat().st_size > 10_000
    results = settings.outputs / "results" / task_id
    assert (results / "evidence.json").is_file()
    until(lambda: not list(results.glob("attempt-*")), "the removal of the work's folder")
    until(lambda: not children_of(task_id), "the children's end")
    assert "first_owner" not in done.extra and done.first_owner is None


@contextmanager
def running_service() -> Iterator[subprocess.Popen[str]]:
    """A service in a process of its own, stopped in the end."""
    process = start_service()
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def hold(task_id: str) -> psutil.Process:
    """The task's child, stopped in its work."""
    until(lambda: children_of(task_id), "the child")
    child = children_of(task_id)[0]
    child.suspend()
    return child


def test_a_service_without_a_broker_or_a_bucket_imports_nothing_of_them(settings: Settings) -> None:
    code = (
        "import sys, ui.service, pipeline.running.runner as runner\n"
        "runner.start_runner(); runner.stop_runner()\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*loaded & {'rq', 'redis', 'croniter', 'obstore'})"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.split() == []


def test_a_task_becomes_two_results_and_is_made_once_more(
    started: Runner, settings: Settings, hand_in: HandIn
) -> None:
    store = started.store
    task = hand_in(store)
    started.wake()
    check_success(store, settings, task.id, attempts=1)
    store.request(task.id, {"options": {"nudge_ms": 120.0}})
    started.wake()
    until(lambda: task_of(store, task.id).adjust is None, "the adjustment")
    assert task_of(store, task.id).revision == 1
    check_success(store, settings, task.id, attempts=1)


def test_a_cancel_ends_the_child(started: Runner, settings: Settings, hand_in: HandIn) -> None:
    store = started.store
    task = hand_in(store)
    started.wake()
    until(lambda: children_of(task.id), "the child")
    store.cancel(task.id)
    until(lambda: task_of(store, task.id).finished, "the cancel")
    assert task_of(store, task.id).reason == "cancelled"
    until(lambda: not children_of(task.id), "the child's end")


def test_a_refused_file_says_why(
    started: Runner, settings: Settings, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 200)
    store = started.store
    task = submit(store, settings, text, sample_pair[1], dance_name="a.mp4", reference_name="b.m4a")
    until(lambda: task_of(store, task.id).finished, "the refusal")
    failed = task_of(store, task.id)
    assert (failed.reason, failed.extra["reason_role"]) == ("not_media", "dance")


def test_another_worker_takes_the_task_of_a_killed_one(
    broker: Broker, service: Start, settings: Settings, hand_in: HandIn
) -> None:
    store = service().store
    task = hand_in(store)
    child = hold(task.id)
    broker.worker_of(task.id).kill()
    until(lambda: not child.is_running(), "the end of the killed worker's child")
    check_success(store, settings, task.id, attempts=2)


def test_a_stopped_worker_gives_its_task_back(
    broker: Broker, service: Start, settings: Settings, hand_in: HandIn
) -> None:
    store = service().store
    task = hand_in(store)
    child = hold(task.id)
    worker = broker.worker_of(task.id)
    if sys.platform == "linux":
        status = Path(f"/proc/{worker.pid}/status").read_text()
        assert "Umask:\t0077" in status, "what it fetches and makes is its user's alone"
    child.resume()
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=PATIENCE_SECONDS) == 0
    check_success(store, settings, task.id, attempts=1)


def test_an_emptied_redis_loses_nothing(
    broker: Broker, service: Start, settings: Settings, hand_in: HandIn
) -> None:
    runner = service()
    task = hand_in(runner.store)
    child = hold(task.id)
    broker.client.flushall()
    until(lambda: not child.is_running(), "the end of the forgotten run")
    check_success(runner.store, settings, task.id, attempts=1)
    until(lambda: runner.slots == 2, "both workers")


def test_work_goes_on_without_its_service_and_the_next_one_takes_it_over(
    broker: Broker, settings: Settings, hand_in: HandIn
) -> None:
    store = Store(settings, FORM)
    task = hand_in(store)
    owners: list[str | None] = [None]
    held: list[psutil.Process] = []
    for end in (signal.SIGKILL, signal.SIGTERM):
        with running_service() as running:
            until(lambda: task_of(store, task.id).owner not in owners, "the new owner")
            owners.append(task_of(store, task.id).owner)
            held = held or [hold(task.id)]
            running.send_signal(end)
            running.wait(timeout=PATIENCE_SECONDS)
        assert task_of(store, task.id).status == "processing"
        assert children_of(task.id) == held
    with running_service():
        held[0].resume()
        check_success(store, settings, task.id, attempts=1)


def test_a_worker_of_another_version_gets_nothing(
    broker: Broker,
    service: Start,
    hand_in: HandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    until(lambda: broker.client.scard("rq:workers") >= 2, "the workers")
    monkeypatch.setattr("pipeline.engine.messages.code_version", lambda: "another")
    runner = service()
    task = hand_in(runner.store)
    runner.wake()
    until(lambda: runner.health()["outdated"] >= 2, "the other workers")
    assert runner.slots == 0 and task_of(runner.store, task.id).status == "pending"


def test_a_redis_that_is_away_keeps_tasks_waiting(
    service: Start, hand_in: HandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("rq", reason="rq is not installed (requirements-workers.txt)")
    monkeypatch.setenv("RETRACK_BROKER_URL", "redis://127.0.0.1:1/0")
    runner = service()
    task = hand_in(runner.store)
    runner.wake()
    until(lambda: runner.health()["trouble"], "the trouble")
    assert task_of(runner.store, task.id).status == "pending"
