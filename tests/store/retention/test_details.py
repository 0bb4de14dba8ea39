"""Details beside the results: what the file keeps, and what a crash leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from store import ADJUST, Store
from store.retention.details import write
from tests.store.conftest import on_disk, value

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
    assert task and value(task, "plans") == PLANS
    assert value(task, "alignment") == {"matched": True, "segments": [1]}
    assert task.extra["v2_size"] == 7 and value(task, "dance_name") == "a.mp4"
    [row] = store.snapshot().tasks
    assert value(row, "plans") is None and value(row, "alignment") == {"matched": True}
    assert "plans" not in on_disk(store)[task_id]
    store.request(task_id, {})
    claimed = store.claim(ADJUST)
    assert claimed and value(claimed, "plans") == PLANS and claimed.adjust


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
    assert task and task.status == "success" and value(task, "alignment") == {"matched": True}


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", 7, None, [], "1a2b3c4d5", "", "x\0y"])
def test_a_hand_made_name_is_no_path(store: Store, task_id: str, name: object) -> None:
    store.update(task_id, {"details": name})
    task = store.get(task_id)
    assert task and value(task, "plans") is None


def test_details_change_neither_status_nor_id(store: Store, outputs: Path, task_id: str) -> None:
    [path] = (outputs / "results" / task_id).glob("details-*.json")
    path.write_text(json.dumps({"status": "pending", "id": "x", "extra": 1, "created_at": 5}))
    task = store.get(task_id)
    assert task and (task.id, task.status) == (task_id, "success")


def test_records_of_before_are_read_as_they_are(store: Store) -> None:
    task_id = store.create({"plans": PLANS, "alignment": {"segments": [1]}}).id
    task = store.get(task_id)
    assert task and value(task, "plans") == PLANS


def test_details_go_with_their_task(store: Store, outputs: Path, task_id: str) -> None:
    store.delete(task_id)
    assert not (outputs / "results" / task_id).exists()
