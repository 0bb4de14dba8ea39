"""A person edits the file, and other processes write it, while a store works."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from store import Store
from tests.store.conftest import Make, new_id, on_disk


def edit(store: Store, **keys: object) -> None:
    """Saves as an editor does: in place, another layout."""
    records = on_disk(store)
    for record in records.values():
        record.update(keys)
    store.path.write_text(json.dumps(records, indent=4), "utf-8")


def test_an_edit_while_running_is_honoured(store: Store) -> None:
    task_id = store.create().id
    edit(store, note="by hand", status="failed")
    task = store.get(task_id)
    assert task and (task.status, task.extra["note"]) == ("failed", "by hand")
    store.update(task_id, {"mark": 1})
    assert on_disk(store)[task_id]["note"] == "by hand"


def test_a_person_may_take_a_finished_task_back(store: Store) -> None:
    task_id = store.create().id
    store.update(task_id, {"status": "success"})
    edit(store, status="pending")
    assert store.claim() is not None
    assert store.get(task_id).status == "processing"  # type: ignore[union-attr]


def test_an_edit_between_reading_and_replacing_is_not_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    task_id = store.create().id
    real = os.fsync
    edits: list[bool] = []

    def fsync(descriptor: int) -> None:
        real(descriptor)
        if not edits:  # the temporary file is written, the old one still has the name
            edits.append(True)
            edit(store, note="at the last moment")

    monkeypatch.setattr(os, "fsync", fsync)
    store.update(task_id, {"mark": 1})
    record = on_disk(store)[task_id]
    assert (record["note"], record["mark"]) == ("at the last moment", 1)


def test_two_stores_never_overwrite_each_other(make: Make) -> None:
    stores = [make() for _ in range(3)]
    ids = [store.create().id for store in stores]
    for turn in range(30):
        for number, store in enumerate(stores):
            store.update(ids[number], {"mark": turn})
            store.update(ids[0], lambda record: {"sum": record.get("sum", 0) + 1})
    records = on_disk(stores[0])
    assert [records[i]["mark"] for i in ids] == [29, 29, 29]
    assert records[ids[0]]["sum"] == 90
    assert all(len(store.snapshot().tasks) == 3 for store in stores)


def test_a_file_made_by_hand_while_stopped(make: Make, outputs: Path) -> None:
    task_id = new_id()
    outputs.mkdir(parents=True)
    (outputs / "task_status.json").write_text(json.dumps({task_id: {"status": "pending"}}))
    os.chmod(outputs / "task_status.json", 0o640)  # noqa: PTH101
    store = make().start()
    task = store.claim()
    assert task and task.id == task_id
    assert store.path.stat().st_mode & 0o777 == 0o640


def test_a_shrunken_file_is_seen_by_readers(make: Make) -> None:
    one, two = make(), make()
    task_id = one.create().id
    assert two.get(task_id)
    one.delete(task_id)
    assert two.get(task_id) is None
    assert two.snapshot().tasks == ()
