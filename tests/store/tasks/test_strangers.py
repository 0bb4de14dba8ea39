"""What is not ours is not touched: strangers' files, links, other people's clocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import Store, StoreSettings, default_store
from store.retention.task_files import MARK, make_task_folder
from tests.store.conftest import Make, new_id, on_disk
from tests.store.retention.test_upkeep import finished, make_old, put

ROOT = Path(__file__).resolve().parents[3]
ID = "0b2c8a52-9b0e-4a53-9d3c-1f6f6a1f2b7d"
THEIRS = [
    "wedding.mp4",
    "holiday/1.mp4",
    "project/.git/config",
    "uploads/draft.mp4",
    "uploads/incoming/me.mp4",
    f"uploads/{ID}/a library's own folder.mp4",
    "results/old-run/report.csv",
    f"results/{ID}.csv",
    "sample/model.pkl",
    "incoming/holiday/1.mp4",
    "task_status (copy).json",
    "task_status-backup.json",
    "task_status.sync-conflict-20261126-101010-ABCDEFG.json",
    "task_history of the garden.txt",
    "task_backups/mine.json",
    ".sample",
    ".thumbnails/1.png",
]


def strangers(folder: Path) -> dict[Path, bytes]:
    for name in THEIRS:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
        make_old(path)
    (folder / "empty").mkdir()
    make_old(folder)
    return content(folder)


def content(folder: Path) -> dict[Path, bytes]:
    """What of the strangers' is there; the folders too."""
    return {p: p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}


def still_there(before: dict[Path, bytes], folder: Path) -> bool:
    now = content(folder)
    return {path: now.get(path) for path in before} == before


def test_a_week_of_starts_leaves_strangers_files(make: Make, outputs: Path) -> None:
    before = strangers(outputs)
    now = datetime.now(UTC)
    for day in range(8):
        moment = now + timedelta(days=day)
        store = make(clock=lambda moment=moment: moment).start()
        store.update(store.create().id, {"status": "success"})
        store.cleanup_old_tasks()
        store.close()
        assert still_there(before, outputs), day
    assert len(store.history()) >= 6, "and our own tasks went all the while"


def test_the_command_line_leaves_strangers_files(tmp_path: Path) -> None:
    before = strangers(tmp_path)
    env = {**os.environ, "RETRACK_OUTPUTS": str(tmp_path)}
    for command in ("compact", "backup", "check", "compact"):
        arguments = [sys.executable, "-m", "store", command]
        subprocess.run(arguments, cwd=ROOT, env=env, check=False, timeout=60, capture_output=True)
    assert still_there(before, tmp_path)


