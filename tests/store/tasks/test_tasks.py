"""What may happen to a task, on the real file."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import store as package
from store import (
    ADJUST,
    Adjustment,
    Claim,
    Fenced,
    Store,
    WrongState,
)
from tests.store.conftest import Make, claimed, on_disk


def test_a_new_record_has_the_documented_form(store: Store) -> None:
    task = store.create({"dance_name": "课.mp4", "visitor": None})
    record = on_disk(store)[task.id]
    assert list(record)[:7] == [
        "status",
        "message",
        "created_at",
        "started_at",
        "completed_at",
        "modular_output",
        "v2_output",
    ]
    assert record["status"] == "pending"
    assert record["message"] == "这是pending"
    assert set(record) == {*list(record)[:7], "dance_name"}
    written = datetime.fromisoformat(record["created_at"])
    assert written.utcoffset() == timedelta(0)


def test_the_whole_life_of_a_task(store: Store) -> None:
    task_id = store.create().id
    run = claimed(store)
    assert (run.id, run.status, run.attempts) == (task_id, "processing", 1)
    assert on_disk(store)[task_id]["message"] == "这是processing"
    done = {"status": "success", "v2_output": f"outputs/results/{task_id}/{task_id}_v2.mp4"}
    task = store.update(task_id, done, run.claim)
    assert task.message.startswith("这是success outputs/")
    assert task.created_at and task.started_at and task.completed_at
    assert task.owner is None
    assert store.update(task_id, {"v2_output": "x"}).message == "这是success x"


def test_a_text_that_was_given_stays_while_the_status_does(store: Store) -> None:
    task_id = store.create().id
    assert store.update(task_id, {"message": "没有声音"}).message == "没有声音"
    assert store.update(task_id, {"v2_output": "x"}).message == "没有声音"
    assert store.cancel(task_id).message == "这是failed x"
    assert store.update(task_id, {"v2_output": None}).message == "这是failed"


def test_created_and_started_are_never_lost(store: Store) -> None:
    task = store.create()
    run = claimed(store)
    later = store.update(task.id, {"created_at": None, "started_at": None, "progress": 0.5})
    assert later.created_at == task.created_at
    assert later.started_at == run.started_at
    store.update(task.id, {"created_at": "2001-01-01T00:00:00"})
    assert store.get(task.id).created_at == task.created_at  # type: ignore[union-attr]


@pytest.mark.parametrize("end", ["success", "failed"])
def test_a_finished_task_never_goes_back(store: Store, end: str) -> None:
    task_id = store.create().id
    store.update(task_id, {"status": end})
    for status in {"pending", "processing", "success", "failed"} - {end}:
        with pytest.raises(WrongState):
            store.update(task_id, {"status": status})
    assert store.update(task_id, {"note": 1}).status == end


def test_claims_come_in_order_and_once(make: Make) -> None:
    one, two = make(), make()
    ids = [one.create().id for _ in range(6)]
    got = [claimed(s).id for s in (one, two, two, one, two, one)]
    assert got == ids
    assert one.claim() is None


def test_with_one_worker_groups_take_turns_too(store: Store) -> None:
    """Nothing is under way when the next is claimed: else who came with many would be first."""
    many = [store.create({"group": "a"}).id for _ in range(3)]
    other = store.create({"group": "b"}).id
    order = []
    for _ in range(4):
        task = claimed(store)
        order.append(task.id)
        store.finish(task.id, {}, task.claim)
    assert order == [many[0], other, many[1], many[2]]


def test_groups_take_turns(store: Store) -> None:
    """Who hands in twenty does not keep another's one waiting."""
    first, second, third = (store.create({"group": "a"}).id for _ in range(3))
    other = store.create({"group": "b"}).id
    assert [claimed(store).id for _ in range(4)] == [first, other, second, third]
    assert store.snapshot().tasks[0].group == "a"


def test_groups_that_begin_alike_take_turns_as_one(store: Store) -> None:
    """Who hands in twenty under twenty names does not keep another's one waiting either."""
    many = [store.create({"group": f"a/{name}"}).id for name in "112"]
    other = [store.create({"group": "b/1"}).id for _ in range(2)]
    order = [many[0], other[0], many[2], other[1], many[1]]
    assert [claimed(store).id for _ in range(5)] == order


def test_the_first_claims_of_many_threads_at_once(make: Make) -> None:
    for _ in range(20):
        store = make()
        ids = {store.create().id for _ in range(8)}
        start = threading.Barrier(8)
        got: list[str] = []

        def work(
            store: Store = store, start: threading.Barrier = start, got: list[str] = got
        ) -> None:
            start.wait()
            got.append(claimed(store).id)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(got) == ids


def test_a_late_result_is_fenced(store: Store) -> None:
    task_id = store.create().id
    first = claimed(store)
    store.release(task_id, first.claim)
    with pytest.raises(Fenced):
        store.update(task_id, {"status": "success"}, first.claim)
    again = claimed(store)
    assert again.attempts == 1  # the released attempt was not counted
    with pytest.raises(Fenced):  # the same attempt number, and yet another run
        store.update(task_id, {"status": "success"}, first.claim)
    with pytest.raises(Fenced):
        store.update(task_id, {"status": "success"}, replace(again.claim, attempt=2))
    with pytest.raises(Fenced):
        store.update(task_id, {"progress": 1}, first.claim, durable=False)
    assert on_disk(store)[task_id]["status"] == "processing"


