"""A file of many tasks is written past the page cache, where the file system can do that."""

from __future__ import annotations

import errno
import fcntl
import os
from mmap import PAGESIZE
from pathlib import Path
from typing import Any

import pytest

from store import Store
from store.file import disk
from tests.store.conftest import new_id, on_disk
from tests.store.retention.test_upkeep import put

MANY = 700
"""Records of three blocks."""


def many() -> dict[str, Any]:
    return {new_id(): {"status": "pending", "mark": 0, "note": "x" * 300} for _ in range(MANY)}


def can_write_past_cache(folder: Path) -> bool:
    try:
        os.close(os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | os.O_DIRECT))
    except OSError as error:
        assert error.errno == errno.EINVAL
        return False
    return True


def test_its_whole_pages_pass_no_cache(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, many())
    if not can_write_past_cache(store.path.parent):
        pytest.skip("this file system has no O_DIRECT")
    task_id = next(iter(on_disk(store)))
    writes: list[tuple[bool, int]] = []
    real = os.write

    def noted(descriptor: int, data: bytes) -> int:
        direct = bool(fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT)
        writes.append((direct, len(data)))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", noted)
    store.update(task_id, {"mark": 1})
    size = store.path.stat().st_size
    assert writes == [(True, size // PAGESIZE * PAGESIZE), (False, size % PAGESIZE)]


@pytest.mark.parametrize("refused", ["the flag", "the write"])
def test_a_file_system_without_it_gets_the_same_file(
    store: Store, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, many())
    task_id = next(iter(on_disk(store)))
    real_fcntl, real_write = fcntl.fcntl, os.write

    def flagged(descriptor: int, command: int, argument: int = 0) -> int:
        if refused == "the flag" and command == fcntl.F_SETFL and argument == disk._DIRECT:
            raise OSError(errno.EINVAL, "Invalid argument")
        return real_fcntl(descriptor, command, argument)

    def written(descriptor: int, data: bytes) -> int:
        if refused == "the write" and real_fcntl(descriptor, fcntl.F_GETFL) & disk._DIRECT:
            real_write(descriptor, data[:PAGESIZE])  # a part, before the refusal
            raise OSError(errno.EINVAL, "Invalid argument")
        return real_write(descriptor, data)

    monkeypatch.setattr(fcntl, "fcntl", flagged)
    monkeypatch.setattr(os, "write", written)
    store.update(task_id, {"mark": 1})
    monkeypatch.undo()
    assert len(on_disk(store)) == MANY
    assert on_disk(store)[task_id]["mark"] == 1


def test_updates_here_and_there_leave_every_record(store: Store) -> None:
    """What stands in memory from before is used again, also where it stands elsewhere now."""
    put(store, many())
    marks = dict.fromkeys(on_disk(store), 0)
    ids = list(marks)
    for turn, place in enumerate([0, 699, 300, 0, 650, 10, 255, 256]):
        marks[ids[place]] = 10**turn  # of another length each time
        store.update(ids[place], {"mark": marks[ids[place]]})
    store.delete(ids[2])
    del marks[ids[2]]
    marks[store.create({"mark": 5}).id] = 5
    assert {key: record["mark"] for key, record in on_disk(store).items()} == marks
