"""No lock is held while a caller's code runs; every wait for a lock is bounded."""

from __future__ import annotations

import gc
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from store import NotSaved, Store
from tests.store.conftest import Make
from tests.store.faults.build import HERE
from tests.store.tasks.test_tasks import on_disk

HOLD = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(outputs: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock and is stopped."""
    outputs.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLD, str(outputs / "task_status.json.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGSTOP)
        yield process
        process.kill()


def test_a_stopped_holder_delays_but_never_blocks(
    make: Make, holder: subprocess.Popen[str]
) -> None:
    store = make(lock_timeout=0.3)
    answers: list[BaseException] = []

    def work() -> None:
        try:
            store.create({"mark": 1})
        except NotSaved as error:
            answers.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(answers) == 8
    snapshot = store.snapshot()  # reading needs no lock
    assert len(snapshot.tasks) == len(snapshot.unsaved) == 8
    assert "lock" in snapshot.problems["not_saved"]
    holder.kill()
    holder.wait()
    assert store.save_task_status()
    assert len(on_disk(store)) == 8
    assert store.snapshot().unsaved == frozenset()
    assert "not_saved" not in store.snapshot().problems


def test_a_claim_that_could_not_be_saved_claims_nothing(make: Make, outputs: Path) -> None:
    store = make(lock_timeout=0.2)
    task_id = store.create().id
    with FileLock(outputs / "task_status.json.lock"), pytest.raises(NotSaved):
        store.claim()
    store.save_task_status()
    assert on_disk(store)[task_id]["status"] == "pending"
    assert store.claim() is not None


def test_a_caller_s_function_runs_without_any_lock(make: Make, outputs: Path) -> None:
    store, other = make(lock_timeout=1.0), make(lock_timeout=1.0)
    one, two = store.create().id, store.create().id

    def change(record: dict[str, object]) -> dict[str, object]:
        with FileLock(outputs / "task_status.json.lock", timeout=0.5):
            pass
        other.update(two, {"n": 1})  # another process's write
        store.update(two, {"m": 1})  # this store's own
        store.snapshot()
        return {"done": True}

    store.update(one, change)
    assert on_disk(store)[one]["done"] is True
    assert on_disk(store)[two]["n"] == 1


def test_a_function_is_asked_again_when_the_record_changed(make: Make) -> None:
    store, other = make(), make()
    task_id = store.create({"n": 0}).id
    seen: list[int] = []

    def change(record: dict[str, int]) -> dict[str, int]:
        seen.append(record["n"])
        if len(seen) == 1:
            other.update(task_id, {"n": 10})
        return {"n": record["n"] + 1}

    assert store.update(task_id, change).extra["n"] == 11
    assert seen == [0, 10]


def test_a_fault_in_a_caller_s_function_reaches_nobody_else(store: Store) -> None:
    task_id = store.create().id
    with pytest.raises(ZeroDivisionError):
        store.update(task_id, lambda record: {"n": 1 // 0})
    assert store.update(task_id, {"n": 1}).extra["n"] == 1


def test_unsaved_functions_are_asked_again_later(make: Make, outputs: Path) -> None:
    store, other = make(lock_timeout=0.2), make()
    task_id = store.create({"n": 0}).id
    lock = FileLock(outputs / "task_status.json.lock")
    with lock, pytest.raises(NotSaved):
        store.update(task_id, lambda record: {"n": record["n"] + 1})
    other.update(task_id, {"n": 10})
    store.flush()
    assert on_disk(store)[task_id]["n"] == 11


def test_a_full_disk(make: Make, outputs: Path, tmp_path: Path) -> None:
    disk = tmp_path / "tiny"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a tmpfs can only be mounted by root")
    try:
        store = make(outputs=disk / "outputs")
        task_id = store.create().id
        ballast = disk / "outputs" / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"x" * 512)
        with pytest.raises(NotSaved):
            store.update(task_id, {"mark": 1})
        assert store.snapshot().unsaved == {task_id}
        assert store.get(task_id).extra["mark"] == 1  # type: ignore[union-attr]
        assert "mark" not in on_disk(store)[task_id]
        ballast.unlink()
        assert store.save_task_status()
        assert on_disk(store)[task_id]["mark"] == 1
        assert store.snapshot().unsaved == frozenset()
        gc.collect()  # a deleted file that a dead exception still holds forbids the remount
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(NotSaved, match="Read-only"):
            store.update(task_id, {"mark": 2})
        assert store.start().get(task_id).extra["mark"] == 2  # type: ignore[union-attr]
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        deadline = time.monotonic() + 20  # the timer tries again by itself
        while on_disk(store)[task_id]["mark"] != 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert on_disk(store)[task_id]["mark"] == 2
        store.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_task_can_be_deleted_from_a_full_disk(make: Make, tmp_path: Path) -> None:
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a tmpfs can only be mounted by root")
    try:
        store = make(outputs=disk / "outputs").start()
        gone, kept = store.create().id, store.create().id
        results = disk / "outputs" / "results" / gone
        results.mkdir(parents=True)
        reserve = disk / "outputs" / ".reserve"
        deadline = time.monotonic() + 20
        while not reserve.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        store.close()  # its upkeep would free and take space in between
        result = results / "v2.mp4"
        with result.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"x" * 512)
        store.delete(gone)
        assert list(on_disk(store)) == [kept]
        assert not results.exists()
        assert not reserve.exists()
        store.start()  # there is room for a new one
        while not reserve.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert reserve.stat().st_size >= 1 << 20
        store.close()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_hours_of_failing_saves_do_not_pile_up(make: Make, outputs: Path) -> None:
    store = make(lock_timeout=0.02)
    first, second = store.create().id, store.create().id
    with FileLock(outputs / "task_status.json.lock"):
        for turn in range(20):
            for task_id in (first, second):
                with pytest.raises(NotSaved):
                    store.update(task_id, {"mark": turn, f"key{turn % 2}": turn})
    assert len(store._commit.kept) == 2
    assert store.save_task_status()
    assert on_disk(store)[first]["mark"] == 19
    assert (on_disk(store)[second]["key0"], on_disk(store)[second]["key1"]) == (18, 19)


def test_a_limit_of_file_size(store: Store) -> None:
    task_id = store.create().id
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
        with pytest.raises(NotSaved):
            store.update(task_id, {"mark": 1})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert "mark" not in on_disk(store)[task_id]
    assert store.save_task_status()
    assert on_disk(store)[task_id]["mark"] == 1


def test_a_killed_server_s_tasks_are_orphans_at_once(make: Make, outputs: Path) -> None:
    store = make()
    task_id = store.create().id
    script = (
        "import sys, os, signal; from pathlib import Path; from store import *;"
        "s = Store(StoreSettings(outputs=Path(sys.argv[1])));"
        "print(s.claim().id, flush=True); os.fork() or signal.pause();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", script, str(outputs)]
    env = os.environ | {"PYTHONPATH": str(HERE.parents[2])}
    # Its forked child lives on, and must not keep its parent's claim alive.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True
    ) as process:
        assert process.stdout and process.stdout.readline().strip() == task_id
        process.wait()
        deadline = time.monotonic() + 10  # the child closes its copy as soon as it runs
        while not store.restore_orphans() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    assert store.claim() is not None


def test_a_leader_that_stops_gathering_takes_no_gate_from_under_a_thread(make: Make) -> None:
    store = make()
    task_id = store.create({}).id
    commit = store._commit
    met = threading.Event()

    class SlowQueue(list[Any]):
        """Puts one thread to sleep at the worst moment: it has just seen the leader's gate."""

        def __len__(self) -> int:
            if commit._gate is not None and threading.current_thread() is late:
                met.set()
                time.sleep(0.1)  # far longer than the leader waits
            return super().__len__()

    commit._queue = SlowQueue()
    commit._last_size = 2  # as after a group of two: the leader waits for a second patch
    errors: list[Exception] = []

    def work() -> None:
        end = time.monotonic() + 10.0
        while commit._gate is None and time.monotonic() < end:
            time.sleep(0)
        try:
            store.update(task_id, {"late": True})
        except (AttributeError, NotSaved) as error:
            errors.append(error)

    late = threading.Thread(target=work)
    late.start()
    for mark in range(50):
        store.update(task_id, {"mark": mark})
        if met.is_set():
            break
        commit._last_size = 2
    late.join()
    assert met.is_set(), "the moment was not met"
    assert errors == []
