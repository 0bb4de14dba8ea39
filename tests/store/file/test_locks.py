"""No lock is held while a caller's code runs; every wait for a lock is bounded."""

from __future__ import annotations

import gc
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from store import NotSaved, Store
from tests.store.conftest import Make, claimed, on_disk
from tests.store.faults.build import HERE

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
        thread.join(timeout=120)
    assert len(answers) == 8
    snapshot = store.snapshot()  # reading needs no lock
    assert len(snapshot.tasks) == len(snapshot.unsaved) == 0
    assert "lock" in snapshot.problems["not_saved"]
    holder.kill()
    holder.wait()
    store.create()
    assert len(on_disk(store)) == 1
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


def test_a_call_that_failed_has_changed_nothing(make: Make, outputs: Path) -> None:
    store = make(lock_timeout=0.1)
    task_id, ended = store.create({"n": 0}).id, store.create().id
    store.cancel(ended)
    before = store.path.read_bytes()
    calls: list[Callable[[], object]] = [
        store.create,
        store.claim,
        lambda: store.update(task_id, {"n": 1}),
        lambda: store.update(task_id, lambda record: {"n": record["n"] + 1}),
        lambda: store.cancel(task_id),
        lambda: store.retry(ended),
        lambda: store.delete(ended),
    ]
    with FileLock(outputs / "task_status.json.lock"):
        for call in calls:
            with pytest.raises(NotSaved) as failure:
                call()
            assert not failure.value.maybe_saved
            assert len(store.snapshot().tasks) == 2 and not store.snapshot().unsaved
    assert store.save_task_status()
    assert store.path.read_bytes() == before


def test_what_may_be_in_the_file_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    task_id = store.create().id
    real, failing = os.fsync, [True]

    def fsync(descriptor: int) -> None:
        if failing and stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "no folder can be synced")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(NotSaved) as failure:
        store.update(task_id, {"n": 1})
    assert failure.value.maybe_saved
    assert store.snapshot().unsaved == {task_id}
    with pytest.raises(NotSaved):
        store.claim()
    assert store.snapshot().unsaved
    failing.clear()
    assert store.save_task_status()
    assert on_disk(store)[task_id]["n"] == 1
    assert on_disk(store)[task_id]["status"] == "pending", "a claim of nobody was given back"
    assert not store.snapshot().unsaved


def test_the_end_of_a_run_is_kept_shown_and_tried_again(make: Make, outputs: Path) -> None:
    store = make(lock_timeout=0.1, tick_seconds=0.05).start()
    store.create()
    run = claimed(store)
    with FileLock(outputs / "task_status.json.lock"):
        with pytest.raises(NotSaved):
            store.finish(run.id, {"n": 1}, run.claim)
        snapshot = store.snapshot()
        assert [task.status for task in snapshot.tasks] == ["success"]
        assert snapshot.unsaved == {run.id}
        assert on_disk(store)[run.id]["status"] == "processing"
    deadline = time.monotonic() + 120
    while store.snapshot().unsaved and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (on_disk(store)[run.id]["status"], on_disk(store)[run.id]["n"]) == ("success", 1)


def test_a_kept_end_stays_unsaved_until_its_folder_is_synced(
    make: Make, outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make(lock_timeout=0.1)
    store.create()
    run = claimed(store)
    with FileLock(outputs / "task_status.json.lock"), pytest.raises(NotSaved):
        store.finish(run.id, {}, run.claim)
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "no folder can be synced")
        real(descriptor)

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fsync)
        assert not store.save_task_status()
    assert store.snapshot().unsaved == {run.id}
    assert store.save_task_status()
    assert not store.snapshot().unsaved


def test_a_full_disk(make: Make, outputs: Path, tmp_path: Path) -> None:
    disk = tmp_path / "tiny"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a tmpfs can only be mounted by root")
    try:
        store = make(outputs=disk / "outputs")
        store.create()
        run = claimed(store)
        task_id = run.id
        ballast = disk / "outputs" / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"x" * 512)
        with pytest.raises(NotSaved):
            store.finish(task_id, {"mark": 1}, run.claim)
        assert store.snapshot().unsaved == {task_id}
        assert store.get(task_id).extra["mark"] == 1  # type: ignore[union-attr]
        assert "mark" not in on_disk(store)[task_id]
        ballast.unlink()
        assert store.save_task_status()
        assert on_disk(store)[task_id]["mark"] == 1
        assert store.snapshot().unsaved == frozenset()
        store.create()
        again = claimed(store)
        store._owners.drop()  # its open file forbids the remount
        gc.collect()  # a deleted file that a dead exception still holds forbids the remount
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(NotSaved, match="Read-only"):
            store.fail(again.id, {"mark": 2}, again.claim)
        assert store.start().get(again.id).extra["mark"] == 2  # type: ignore[union-attr]
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        deadline = time.monotonic() + 120  # the timer tries again by itself
        while "mark" not in on_disk(store)[again.id] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert on_disk(store)[again.id]["mark"] == 2
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
        deadline = time.monotonic() + 120
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


def test_hours_of_progress_without_a_disk_do_not_pile_up(make: Make, outputs: Path) -> None:
    store = make(lock_timeout=0.02)
    store.create()
    run = claimed(store)
    with FileLock(outputs / "task_status.json.lock"):
        for turn in range(20):
            changes = {"progress": turn, f"key{turn % 2}": turn}
            store.update(run.id, changes, run.claim, durable=False)
            with pytest.raises(NotSaved):
                store._commit.flush()
    assert len(store._commit.waiting) == 1
    assert store.save_task_status()
    record = on_disk(store)[run.id]
    assert (record["progress"], record["key0"], record["key1"]) == (19, 18, 19)


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
    store.update(task_id, {"mark": 1})
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
        deadline = time.monotonic() + 120  # the child closes its copy as soon as it runs
        while not store.restore_orphans() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
    assert store.claim() is not None
