"""What a stranger's reuse of the store showed: forks, locks, permissions, moved folders."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from store import Fenced, NotSaved, Store, StoreSettings
from store.file.suitable import complaint
from tests.store.conftest import Make, claimed, new_id, on_disk
from tests.store.retention.test_upkeep import put

ROOT = Path(__file__).resolve().parents[3]


def in_child(work: Callable[[], object]) -> None:
    """Runs ``work`` in a forked process, which ends with an error when it raises."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0


def test_a_fork_takes_nothing_of_its_parent_s(make: Make) -> None:
    store = make()
    for _ in range(3):
        store.create()
    run = claimed(store)

    def child() -> None:
        other = claimed(store)
        assert str(other.owner).split("/")[0] != str(run.owner).split("/")[0]
        with pytest.raises(Fenced):
            store.release(run.id, other.claim)

    in_child(child)
    assert make().restore_orphans() == 1, "the child's alone"
    store.update(run.id, {"status": "success"}, run.claim)


def test_a_fork_while_others_write_can_write(store: Store) -> None:
    ids = [store.create().id for _ in range(5)]
    stop = threading.Event()

    def write(task_id: str) -> None:
        while not stop.is_set():
            store.update(task_id, {"n": time.monotonic()})

    threads = [threading.Thread(target=write, args=(task_id,)) for task_id in ids[1:]]
    for thread in threads:
        thread.start()
    try:
        for number in range(10):
            in_child(lambda number=number: store.update(ids[0], {"child": number}))  # type: ignore[misc]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert on_disk(store)[ids[0]]["child"] == 9


def test_a_lock_that_lost_its_name_writes_nothing(store: Store, outputs: Path) -> None:
    """Somebody removes the lock's file; another process locks the new one and writes."""
    task_id = store.create({"n": 0}).id
    lock = outputs / "task_status.json.lock"
    real: Any = os.fsync
    writes: list[bool] = []

    def fsync(descriptor: Any) -> None:
        real(descriptor)
        if not writes and stat.S_ISREG(os.fstat(descriptor).st_mode):
            writes.append(True)
            lock.unlink()
            holder = FileLock(lock)
            holder.acquire()
            threading.Timer(0.3, holder.release).start()
            held.append(time.monotonic())

    held: list[float] = []
    os.fsync = fsync  # type: ignore[assignment]
    try:
        store.update(task_id, {"n": 1})
    finally:
        os.fsync = real
    assert time.monotonic() - held[0] > 0.25, "it waited for the holder of the new file"
    assert on_disk(store)[task_id]["n"] == 1


def test_a_lock_that_loses_its_name_again_and_again_is_taken_again(
    store: Store, outputs: Path
) -> None:
    """As often as it happens within the time that a lock is waited for."""
    task_id = store.create({"n": 0}).id
    lock = outputs / "task_status.json.lock"
    real: Any = os.fsync
    left = list(range(50))

    def fsync(descriptor: Any) -> None:
        real(descriptor)
        if left and stat.S_ISREG(os.fstat(descriptor).st_mode):
            left.pop()
            lock.unlink()

    os.fsync = fsync  # type: ignore[assignment]
    try:
        store.update(task_id, {"n": 1})
    finally:
        os.fsync = real
    assert not left
    assert on_disk(store)[task_id]["n"] == 1


def test_the_lock_s_file_removed_under_load_loses_nothing(make: Make, outputs: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from store import *;"
        "s = Store(StoreSettings(outputs=Path(sys.argv[1])));"
        "[s.update(sys.argv[2], lambda r: {'n': r['n'] + 1}) for _ in range(100)]"
    )
    task_id = make().create({"n": 0}).id
    command = [sys.executable, "-c", script, str(outputs), task_id]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    workers = [subprocess.Popen(command, env=env) for _ in range(3)]
    while any(worker.poll() is None for worker in workers):
        (outputs / "task_status.json.lock").unlink(missing_ok=True)
        time.sleep(0.002)
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert on_disk(make())[task_id]["n"] == 300


@pytest.fixture
def narrow() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("narrow")
def test_a_narrow_umask_is_never_widened(make: Make, outputs: Path) -> None:
    store = make()
    task_id = store.create().id
    store.cancel(task_id)
    store.delete(task_id)
    store.back_up(anyway=True)
    made = [*outputs.glob("task_*.json*"), *outputs.glob("task_backups/*")]
    assert len(made) >= 5
    assert {path.name: path.stat().st_mode & 0o777 for path in made if path.is_file()} == {
        path.name: 0o600 for path in made if path.is_file()
    }


