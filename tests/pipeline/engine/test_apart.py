"""Workers that share no folder with the service: films and results go through a bucket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from files.objects import Objects
from pipeline.running.runner import Runner
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
