"""Restoring, cleaning up, capping, backing up."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from store import ADJUST, Fenced, Store
from store.retention.task_files import make_task_folder
from tests.store.conftest import KEEP_HOURS, Make, claimed, new_id, on_disk


def put(store: Store, records: dict[str, Any]) -> None:
    store.path.parent.mkdir(parents=True, exist_ok=True)
    store.path.write_text(json.dumps(records, ensure_ascii=False), "utf-8")


def finished(hours_ago: float, **more: Any) -> dict[str, Any]:
    moment = datetime.now(UTC) - timedelta(hours=hours_ago)
    return {"status": "success", "completed_at": moment.isoformat()} | more


def test_an_orphan_starts_again_three_times(make: Make) -> None:
    observer = make()
    task_id = observer.create().id
    for attempt in (1, 2, 3):
        server = make()
        assert claimed(server).attempts == attempt
        assert observer.restore_orphans() == 0  # its owner lives
        server._owners.drop()  # as the kernel does at its death
        assert observer.restore_orphans() == 1
    task = observer.get(task_id)
    assert task and (task.status, task.reason, task.attempts) == ("failed", "interrupted", 3)


def test_work_without_its_owner_is_taken_over_in_the_same_attempt(make: Make) -> None:
    observer = make()
    task_id = observer.create().id
    server = make()
    first = claimed(server)
    assert observer.take_over() is None, "its owner lives"
    server._owners.drop()
    assert observer.take_over(ADJUST) is None
    taken = observer.take_over()
    assert taken and (taken.id, taken.attempts) == (task_id, 1)
    assert taken.first_owner == first.owner != taken.owner
    with pytest.raises(Fenced):
        server.finish(task_id, {}, first.claim)
    observer._owners.drop()
    again = make().take_over()
    assert again and again.first_owner == first.owner


def test_whoever_finds_a_worker_dead_ends_its_attempt(make: Make) -> None:
    store = make(backoff_seconds=0.0)
    task = store.create()
    for attempt in (1, 2, 3):
        run = claimed(store)
        assert run.attempts == attempt
        store.interrupt(task.id, run.claim)
    ended = store.get(task.id)
    assert ended and (ended.status, ended.reason) == ("failed", "interrupted")


def test_an_interrupted_task_waits_a_moment(make: Make) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    store = make(clock=lambda: now[0], backoff_seconds=1.0)
    store.create()
    server = make()
    claimed(server)
    server._owners.drop()
    store.restore_orphans()
    assert store.claim() is None
    now[0] += timedelta(seconds=1)
    assert claimed(store).attempts == 2


def test_a_clock_set_back_keeps_nobody_waiting(make: Make) -> None:
    store = make(backoff_seconds=1.0)
    ahead = datetime.now(UTC) + timedelta(days=3)
    put(store, {new_id(): {"status": "pending", "not_before": ahead.isoformat()}})
    assert store.claim() is not None


def test_an_interrupted_cancel_is_a_cancel(make: Make) -> None:
    store, server = make(), make()
    task_id = store.create().id
    claimed(server)
    store.cancel(task_id)
    server._owners.drop()
    store.restore_orphans()
    assert store.get(task_id).reason == "cancelled"  # type: ignore[union-attr]


def test_an_interrupted_adjustment_starts_again_three_times(make: Make) -> None:
    store = make()
    task_id = store.create().id
    store.update(task_id, {"status": "success"})
    store.request(task_id, {"options": 1})
    for attempt in (1, 2, 3):
        server = make()
        task = server.claim(ADJUST)
        assert task and task.adjust and task.adjust.attempts == attempt
        assert task.status == "success"
        server._owners.drop()
        assert store.restore_orphans() == 1
    task = store.get(task_id)
    assert task and task.adjust and task.status == "success"
    assert (task.adjust.status, task.adjust.reason) == ("failed", "interrupted")


def test_a_hand_made_owner_is_no_path(store: Store) -> None:
    for owner in ("../../etc/passwd", "x" * 5000, "", "a/../b", 7, None):
        put(store, {new_id(): {"status": "processing", "owner": owner}})
        assert store.restore_orphans() == 1


def test_a_process_whose_lock_file_was_removed_keeps_its_own_work(
    store: Store, outputs: Path
) -> None:
    store.create()
    run = claimed(store)
    shutil.rmtree(outputs / ".owners")
    assert store.restore_orphans() == 0
    store.update(run.id, {"status": "success"}, run.claim)


def test_the_lock_alone_tells_who_lives(store: Store, outputs: Path) -> None:
    """A container that comes back under another name finds its work at once."""
    owner = "elsewhere-12-0123456789ab"
    put(store, {new_id(): {"status": "processing", "owner": f"{owner}/1"}})
    (outputs / ".owners").mkdir()
    with (outputs / ".owners" / owner).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert store.restore_orphans() == 0
    assert store.restore_orphans() == 1


def test_cleanup(store: Store, outputs: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    old, young, waiting, undated, naive = (new_id() for _ in range(5))
    local = datetime.now() - timedelta(hours=KEEP_HOURS + 1)
    records = {
        old: finished(KEEP_HOURS + 1, note="x"),
        young: finished(KEEP_HOURS - 1),
        waiting: {"status": "pending", "completed_at": "2001-01-01T00:00:00"},
        undated: {"status": "failed", "completed_at": "last tuesday"},
        naive: {"status": "failed", "completed_at": local.isoformat()},
        "note": {"by": "hand"},
    }
    put(store, records)
    for task_id in (old, young, naive):
        for name in ("uploads", "results"):
            (outputs / name / task_id).mkdir(parents=True)
    store.start()
    assert set(on_disk(store)) == {young, waiting, undated, "note"}
    assert not (outputs / "uploads" / old).exists()
    assert not (outputs / "results" / naive).exists()
    assert (outputs / "results" / young).exists()
    assert {t.id for t in store.history()} == {old, naive}
    assert f"2 tasks older than {KEEP_HOURS:g} h removed" in caplog.text


def test_a_clock_that_leaps_ahead_expires_nothing_at_once(make: Make) -> None:
    now = [datetime.now(UTC)]
    store = make(clock=lambda: now[0])
    store.create()
    store.update(store.snapshot().tasks[0].id, {"status": "success"})
    now[0] += timedelta(days=400)
    assert store.cleanup_old_tasks() == 0
    assert store.cleanup_old_tasks() == 1  # it is still that date: believed


def test_links_and_paths_outside_are_never_followed(store: Store, outputs: Path) -> None:
    outside = outputs.parent / "precious"
    outside.mkdir(parents=True)
    (outside / "file").write_text("x")
    task_id, linked = new_id(), new_id()
    (outputs / "results").mkdir(parents=True)
    (outputs / "uploads").mkdir()
    (outputs / "results" / linked).symlink_to(outside)
    (outputs / "uploads" / linked).mkdir()
    (outputs / "uploads" / linked / "link").symlink_to(outside)
    paths = {"modular_output": "precious/file", "v2_output": str(outside / "file")}
    other = {"dance_file": "outputs/task_status.json", "v2_output": "outputs/../precious/file"}
    put(
        store,
        {
            task_id: finished(KEEP_HOURS + 6, **paths),
            linked: finished(KEEP_HOURS + 6, **other),
            "..": finished(KEEP_HOURS + 6),
        },
    )
    for bad in ("/etc/passwd", "outputs/../x", "outputs", "", "\0", f"outputs/results/{linked}/f"):
        assert store.safe_path(bad) is None, bad
    assert store.cleanup_old_tasks() == 3
    assert (outside / "file").exists()
    assert store.path.exists()
    assert not (outputs / "uploads" / linked).exists()
    good = f"outputs/results/{task_id}/a.mp4"
    assert store.safe_path(good) == outputs / "results" / task_id / "a.mp4"


def make_old(path: Path) -> None:
    for inner in (*path.rglob("*"), path):
        os.utime(inner, (1, 1), follow_symlinks=False)


def test_files_that_no_task_names_go_after_a_day(store: Store, outputs: Path) -> None:
    task_id, unknown, fresh = store.create().id, new_id(), new_id()
    for name in (task_id, unknown, fresh):
        folder = make_task_folder(outputs, "results", name)
        (folder / "x").touch()
        if name != fresh:
            make_old(folder)
    kept = []  # named in other copies of the file: someone may want them back
    for aside in (".json.corrupt-x", " (copy).json", ".sync-conflict-20261126-1-ABC.json"):
        kept.append(new_id())
        make_old(make_task_folder(outputs, "results", kept[-1]))
        (outputs / f"task_status{aside}").write_text(f'"{kept[-1]}": {{')
        make_old(outputs / f"task_status{aside}")
    broken_off = outputs / "results" / f".{new_id()}.new"  # a crash while it was made
    broken_off.mkdir()
    make_old(broken_off)
    store.cleanup_old_tasks()
    left = {p.name for p in (outputs / "results").iterdir()}
    assert left == {task_id, fresh, *kept}
    assert len(list(outputs.glob("task_status*.json*"))) >= 4


def test_hidden_files_left_by_a_crash_go_after_a_day(store: Store, outputs: Path) -> None:
    store.create()
    owner = "elsewhere-12-0123456789ab"
    left = [".reserve.12-0a1b2c3d.tmp", ".sample-x1y2/part.mp4", f".owners/.{owner}"]
    left += [".task_history.jsonl.12-0a1b2c3d.tmp"]
    left += ["task_backups/.task_status-2026-01-01.json.12-0a1b2c3d.tmp"]
    own = [".reserve", f".owners/{owner}", ".somebody-s"]
    for name in (*left, *own, ".reserve.13-0a1b2c3d.tmp", ".sample-now/part.mp4"):
        path = outputs / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for name in (*left, *own):
        os.utime(outputs / name, (1, 1))
    os.utime(outputs / ".sample-x1y2", (1, 1))
    store.cleanup_old_tasks()
    assert [name for name in left if (outputs / name).exists()] == []
    assert not (outputs / ".sample-x1y2").exists()
    for name in (*own, ".reserve.13-0a1b2c3d.tmp", ".sample-now/part.mp4"):
        assert (outputs / name).exists()


def test_files_left_by_a_crash_in_the_middle_of_a_delete(make: Make, outputs: Path) -> None:
    store = make()
    task_id = store.create().id
    (outputs / "uploads" / task_id).mkdir(parents=True)
    from store.records.draft import delete

    store._commit.submit(delete(task_id, lambda _: False))  # the crash comes right after this
    assert (outputs / "uploads" / task_id).exists()
    make().cleanup_old_tasks()
    assert not (outputs / "uploads" / task_id).exists()


def test_history_rotates_ages_and_survives_a_torn_line(make: Make, outputs: Path) -> None:
    now = [datetime.now(UTC)]
    store = make(history_mb=0.001, clock=lambda: now[0])
    gone = []
    for number in range(12):
        task_id = store.create({"blob": "x" * 200}).id
        store.update(task_id, {"status": "success"})
        if number == 6:
            with (outputs / "task_history.jsonl").open("ab") as file:
                file.write(b'{"id": "torn')
        store.delete(task_id)
        gone.append(task_id)
        now[0] += timedelta(seconds=1)
    assert [t.id for t in store.history()] == gone
    assert len(list(outputs.glob("task_history-*.jsonl"))) >= 2
    now[0] += timedelta(days=100)
    assert store.history(days=30) == ()
    store.cleanup_old_tasks()
    store.cleanup_old_tasks()
    assert store.history() == ()
    assert not list(outputs.glob("task_history-*.jsonl"))


def test_copies(make: Make, outputs: Path) -> None:
    now = [datetime(2026, 1, 1, 12, tzinfo=UTC)]
    store = make(clock=lambda: now[0], backup_days=3, backup_seconds=60)
    store.create()
    for _ in range(6):
        store.back_up()
        now[0] += timedelta(days=1)
    names = sorted(p.name for p in (outputs / "task_backups").iterdir())
    assert names == [f"task_status-2026-01-0{day}.json" for day in (4, 5, 6)]
    bak = outputs / "task_status.json.bak"
    assert orjson.loads(bak.read_bytes()) == on_disk(store)
    before = bak.read_bytes()
    store.create()
    store.back_up()
    assert bak.read_bytes() == before  # it is younger than a minute
    os.utime(bak, (time.time() - 61,) * 2)
    store.back_up()
    assert bak.read_bytes() == store.path.read_bytes()


def test_upkeep_threads_write_ticks_and_end(make: Make) -> None:
    store = make(tick_seconds=0.05).start()
    task_id = store.create().id
    run = claimed(store)
    store.update(task_id, {"progress": 0.5}, run.claim, durable=False)
    deadline = time.monotonic() + 120
    while "progress" not in on_disk(store)[task_id] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert on_disk(store)[task_id]["progress"] == 0.5
    threads = list(store._upkeep.threads)  # type: ignore[union-attr]
    store.close()
    assert not any(thread.is_alive() for thread in threads)
