"""A file that cannot be written stops itself alone. As root no file refuses to be written, so a
folder stands in its place.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store import NotSaved, Store
from store.file.lock import Lock
from tests.store.conftest import Make, claimed, new_id, on_disk
from tests.store.retention.test_upkeep import finished, put


@pytest.fixture
def blocked(outputs: Path) -> Path:
    history = outputs / "task_history.jsonl"
    history.mkdir(parents=True)
    return history


def test_without_a_history_no_delete_and_all_else_goes_on(make: Make, blocked: Path) -> None:
    store, other = make(), make()
    ended = store.create().id
    store.cancel(ended)
    with pytest.raises(NotSaved, match=r"task_history\.jsonl"):
        store.delete(ended)
    assert store.get(ended), "it stays, with all that belongs to it"
    first, second = store.create().id, other.create().id
    run = claimed(store)
    assert run.id == first
    store.update(run.id, {"status": "success"}, run.claim)
    store.cancel(second)
    assert {i: r["status"] for i, r in on_disk(store).items()} == {
        **{ended: "failed", first: "success", second: "failed"}
    }
    problems = store.snapshot().problems
    assert set(problems) == {"history"}
    blocked.rmdir()
    store.delete(ended)
    assert set(on_disk(store)) == {first, second}
    assert [task.id for task in store.history()] == [ended]
    assert store.snapshot().problems == {}
    assert not store.snapshot().unsaved


def test_without_a_history_old_tasks_wait(make: Make, outputs: Path, blocked: Path) -> None:
    old, left = new_id(), new_id()
    store = make()
    put(store, {old: finished(30)})
    from store.retention.task_files import make_task_folder
    from tests.store.retention.test_upkeep import make_old

    make_old(make_task_folder(outputs, "results", left))
    store.start()
    assert set(on_disk(store)) == {old}
    assert {"history", "cleanup"} <= set(store.snapshot().problems)
    assert not (outputs / "results" / left).exists(), "the other steps of the cleanup went on"
    assert store.history() == ()
    store.create()
    assert claimed(store)
    blocked.rmdir()
    assert store.cleanup_old_tasks() == 1
    assert set(store.snapshot().problems) == set()


@pytest.mark.parametrize("name", ["task_status.json.bak", "task_backups", ".reserve", ".secret"])
def test_the_other_files_stop_nothing(make: Make, outputs: Path, name: str) -> None:
    (outputs / name).parent.mkdir(parents=True)
    if name == "task_backups":
        (outputs / name).write_text("no folder")
    else:
        (outputs / name / "x").mkdir(parents=True)
    store = make(tick_seconds=0.05).start()
    ended = store.create().id
    store.cancel(ended)
    store.delete(ended)
    run = store.create()
    assert claimed(store).id == run.id
    store.back_up(anyway=True)
    assert store.snapshot().problems == {}


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file is made as root")
def test_a_lock_that_another_user_made(make: Make, outputs: Path) -> None:
    store: Store = make()
    store.create()
    lock = outputs / "task_status.json.lock"
    lock.chmod(0o444)
    os.chown(outputs, 65534, 65534)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(outputs)  # whose parents are closed to others
            os.setuid(65534)
            with Lock(Path(lock.name), 1.0):
                os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