def test_copies_have_the_file_s_own_permissions(make: Make, outputs: Path) -> None:
    store = make()
    task_id = store.create().id
    store.path.chmod(0o640)
    store.cancel(task_id)
    store.delete(task_id)
    store.back_up(anyway=True)
    names = ["task_status.json", "task_status.json.bak", "task_history.jsonl"]
    copies = [outputs / name for name in names] + list(outputs.glob("task_backups/*"))
    assert {path.stat().st_mode & 0o777 for path in copies} == {0o640}


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file is made as root")
@pytest.mark.parametrize("name", ["task_status.json.lock", "task_history.jsonl"])
def test_another_user_s_file_is_said_in_one_sentence(make: Make, outputs: Path, name: str) -> None:
    store = make(lock_timeout=0.5)
    gone = store.create().id
    store.cancel(gone)
    (outputs / name).touch()
    (outputs / name).chmod(0o600)
    for path in (outputs, outputs / "task_status.json"):
        os.chown(path, 65534, 65534)
    for folder in (*outputs.parents,):
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o711)
    try:

        def child() -> None:
            os.setgid(65534)
            os.setuid(65534)
            with pytest.raises(NotSaved) as failure:
                store.delete(gone)
            text = str(failure.value)
            assert f"{name} belongs to root (permissions 600)" in text and "chown" in text
            assert "\n" not in text

        in_child(child)
    finally:
        os.chown(outputs, 0, 0)


@pytest.mark.parametrize(
    ("call", "code", "said"),
    [
        ("fcntl.flock", errno.ENOTSUP, "flock"),
        ("os.fchmod", errno.EPERM, "chmod"),
        ("store.file.suitable.sync", errno.EINVAL, "sync a folder"),
    ],
)
def test_an_unsuitable_file_system_is_named_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int, said: str
) -> None:
    assert complaint(tmp_path) == ""

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(call, refuse)
    text = complaint(tmp_path)
    assert said in text and str(tmp_path) in text and " at /" in text
    store = Store(StoreSettings(outputs=tmp_path, lock_timeout=0.2))
    assert store.load_task_status().problems["folder"] == text


def test_a_moved_outputs_folder_keeps_its_results(make: Make, outputs: Path) -> None:
    task_id = new_id()
    path = f"outputs/results/{task_id}/v2.mp4"
    store = make()
    put(store, {task_id: {"status": "success", "v2_output": path}})
    (outputs / "results" / task_id).mkdir(parents=True)
    (outputs / "results" / task_id / "v2.mp4").touch()
    moved = outputs.parent / "elsewhere" / "data"
    moved.parent.mkdir()
    shutil.move(outputs, moved)
    store = make(outputs=moved)
    found = store.safe_path(path)
    assert found is not None and found.is_file()
    assert store.safe_path("outputs/task_status.json") is None
    assert store.safe_path("x/results/../../y") is None


def test_a_relative_folder_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    store = Store(StoreSettings(outputs=Path("outputs")))
    task_id = store.create().id
    monkeypatch.chdir(tmp_path / "b")
    store.update(task_id, {"n": 1})
    store.close()
    assert not (tmp_path / "b" / "outputs").exists()


def test_a_slow_save_in_place_is_waited_for(make: Make) -> None:
    """As scp and sync programs do it, while the service goes on writing."""
    store = make()
    ids = [store.create({"message": "ours"}).id for _ in range(20)]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.update(ids[0], {"n": 1})
            time.sleep(0.05)

    writer = threading.Thread(target=write)
    writer.start()
    records = on_disk(store)
    theirs = json.dumps({key: one | {"message": "theirs"} for key, one in records.items()}).encode()
    try:
        with store.path.open("wb", buffering=0) as file:
            for piece in range(10):
                start, end = (len(theirs) * n // 10 for n in (piece, piece + 1))
                file.write(theirs[start:end])
                time.sleep(0.2)
    finally:
        stop.set()
        writer.join()
    store.update(ids[0], {"n": 2})
    assert [record["message"] for record in on_disk(store).values()] == ["theirs"] * 20
    assert not list(store.path.parent.glob("*.corrupt-*"))


def test_odd_numbers_are_numbers_for_a_caller(store: Store) -> None:
    task_id = new_id()
    texts = {"big": "123456789012345678901", "exact": "0.10000000000000001", "huge": "1e999"}
    text = ", ".join(f'"{key}": {number}' for key, number in texts.items())
    store.path.parent.mkdir(parents=True)
    store.path.write_text(f'{{"{task_id}": {{"status": "pending", "progress": 0.25, {text}}}}}')
    task = store.get(task_id)
    assert task and task.extra["big"] + 1 == 123456789012345678902
    assert json.loads(json.dumps(task.extra["exact"])) == 0.1
    store.update(task_id, lambda record: {"copy": record["big"], "exact": record["exact"]})
    written = store.path.read_text()
    assert written.count(texts["big"]) == 2
    assert all(number in written for number in texts.values())