def test_another_app_keeps_what_it_has(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs"
    before = strangers(outputs)
    tasks = default_store(StoreSettings(outputs=outputs)).start()
    tasks.create({"name": "sort the archive"})
    run = tasks.claim()
    assert run
    tasks.update(run.id, {"status": "success"}, run.claim)
    tasks.delete(run.id)
    tasks.close()
    assert still_there(before, outputs)


def test_folders_of_the_release_before_have_no_mark_and_go(make: Make, outputs: Path) -> None:
    store = make()
    old, deleted, left = new_id(), new_id(), new_id()
    put(store, {old: finished(30), deleted: finished(1)})
    line = {"id": left, "left_at": datetime.now(UTC).isoformat(), "left_because": "expired"}
    (outputs / "task_history.jsonl").write_text(json.dumps(line) + "\n")
    folders = [outputs / kind / one for kind in ("uploads", "results") for one in (old, left)]
    folders.append(outputs / "results" / deleted)
    for folder in folders:
        folder.mkdir(parents=True)
    store.start()
    store.delete(deleted)
    assert [folder for folder in folders if folder.exists()] == []


def test_a_folder_has_its_mark_from_its_first_moment(
    outputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "rename", crash)
        make_task_folder(outputs, "uploads", ID)
    assert not (outputs / "uploads" / ID).exists()
    folder = make_task_folder(outputs, "uploads", ID)
    assert [path.name for path in folder.iterdir()] == [MARK]
    assert make_task_folder(outputs, "uploads", ID) == folder
    assert [path.name for path in (outputs / "uploads").iterdir()] == [ID]


@pytest.fixture
def linked(outputs: Path, tmp_path: Path) -> Path:
    """A bigger disk, with ``uploads`` and ``results`` on it."""
    big = tmp_path / "big disk"
    outputs.mkdir(parents=True)
    for name in ("uploads", "results"):
        (big / name).mkdir(parents=True)
        (outputs / name).symlink_to(big / name)
        make_old(outputs / name)
    return big


def test_task_folders_on_another_disk(make: Make, outputs: Path, linked: Path) -> None:
    store = make().start()
    ids = [store.create().id for _ in range(3)]
    theirs = linked / "uploads" / "somebody's.mp4"
    theirs.touch()
    for task_id in (*ids, new_id()):
        (make_task_folder(outputs, "uploads", task_id) / "dance.mp4").touch()
    make_old(linked)
    make_old(outputs / "uploads")
    store.cleanup_old_tasks()
    assert (outputs / "uploads").is_symlink() and (outputs / "results").is_symlink()
    assert {path.name for path in (linked / "uploads").iterdir()} == {*ids, theirs.name}
    path = store.safe_path(f"outputs/uploads/{ids[0]}/dance.mp4")
    assert path is not None and path.is_file()
    store.cancel(ids[0])
    store.delete(ids[0])
    assert not (linked / "uploads" / ids[0]).exists()
    store.update(ids[1], finished(25))
    store.cleanup_old_tasks()
    assert not (linked / "uploads" / ids[1]).exists()
    assert {path.name for path in (linked / "uploads").iterdir()} == {ids[2], theirs.name}


def test_links_inside_another_disk_stay_refused(store: Store, linked: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "file").touch()
    (linked / "uploads" / ID).symlink_to(secret)
    assert store.safe_path(f"outputs/uploads/{ID}/file") is None
    put(store, {ID: finished(30)})
    store.cleanup_old_tasks()
    assert (secret / "file").exists()


def test_a_link_leads_where_it_led_at_the_start(
    store: Store, outputs: Path, linked: Path, tmp_path: Path
) -> None:
    assert store.safe_path(f"outputs/results/{ID}/x.mp4") is not None
    (outputs / "results").unlink()
    (outputs / "results").symlink_to(tmp_path)
    assert store.safe_path(f"outputs/results/{ID}/x.mp4") is None
    (outputs / "results").unlink()
    (outputs / "results").symlink_to(linked / "results")
    assert store.safe_path(f"outputs/results/{ID}/x.mp4") is not None


@pytest.fixture(params=["Pacific/Honolulu", "America/New_York", "UTC", "Asia/Shanghai"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
def test_a_naive_time_is_the_machines_own(store: Store, outputs: Path) -> None:
    """The original program writes local times."""
    ids = {hours: new_id() for hours in (17, 23, 25, 31)}
    for task_id in ids.values():
        (outputs / "results" / task_id).mkdir(parents=True)
    local = {hours: datetime.now() - timedelta(hours=hours) for hours in ids}
    put(
        store,
        {
            ids[hours]: {"status": "success", "completed_at": moment.isoformat()}
            for hours, moment in local.items()
        },
    )
    store.start()
    assert set(on_disk(store)) == {ids[17], ids[23]}
    assert {path.name for path in (outputs / "results").iterdir()} == {ids[17], ids[23]}
    task = store.get(ids[17])
    assert task and task.completed_at
    assert abs(datetime.now(UTC) - task.completed_at - timedelta(hours=17)) < timedelta(minutes=1)


@pytest.mark.parametrize("wrong", ["1970-01-01T00:05", "2025-05-13T10:00"])
def test_a_clock_that_was_wrong_takes_nothing(make: Make, outputs: Path, wrong: str) -> None:
    """A machine without a battery begins at 1970, or with the day its system was built."""
    now = [datetime.fromisoformat(f"{wrong}+00:00")]
    store = make(clock=lambda: now[0])
    task_id = store.create().id
    store.update(task_id, {"status": "success"})
    make_task_folder(outputs, "results", task_id)
    store.cleanup_old_tasks()
    now[0] = datetime.now(UTC)  # the network has told the time
    for _ in range(4):
        make(clock=lambda: now[0]).start().close()  # restarts, which know nothing of each other
        now[0] += timedelta(hours=7)
        assert store.get(task_id), now[0]
    assert (outputs / "results" / task_id).exists()
    assert str(on_disk(store)[task_id]["completed_at"]).startswith(wrong), "left as it is"
    make(clock=lambda: now[0]).start()
    assert store.get(task_id) is None
    assert not (outputs / "results" / task_id).exists()
