"""The one writer of a bucket: copies that an empty disk starts from, and nobody beside it."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from files import bucket, lease, mirror
from files.objects import Objects
from store import SettingsError, Store, StoreSettings, make_task_folder
from tests.files.conftest import S3, keys, write
from tests.waiting import until

Start = Callable[[str], Store]


@pytest.fixture
def start(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a dashboard's store on an outputs folder of this name."""
    monkeypatch.setattr(mirror, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.2)
    monkeypatch.setattr(lease, "LOOK_SECONDS", 0.1)
    made: list[Store] = []

    def begin(name: str) -> Store:
        store = Store(StoreSettings(outputs=tmp_path / name / "outputs", storage_url=url))
        store.start()
        made.append(store)
        return store

    yield begin
    for store in made:
        store.close()


def in_bucket(objects: Objects) -> set[str]:
    """The tasks in the bucket's task file."""
    found = objects.get("task_status.json")
    return set(json.loads(found[0])) if found else set()


def test_an_empty_disk_starts_with_what_another_had(
    start: Start, objects: Objects, tmp_path: Path
) -> None:
    store = start("old")
    secret = write(tmp_path / "old/outputs/.secret", b"s" * 32)
    kept, gone = store.create().id, store.create().id
    store.delete(gone)
    until(lambda: in_bucket(objects) == {kept}, "the bucket's task file")
    last = store.create().id
    store.close()
    assert in_bucket(objects) == {kept, last}, "what came last is there after the stop"
    new = start("new")
    assert {task.id for task in new.snapshot().tasks} == {kept, last}
    history = "task_history.jsonl"
    for name in (history, ".secret"):
        assert (tmp_path / "new/outputs" / name).read_bytes() == secret.with_name(name).read_bytes()
    assert gone in (tmp_path / "new/outputs" / history).read_text()
    assert (tmp_path / "new/outputs/.secret").stat().st_mode & 0o77 == 0


def test_a_second_dashboard_refuses_and_says_so(start: Start, objects: Objects) -> None:
    task = start("first").create().id
    with pytest.raises(SettingsError, match=r"RETRACK_STORAGE_URL: another dashboard .* writes"):
        start("second")
    with pytest.raises(SettingsError, match="another dashboard on this machine"):
        start("first")
    until(lambda: in_bucket(objects) == {task}, "the first one's copy")


def test_the_lease_of_a_dead_dashboard_is_taken(
    start: Start, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = start("first")
    task = first.create().id
    until(lambda: in_bucket(objects) == {task}, "the first one's copy")
    monkeypatch.setattr(lease, "RENEW_SECONDS", 1e9)  # it is as good as dead
    monkeypatch.setattr(lease, "LEASE_SECONDS", 3.0)
    second = start("second")
    assert [found.id for found in second.snapshot().tasks] == [task]
    late, new = first.create().id, second.create().id
    until(lambda: "storage" in first.snapshot().problems, "the first one's notice")
    until(lambda: in_bucket(objects) == {task, new}, "the second one's copy")
    first.close()
    assert late not in in_bucket(objects)


def test_a_folder_with_other_tasks_than_the_bucket_is_refused(
    start: Start, tmp_path: Path, objects: Objects
) -> None:
    task = start("first").create().id
    Store(StoreSettings(outputs=tmp_path / "other/outputs")).create()
    with pytest.raises(SettingsError, match="start on an empty outputs folder"):
        start("other")
    until(lambda: in_bucket(objects) == {task}, "the first one's copy")


@pytest.mark.parametrize("ignores", [True, False])
def test_a_bucket_that_ignores_conditions_is_refused(start: Start, s3: S3, ignores: bool) -> None:
    s3.ignores_conditions = ignores
    if ignores:
        with pytest.raises(SettingsError, match="ignores conditions"):
            start("outputs")
    else:
        start("outputs")


def test_an_address_that_leads_nowhere_is_named(tmp_path: Path, s3: S3) -> None:
    for url, why in (("https://x/y", "no address such as"), ("s3://nowhere/at/all", "no bucket")):
        with pytest.raises(SettingsError, match=rf"RETRACK_STORAGE_URL: .*{why}"):
            Store(StoreSettings(outputs=tmp_path, storage_url=url)).start()


@pytest.mark.parametrize("status", [412, 500])
def test_a_bucket_that_misbehaves_is_caught_up_with(
    start: Start, s3: S3, objects: Objects, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = start("outputs")
    s3.fault = lambda environ: status if environ["REQUEST_METHOD"] == "PUT" else 0
    task = store.create().id
    until(lambda: "storage" in store.snapshot().problems, "the notice")
    assert task not in in_bucket(objects)
    s3.well()
    until(lambda: in_bucket(objects) == {task}, "the copy")
    until(lambda: "storage" not in store.snapshot().problems, "the notice's end")


def test_a_tasks_files_are_kept_with_it_and_go_with_it(
    start: Start, objects: Objects, tmp_path: Path
) -> None:
    outputs = tmp_path / "first/outputs"
    before = Store(StoreSettings(outputs=outputs)).create().id  # of the time without a bucket
    write(make_task_folder(outputs, "results", before) / f"{before}_v2.mp4", b"film")
    store = start("first")
    task = str(uuid.uuid4())
    uploads = make_task_folder(outputs, "uploads", task)
    write(uploads / "dance.mp4", b"dance")
    write(uploads / "dance.facts", b"made again")
    store.create(task_id=task)  # files come before their record: each folder is looked at once
    wanted = {f"uploads/{task}/dance.mp4", f"results/{before}/{before}_v2.mp4"}
    until(lambda: wanted <= keys(objects), "the uploads and what was there before")
    assert not any("facts" in key or ".retrack" in key for key in keys(objects))
    store.close()
    shutil.rmtree(outputs)
    store = start("first")
    path = outputs / "uploads" / task / "dance.mp4"
    assert store.files.has(path) and store.files.fetch(path) and path.read_bytes() == b"dance"
    store.delete(task)
    until(lambda: not any(task in key for key in keys(objects)), "the end of its objects")
    assert any(before in key for key in keys(objects))


def test_what_no_task_names_leaves_the_bucket(
    start: Start, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "CLOCKS_SECONDS", -10.0)
    monkeypatch.setattr(bucket, "CALL_SECONDS", 0.0)
    store = start("outputs")
    task, orphan = store.create().id, "0a1b2c3d-0000-4000-8000-000000000001"
    objects.put(f"results/{orphan}/x.mp4", b"1")
    objects.put(f"results/{task}/x.mp4", b"1")
    objects.put(f"results/{task}/attempt-1-a/x.mp4", b"1")
    objects.put(f"uploads/{task}/call-1/x.mp4", b"1")
    store.files.sweep({task}, set(), {task}, hours=1.0)
    assert not any("call-" in key for key in keys(objects)), "it has ended long ago"
    time.sleep(0.3)
    assert any(orphan in key for key in keys(objects)), "it may be on its way"
    assert any("attempt-" in key for key in keys(objects)), "it may go on"
    store.files.sweep({task}, {orphan}, set(), hours=1.0)
    until(lambda: not any(orphan in key for key in keys(objects)), "its end")
    assert [key for key in keys(objects) if task in key] == [f"results/{task}/x.mp4"]
