"""What a record may hold, and what its readers are given."""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store import (
    BadPatch,
    NoSuchTask,
    NotSaved,
    Store,
    WrongState,
)
from tests.store.conftest import claimed, new_id, on_disk, value


def test_a_function_sees_every_other_change(store: Store) -> None:
    task_id = store.create().id

    def work() -> None:
        for _ in range(20):
            store.update(task_id, lambda record: {"n": record.get("n", 0) + 1})

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert on_disk(store)[task_id]["n"] == 120


def test_every_answer_is_the_callers_own(store: Store) -> None:
    # Threads that queue while a group is written once got an answer without being written.
    ids = [store.create().id for _ in range(8)]
    wrong: list[Any] = []

    def work(number: int) -> None:
        for turn in range(60):
            value = f"{number}-{turn}"
            task = store.update(ids[number], {"mark": value})
            if task.extra["mark"] != value or on_disk(store)[ids[number]]["mark"] != value:
                wrong.append((number, turn))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_progress_is_seen_at_once_and_written_with_the_next_update(store: Store) -> None:
    task_id, other = store.create().id, store.create().id
    before = store.path.read_bytes()
    run = claimed(store)
    after_claim = store.path.read_bytes()
    assert before != after_claim
    task = store.update(task_id, {"progress": 0.4}, run.claim, durable=False)
    assert task.progress == 0.4
    store.update(task_id, {"stage": "align"}, run.claim, durable=False)
    assert store.path.read_bytes() == after_claim
    store.update(other, {"note": 1})
    assert on_disk(store)[task_id]["progress"] == 0.4
    assert on_disk(store)[task_id]["stage"] == "align"
    with pytest.raises(BadPatch):
        store.update(task_id, {"status": "success"}, durable=False)


def test_a_tick_never_outlives_the_result(store: Store) -> None:
    task_id = store.create().id
    run = claimed(store)
    store.update(task_id, {"progress": 0.4}, run.claim, durable=False)
    store.update(task_id, {"status": "success", "progress": 1.0}, run.claim)
    store._commit.flush()
    assert on_disk(store)[task_id]["progress"] == 1.0


def test_what_cannot_be_stored_is_refused(store: Store) -> None:
    task_id = store.create().id
    for patch in ({"status": "done"}, {"x": object()}, {"completed_at": "yesterday"}):
        with pytest.raises(BadPatch):
            store.update(task_id, patch)
    with pytest.raises(BadPatch):
        store.create(task_id="../../etc")
    with pytest.raises(WrongState):
        store.create(task_id=task_id)
    with pytest.raises(NoSuchTask):
        store.update(new_id(), {"x": 1})


def test_what_a_caller_does_to_a_task_never_reaches_the_file(store: Store) -> None:
    given = {"options": {"nudge": [1]}}
    task = store.create(given)
    given["options"]["nudge"].append(2)
    value(task, "options")["nudge"].append(3)
    store.update(task.id, {"note": 1})
    assert on_disk(store)[task.id]["options"] == {"nudge": [1]}


def test_processing_needs_an_owner(store: Store) -> None:
    """Else every other start would take it for interrupted."""
    task_id = store.create().id
    with pytest.raises(BadPatch, match="claim"):
        store.update(task_id, {"status": "processing"})
    run = claimed(store)
    store.update(run.id, {"status": "processing", "n": 1}, run.claim)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), [1.0, float("nan")], {"a": -math.inf}])
def test_nan_is_refused_and_takes_nothing_away(store: Store, bad: object) -> None:
    task_id = store.create({"score": 0.5}).id
    with pytest.raises(BadPatch, match="NaN"):
        store.update(task_id, {"score": bad})
    assert on_disk(store)[task_id]["score"] == 0.5


def test_what_could_not_be_read_again_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("disk", "codec"):
        monkeypatch.setattr(f"store.file.{module}.MAX_FILE_BYTES", 10_000)
    task_id = store.create().id
    with pytest.raises(BadPatch):
        store.update(task_id, {"blob": "x" * 10_001})
    store.update(task_id, {"one": "x" * 6_000})
    with pytest.raises(NotSaved, match="could not be read again"):
        store.update(task_id, {"two": "x" * 6_000})
    assert "two" not in on_disk(store)[task_id]
    assert store.update(task_id, {"three": 1}).extra["three"] == 1


def test_snapshot_is_in_order_of_creation_and_reused(store: Store) -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    first, second = store.create().id, store.create({"created_at": old.isoformat()}).id
    assert [t.id for t in store.snapshot().tasks] == [second, first]
    assert store.snapshot().tasks is store.snapshot().tasks
