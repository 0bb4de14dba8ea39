"""Who waits for a group commit is answered after the sync, in any case, and stops nobody else."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from filelock import FileLock

from store import BadPatch, NotSaved, Store
from store.file.lock import Lock
from tests.store.conftest import Make, claimed, on_disk
from tests.store.faults.build import HERE
from tests.waiting import until


class Disk:
    """The real disk, whose syncs of files, or of folders, wait while it is held."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.syncing = threading.Event()
        self._folders = False
        self._passing = 0
        self._sync = os.fsync

    def fsync(self, descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode) == self._folders:
            self._passing -= 1
            if self._passing < 0:
                free = self.free
                self.syncing.set()
                assert free.wait(120)
        self._sync(descriptor)

    def hold(self, *, folders: bool = False, passing: int = 0) -> None:
        """From now on, or after so many more; what was held before goes on."""
        before, self.free = self.free, threading.Event()
        self.syncing.clear()
        self._folders, self._passing = folders, passing
        before.set()


@pytest.fixture
def disk() -> Iterator[Disk]:
    held = Disk()
    with mock.patch("os.fsync", held.fsync):
        yield held
        held.free.set()


def start(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("folders", [False, True])
def test_nobody_is_answered_before_the_sync(make: Make, disk: Disk, folders: bool) -> None:
    store = make()
    ids = [store.create().id for _ in range(20)]
    answered: list[str] = []

    def update(task_id: str) -> None:
        task = store.update(task_id, {"mark": task_id})
        assert task.id == task.extra["mark"] == task_id
        answered.append(task_id)

    disk.hold()
    first = start(lambda: update(ids[0]))
    assert disk.syncing.wait(120)
    rest = [start(lambda task_id=task_id: update(task_id)) for task_id in ids[1:]]  # type: ignore[misc]
    until(lambda: len(store._commit._queue) == 19, "all others to queue")
    disk.hold(folders=folders, passing=int(folders))  # the second group's
    until(lambda: answered == [ids[0]] and disk.syncing.is_set(), "the first's answer")
    time.sleep(0.2)  # the one that was woken to help has long gone back to sleep
    assert answered == [ids[0]]
    disk.free.set()
    for thread in (first, *rest):
        thread.join(120)
    assert sorted(answered) == sorted(ids)
    assert {t: r["mark"] for t, r in on_disk(store).items()} == {t: t for t in ids}


def test_callers_that_come_again_share_each_write(
    make: Make, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.commit.group_commit._GATHER_SECONDS", 120.0)  # however busy
    store, turns = make(), 20
    ids = [store.create().id for _ in range(4)]

    def work(number: int) -> None:
        for turn in range(turns + (number == 0)):
            store.update(ids[number], {"turn": turn})

    before = store.saves.count
    disk.hold()
    threads = [start(lambda: work(0))]
    assert disk.syncing.wait(120)
    threads += [start(lambda number=number: work(number)) for number in (1, 2, 3)]  # type: ignore[misc]
    until(lambda: len(store._commit._queue) == 3, "the others to queue")
    disk.free.set()
    for thread in threads:
        thread.join(120)
    assert store.saves.count - before == 1 + turns


def test_those_who_stay_away_hold_up_nobody(make: Make) -> None:
    store = make(lock_timeout=60)
    ids = [store.create().id for _ in range(2)]
    store._commit._callers = 5  # as after a group of five
    threads = [start(lambda task_id=task_id: store.update(task_id, {"mark": 1})) for task_id in ids]  # type: ignore[misc]
    for thread in threads:
        thread.join(20)  # to wait for those who are expected would take 66
    assert {t: r.get("mark") for t, r in on_disk(store).items()} == dict.fromkeys(ids, 1)


def test_callers_that_gave_up_hold_up_nobody(
    make: Make, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.commit.group_commit.LONGEST_SAVE_SECONDS", 0.1)
    store = make(lock_timeout=0.1)
    ids = [store.create().id for _ in range(30)]
    outcomes: dict[str, str] = {}

    def update(task_id: str) -> None:
        try:
            store.update(task_id, {"mark": 1})
            outcomes[task_id] = "saved"
        except NotSaved as error:
            outcomes[task_id] = "maybe" if error.maybe_saved else "not saved"

    disk.hold()
    first = start(lambda: update(ids[0]))
    assert disk.syncing.wait(120)
    early = [start(lambda task_id=task_id: update(task_id)) for task_id in ids[1:20]]  # type: ignore[misc]
    until(lambda: not any(thread.is_alive() for thread in early), "them to give up")
    monkeypatch.setattr("store.commit.group_commit.LONGEST_SAVE_SECONDS", 60.0)  # however busy
    late = [start(lambda task_id=task_id: update(task_id)) for task_id in ids[20:]]  # type: ignore[misc]
    disk.free.set()
    for thread in (first, *late):
        thread.join(120)
    assert {outcomes[task_id] for task_id in ids[1:20]} == {"not saved"}
    assert {outcomes[task_id] for task_id in (ids[0], *ids[20:])} == {"saved"}
    marked = {task_id for task_id, record in on_disk(store).items() if "mark" in record}
    assert marked == {ids[0], *ids[20:]}, "what was not saved has changed nothing"


@pytest.mark.parametrize("others", [0, 12])
def test_an_interrupted_caller_leaves_the_line(make: Make, disk: Disk, others: int) -> None:
    store = make(lock_timeout=2.0)
    ids = [store.create().id for _ in range(2 + others)]
    disk.hold()
    leader = start(lambda: store.update(ids[0], {"mark": 1}))
    assert disk.syncing.wait(120)

    def interrupt() -> None:
        until(lambda: store._commit._queue, "the call to queue")
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = start(interrupt)
    with pytest.raises(KeyboardInterrupt):
        store.update(ids[1], {"mark": 1})  # as the first in the line it would lead next
    interrupter.join(120)
    rest = [
        start(lambda task_id=task_id: store.update(task_id, {"mark": 1}))  # type: ignore[misc]
        for task_id in ids[2:]
    ]
    disk.free.set()
    for thread in (leader, *rest):
        thread.join(120)
    store.update(ids[0], {"mark": 2})
    assert [on_disk(store)[task_id].get("mark") for task_id in ids] == [2, None, *[1] * others]


def test_each_of_many_threads_gets_its_own_answer(store: Store) -> None:
    ids = [store.create().id for _ in range(24)]
    wrong: list[object] = []

    def work(number: int) -> None:
        for turn in range(30):
            try:
                bad: Any = {"mark": (number, turn), "text": "\ud800"} if turn % 7 == 6 else {}
                task = store.update(ids[number], {"mark": number, "turn": turn, **bad})
                mine = {"mark": number, "turn": turn}
                if bad or task.id != ids[number] or not mine.items() <= task.extra.items():
                    wrong.append(task)
            except BadPatch as error:
                if not bad:
                    wrong.append(error)

    threads = [start(lambda number=number: work(number)) for number in range(24)]  # type: ignore[misc]
    for thread in threads:
        thread.join(60)
    assert wrong == []
    assert [on_disk(store)[task_id]["turn"] for task_id in ids] == [29] * 24


@pytest.mark.parametrize("bad", [{"x": "\ud800"}, {"x": 2**64}, {"status": "done"}, {1: object()}])
def test_what_cannot_be_stored_is_refused_without_a_disk(
    make: Make, outputs: Path, bad: dict[Any, Any]
) -> None:
    store = make(lock_timeout=0.1)
    task_id = store.create().id
    with FileLock(outputs / "task_status.json.lock"), pytest.raises(BadPatch):
        store.update(task_id, bad)
    with mock.patch("os.replace", side_effect=OSError(5, "no disk")), pytest.raises(BadPatch):
        store.update(task_id, bad)
    assert not store.snapshot().unsaved
    assert store.update(task_id, {"x": 1}).extra["x"] == 1


def test_what_a_caller_does_to_its_mapping_later_is_not_saved(make: Make, outputs: Path) -> None:
    store = make(lock_timeout=0.1)
    store.create()
    run = claimed(store)
    result: dict[str, Any] = {"nested": [1]}
    with FileLock(outputs / "task_status.json.lock"), pytest.raises(NotSaved):
        store.finish(run.id, result, run.claim)
    result["nested"].append(2)
    assert store.save_task_status()
    assert on_disk(store)[run.id]["nested"] == [1]


def test_the_lock_excludes_itself_and_filelock_s(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with Lock(path, 0.05):
        with pytest.raises(TimeoutError), FileLock(path, timeout=0.05):
            pass
        with pytest.raises(TimeoutError), Lock(path, 0.05):
            pass
    with FileLock(path, timeout=0.05), pytest.raises(TimeoutError), Lock(path, 0.05):
        pass
    with Lock(path, 0.05):
        pass


def test_a_lock_on_a_file_that_lost_its_name_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    real = os.open

    def open_and_lose(name: Any, *more: Any) -> int:
        descriptor = real(name, *more)
        if not lost:
            lost.append(path)
            path.unlink()
        return descriptor

    lost: list[Path] = []
    with mock.patch("os.open", open_and_lose), Lock(path, 1.0):
        with pytest.raises(TimeoutError), FileLock(path, timeout=0.05):
            pass
        assert lost


def test_a_forked_child_does_not_keep_its_dead_parent_s_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    script = (
        "import os, signal, sys; from pathlib import Path; from store.file.lock import Lock;"
        "lock = Lock(Path(sys.argv[1]), 1.0); lock.__enter__();"
        "os.fork() or (print('forked', flush=True), signal.pause()); signal.pause()"
    )
    command = [sys.executable, "-c", script, str(path)]
    env = os.environ | {"PYTHONPATH": str(HERE.parents[2])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "forked\n"
        with pytest.raises(TimeoutError), Lock(path, 0.05):
            pass
        process.kill()
        process.wait()
        with Lock(path, 5.0):
            pass
        os.killpg(process.pid, signal.SIGKILL)
