"""Details beside the results: what the file keeps, and what a crash leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from store import Store
from store.retention.details import write
from tests.store.conftest import Make
from tests.store.tasks.test_tasks import on_disk

PLANS = {"v2": {"sound": {"pieces": [1.5, 2]}}}


@pytest.fixture
def task_id(store: Store, outputs: Path) -> str:
    task_id = store.create({"dance_name": "a.mp4", "alignment": {"matched": True}}).id
    values = {"plans": PLANS, "alignment": {"matched": True, "segments": [1]}, "v2_size": 7}
    name = write(outputs, task_id, values)
    store.update(task_id, {"status": "success", "details": name})
    return task_id


def test_a_task_has_its_details_and_the_table_does_not_read_them(
    store: Store, task_id: str
) -> None:
    task = store.get(task_id)
    assert task and task.plans == PLANS and task.alignment == {"matched": True, "segments": [1]}
    assert task.extra["v2_size"] == 7 and task.dance_name == "a.mp4"
    [row] = store.snapshot().tasks
    assert row.plans is None and row.alignment == {"matched": True}
    assert "plans" not in on_disk(store)[task_id]
    store.request_adjustment(task_id, {})
    claimed = store.claim_adjustment()
    assert claimed and claimed.plans == PLANS and claimed.adjust


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"null", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"plans": 1e999}', None],
    ids=["empty", "torn", "null", "list", "bytes", "deep", "infinite", "missing"],
)
def test_damaged_details_are_no_end(
    store: Store, outputs: Path, task_id: str, damage: bytes | None
) -> None:
    [path] = (outputs / "results" / task_id).glob("details-*.json")
    path.unlink() if damage is None else path.write_bytes(damage)
    task = store.get(task_id)
    assert task and task.status == "success" and task.alignment == {"matched": True}


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", 7, None, [], "1a2b3c4d5", "", "x\0y"])
def test_a_hand_made_name_is_no_path(store: Store, task_id: str, name: object) -> None:
    store.update(task_id, {"details": name})
    task = store.get(task_id)
    assert task and task.plans is None


def test_details_change_neither_status_nor_id(store: Store, outputs: Path, task_id: str) -> None:
    [path] = (outputs / "results" / task_id).glob("details-*.json")
    path.write_text(json.dumps({"status": "pending", "id": "x", "extra": 1, "created_at": 5}))
    task = store.get(task_id)
    assert task and (task.id, task.status) == (task_id, "success")


def test_records_of_before_are_read_as_they_are(store: Store) -> None:
    task_id = store.create({"plans": PLANS, "alignment": {"segments": [1]}}).id
    task = store.get(task_id)
    assert task and task.plans == PLANS and task.alignment == {"segments": [1]}


def test_details_go_with_their_task(store: Store, outputs: Path, task_id: str) -> None:
    store.delete(task_id)
    assert not (outputs / "results" / task_id).exists()


def test_a_thousand_results_of_one_day_are_all_there(make: Make, outputs: Path) -> None:
    from tests.store.retention.test_upkeep import finished, put

    store = make()
    from tests.store.conftest import new_id

    # 9 KB of details each, inline, as the release before wrote them: twice the cap.
    records = {}
    for number in range(1000):
        task_id = new_id()
        video = outputs / "results" / task_id / "v2.mp4"
        video.parent.mkdir(parents=True)
        video.touch()
        path = f"outputs/results/{task_id}/v2.mp4"
        plans = {"v2": "x" * 8000}
        records[task_id] = finished(number / 45, plans=plans, v2_output=path, alignment={"m": 1})
    put(store, records)
    store.start()
    store.update(store.create().id, {"status": "success"})
    store.cleanup_old_tasks()
    store.remove_departed_files()
    assert len(on_disk(store)) == 1001 and store.history() == ()
    assert store.path.stat().st_size < 5e6
    tasks = [store.safe_path(task.v2_output) for task in store.snapshot().tasks]
    assert sum(path is not None and path.is_file() for path in tasks) == 1000
