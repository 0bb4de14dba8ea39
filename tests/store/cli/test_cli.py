"""``python -m store``, as people call it."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store import Store
from tests.store.conftest import KEEP_HOURS, new_id
from tests.store.faults.build import HERE


def run(outputs: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"RETRACK_OUTPUTS": str(outputs), "RETRACK_KEEP_HOURS": str(KEEP_HOURS)}
    command = [sys.executable, "-m", "store", *arguments]
    return subprocess.run(
        command,
        cwd=HERE.parents[2],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def task_id(store: Store) -> str:
    return store.create({"dance_name": "课.mp4"}).id


def test_show(store: Store, outputs: Path, task_id: str) -> None:
    assert json.loads(run(outputs, "show").stdout) == json.loads(store.path.read_bytes())
    assert json.loads(run(outputs, "show", task_id).stdout)["dance_name"] == "课.mp4"
    missing = run(outputs, "show", new_id())
    assert missing.returncode == 2
    assert missing.stderr.count("\n") == 1


def test_check(store: Store, outputs: Path, task_id: str) -> None:
    assert run(outputs, "check").returncode == 0
    records = json.loads(store.path.read_bytes())
    records[task_id]["started_at"] = "noon"
    records["by hand"] = {"status": "done"}
    records[new_id()] = {"status": "failed", "v2_output": "../x"}
    store.path.write_text(json.dumps(records)[:-1])
    found = run(outputs, "check")
    assert found.returncode == 1
    for text in ("damaged", "column", "started_at is 'noon'", "safely inside", "completed_at"):
        assert text in found.stdout


def test_backup_and_restore(store: Store, outputs: Path, task_id: str) -> None:
    made = run(outputs, "backup")
    copy = Path(made.stdout.strip())
    assert copy.read_bytes() == store.path.read_bytes()
    store.cancel(task_id)
    store.delete(task_id)
    other = store.create().id
    assert run(outputs, "restore", str(copy)).returncode == 0
    assert {t.id for t in store.snapshot().tasks} == {task_id, other}
    store.back_up(anyway=True)
    store.path.write_text("{")  # the history no longer keeps the restored task away
    store.load_task_status()
    assert {t.id for t in store.snapshot().tasks} == {task_id, other}
    assert run(outputs, "restore", "--replace", str(copy)).returncode == 0
    assert {t.id for t in store.snapshot().tasks} == {task_id}
    (aside,) = outputs.glob("task_status.json.replaced-*")
    assert other in aside.read_text()
    assert run(outputs, "restore", str(outputs / "nothing")).returncode == 2


def test_what_it_writes_is_its_users_alone(outputs: Path, tmp_path: Path, store: Store) -> None:
    os.umask(0o077)
    store.create()
    os.umask(0o022)
    target = tmp_path / "kept"
    assert run(outputs, "backup", str(target)).returncode == 0
    elsewhere = tmp_path / "elsewhere" / "outputs"
    assert run(elsewhere, "restore", str(target)).returncode == 0
    made = [target, *elsewhere.parent.rglob("*")]
    assert len(made) > 2
    assert not [path for path in made if path.stat().st_mode & 0o077]


def test_export_and_compact(store: Store, outputs: Path, task_id: str) -> None:
    past = store.create({"created_at": "2025-01-01T00:00:00"}).id
    day_before = datetime.now(UTC) - timedelta(hours=KEEP_HOURS + 1)
    store.update(past, {"status": "failed", "completed_at": day_before.isoformat()})
    assert run(outputs, "compact").returncode == 0
    assert [t.id for t in store.snapshot().tasks] == [task_id]
    rows = list(csv.DictReader(io.StringIO(run(outputs, "export", "--format", "csv").stdout)))
    assert [(r["id"], r["left_because"]) for r in rows] == [(past, "expired"), (task_id, "")]
    lines = [json.loads(line) for line in run(outputs, "export").stdout.splitlines()]
    assert [line["id"] for line in lines] == [past, task_id]


def test_help_has_an_example(outputs: Path) -> None:
    for command in ("show", "check", "backup", "restore", "compact", "export"):
        assert f"example: python -m store {command}" in run(outputs, command, "--help").stdout
