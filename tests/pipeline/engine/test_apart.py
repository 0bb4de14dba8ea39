"""Workers that share no folder with the service: films and results go through a bucket."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from wsgiref.types import WSGIEnvironment

import pytest

from files.objects import Objects
from pipeline.running.runner import Runner
from pipeline.tasks.extra_files import REQUEST, FileChoice
from store import Store, Task
from tests.files.conftest import S3, keys
from tests.pipeline.engine.conftest import Broker, children_of
from tests.waiting import PATIENCE_SECONDS, until

pytestmark = pytest.mark.timeout(3 * PATIENCE_SECONDS)


def settled(store: Store, task_id: str) -> Task:
    """The task, once nothing of it runs or waits."""

    def is_so() -> bool:
        task = store.get(task_id)
        assert task is not None
        return task.finished and (task.adjust is None or task.adjust.status == "failed")

    until(is_so, "the task's end")
    until(lambda: not children_of(task_id), "the children's end")
    task = store.get(task_id)
    assert task is not None
    return task


def check(objects: Objects, store: Store, task: Task) -> None:
    """Whole and single results in the bucket, and none on the service's disk."""
    assert (task.status, task.reason) == ("success", None)
    wanted = set()
    for kind in ("v2", "modular"):
        path = store.safe_path(task.extra[f"{kind}_output"])
        assert path is not None and not path.exists()
        with store.files.open(path) as film:
            assert len(film.read(10**9)) == task.extra[f"{kind}_size"] > 10_000
        wanted.add(path.name)
    folder = store.path.parent / "results" / task.id
    assert (folder / "evidence.json").is_file()

    def films() -> set[str]:
        there = (key for key in keys(objects) if key.startswith("results/"))
        return {key.rpartition("/")[2] for key in there if key.endswith(".mp4")}

    until(lambda: films() == wanted, "the end of what is not named")


def test_a_task_is_done_and_made_once_more_without_a_shared_folder(
    apart: Broker,
    service: Callable[[], Runner],
    hand_in: Callable[[Store], Task],
    objects: Objects,
) -> None:
    store = service().store
    task = hand_in(store)
    check(objects, store, settled(store, task.id))
    store.request(task.id, {"options": {"nudge_ms": 120.0}})
    again = settled(store, task.id)
    assert again.revision == 1
    check(objects, store, again)


def test_a_killed_worker_and_a_bucket_that_fails_leave_one_right_end(
    apart: Broker,
    service: Callable[[], Runner],
    hand_in: Callable[[Store], Task],
    objects: Objects,
    s3: S3,
) -> None:
    store = service().store
    task = hand_in(store)
    until(lambda: children_of(task.id), "the child")
    apart.worker_of(task.id).kill()
    asked = 0

    def every_third(environ: object) -> int:
        nonlocal asked
        asked += 1
        return 500 if asked % 3 == 0 else 0

    s3.fault = every_third
    done = settled(store, task.id)
    s3.well()
    assert done.attempts == 2
    check(objects, store, done)


def busy(broker: Broker) -> set[int]:
    """The processes of the workers that have something to do, as Redis has them."""
    found = (broker.client.hgetall(key) for key in broker.client.smembers("rq:workers"))
    return {int(one[b"pid"]) for one in found if one.get(b"state") == b"busy"}


def test_a_bucket_that_is_away_and_a_stop_during_a_transfer_count_no_attempt(
    apart: Broker,
    service: Callable[[], Runner],
    hand_in: Callable[[Store], Task],
    objects: Objects,
    s3: S3,
) -> None:
    refused, held, go = 0, threading.Event(), threading.Event()

    def fault(environ: WSGIEnvironment) -> int:
        """Films cannot be had four times, and then not for a while."""
        nonlocal refused
        if environ["REQUEST_METHOD"] == "GET" and "/uploads/" in environ["PATH_INFO"]:
            refused += 1
            if refused <= 4:
                return 403
            held.set()
            go.wait(PATIENCE_SECONDS)
        return 0

    store = service().store
    s3.fault = fault
    task = hand_in(store)
    until(held.is_set, "a film that does not come")
    worker = next(one for one in apart.workers if one.pid in busy(apart))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=PATIENCE_SECONDS) == 0
    go.set()
    done = settled(store, task.id)
    assert done.attempts == 1
    check(objects, store, done)


@pytest.mark.parametrize(
    "options",
    [{"nudge_ms": 120.0}, {REQUEST: FileChoice("modular", portable=True).to_json()}],
    ids=["adjustment", "file"],
)
def test_what_is_made_once_more_waits_for_the_bucket_and_counts_no_attempt(
    apart: Broker,
    service: Callable[[], Runner],
    hand_in: Callable[[Store], Task],
    s3: S3,
    options: dict[str, object],
) -> None:
    store = service().store
    task_id = settled(store, hand_in(store).id).id
    refused = 0

    def no_copies(environ: WSGIEnvironment) -> int:
        """What a worker made gets no name of its own."""
        nonlocal refused
        copies = "HTTP_X_AMZ_COPY_SOURCE" in environ
        refused += copies
        return 403 if copies else 0

    s3.fault = no_copies
    store.request(task_id, {"options": options})
    until(lambda: refused >= 3, "three refusals")
    task = store.get(task_id)
    assert task is not None and task.adjust is not None
    assert (task.adjust.status, task.adjust.attempts) == ("processing", 1)
    s3.well()
    done = settled(store, task_id)
    assert (done.adjust, done.revision) == (None, 1)