def test_cancel_of_a_processing_task_goes_through_the_file(make: Make) -> None:
    server, page = make(), make()
    task_id = server.create().id
    run = claimed(server)
    page.cancel(task_id)
    assert server.get(task_id).cancel_requested  # type: ignore[union-attr]
    released = server.release(task_id, run.claim)
    assert (released.status, released.reason) == ("failed", "cancelled")


def test_retry_starts_from_nothing(store: Store) -> None:
    task_id = store.create({"dance_name": "d"}).id
    claimed(store)
    done = {"v2_output": "outputs/results/a.mp4", "v2_status": "success"}
    store.update(task_id, {"status": "failed", "reason": "no_sound", "detail": "x", **done})
    task = store.retry(task_id)
    assert (task.status, task.attempts, task.reason) == ("pending", 0, None)
    # Else the next attempt, when it breaks, would end as a success of the one before.
    assert on_disk(store)[task_id]["v2_output"] is None and task.extra.get("v2_status") is None
    with pytest.raises(WrongState):
        store.retry(task_id)


def test_delete_takes_the_files_along_and_leaves_a_line(store: Store, outputs: Path) -> None:
    task_id, other = store.create().id, store.create().id
    for name in ("uploads", "results"):
        for folder in (task_id, other):
            (outputs / name / folder).mkdir(parents=True)
            (outputs / name / folder / "x.mp4").write_bytes(b"x")
    run = claimed(store)
    with pytest.raises(WrongState):
        store.delete(task_id)
    store.update(task_id, {"status": "success"}, run.claim)
    store.delete(task_id)
    assert store.get(task_id) is None
    assert not (outputs / "uploads" / task_id).exists()
    assert not (outputs / "results" / task_id).exists()
    assert (outputs / "results" / other / "x.mp4").exists()
    assert [t.id for t in store.history()] == [task_id]
    assert store.history()[0].extra["left_because"] == "deleted"


def again(store: Store) -> tuple[Adjustment, Claim]:
    """The claimed adjustment, and what names it."""
    task = store.claim(ADJUST)
    assert task and task.adjust
    return task.adjust, task.adjust.claim


def test_adjustments(make: Make) -> None:
    store, page = make(), make()
    task_id = store.create().id
    with pytest.raises(WrongState):
        page.request(task_id, {"options": 5})
    store.update(task_id, {"status": "success", "v2_output": "a"})
    page.request(task_id, {"options": 5})
    first, claim = again(store)
    assert (first.extra["options"], first.attempts, first.number) == (5, 1, 1)
    page.request(task_id, {"options": 9})  # the later one replaces it
    with pytest.raises(Fenced):
        store.finish(task_id, {"v2_output": "b"}, claim)
    second, claim = again(store)
    assert (second.extra["options"], second.number) == (9, 2)
    store.update(task_id, {"progress": 0.5}, claim, durable=False)
    shown = store.get(task_id)
    assert shown and shown.adjust and (shown.adjust.progress, shown.progress) == (0.5, None)
    store.finish(task_id, {"v2_output": "b"}, claim)
    done = store.get(task_id)
    assert done and (done.status, done.revision, done.adjust) == ("success", 1, None)
    assert on_disk(store)[task_id]["v2_output"] == "b"
    store.request(task_id, {"x": 1})
    _, claim = again(store)
    failed = store.fail(task_id, {"reason": "render_failed"}, claim)
    assert failed.adjust and failed.adjust.owner is None
    assert (failed.adjust.status, failed.adjust.reason) == ("failed", "render_failed")
    assert (failed.status, failed.revision) == ("success", 1)


def test_an_adjustment_is_released_cancelled_and_fenced_as_a_task_is(store: Store) -> None:
    task_id = store.create().id
    store.update(task_id, {"status": "success"})
    store.request(task_id, {})
    _, claim = again(store)
    with pytest.raises(WrongState):
        store.delete(task_id)
    released = store.release(task_id, claim)
    assert released.adjust and (released.adjust.status, released.adjust.attempts) == ("pending", 0)
    with pytest.raises(Fenced):
        store.fail(task_id, {"reason": "late"}, claim)
    _, claim = again(store)
    asked = store.cancel(task_id, ADJUST)
    assert asked.adjust and asked.adjust.cancel_requested and asked.status == "success"
    ended = store.release(task_id, claim)
    assert ended.adjust and (ended.adjust.status, ended.adjust.reason) == ("failed", "cancelled")
    store.request(task_id, {})
    ended = store.cancel(task_id, ADJUST)
    assert ended.adjust and (ended.adjust.status, ended.adjust.reason) == ("failed", "cancelled")


def test_the_three_names_act_on_the_store_of_the_environment(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRACK_OUTPUTS", str(outputs))
    assert package.load_task_status().tasks == ()
    task = package.default_store().create()
    assert package.save_task_status() is True
    assert package.cleanup_old_tasks() == 0
    assert package.default_store() is package.default_store()
    assert package.load_task_status().tasks[0].id == task.id
