"""Driver: breaks every system call of a task's life, one at a time, in every way.

Prints one JSON object: cases, calls, failures. Run with LD_PRELOAD and FAULT_DIR set.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

from store import NotSaved, Store, StoreSettings
from store.errors import StoreError
from store.file import codec
from tests.store.faults.build import KINDS, sabotage

FOLDER = Path(os.environ["FAULT_DIR"])
ACKS = FOLDER.parent / "acks"
SHIM = ctypes.CDLL(None)
OLD, DONE, WAIT, FRESH = (str(uuid.UUID(int=n, version=4)) for n in range(1, 5))
UNKNOWN = {"a record of another program": [1, {"x": None}, 9000 * "x"]}
codec._BLOCK_RECORDS = 2  # so that these few are written as many are, past the page cache


def settings() -> StoreSettings:
    return StoreSettings(outputs=FOLDER, lock_timeout=2.0, backoff_seconds=0.0)


def prepare(template: Path) -> None:
    store = Store(settings())
    for task_id in (OLD, DONE, WAIT):
        store.create({"mark": 0}, task_id=task_id)
    for task_id in (OLD, DONE):
        store.update(task_id, {"status": "success"})
    records = json.loads(store.path.read_text()) | UNKNOWN
    store.path.write_text(json.dumps(records))
    store.load_task_status()
    store.close()
    shutil.copytree(FOLDER, template)


def life(acknowledge: Any) -> None:
    """A task's life; ``acknowledge`` is called with each promise after it was given."""
    store = Store(settings())
    runs: list[Any] = []

    def end() -> None:
        for run in runs:
            store.finish(run.id, {"result": 1}, run.claim)

    steps: list[tuple[str, Any]] = [
        ("created", lambda: store.create({"mark": 1}, task_id=FRESH)),
        ("updated", lambda: store.update(WAIT, {"mark": 7})),
        ("claimed", lambda: runs.append(store.claim())),
        ("deleted", lambda: store.delete(OLD)),
        ("ended", end),
        ("requested", lambda: store.request(DONE, {"n": 1})),
    ]
    for name, step in steps:
        try:
            step()
            acknowledge(name)
        except NotSaved as error:
            if not error.maybe_saved:
                acknowledge(f"not {name}")
    store.back_up(anyway=True)
    for _ in range(2):  # the end of a run, when it was not saved, is tried again
        if store.save_task_status():
            acknowledge("saved")
            break


def child(at: int, kind: int) -> None:
    acks = os.open(ACKS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    SHIM.fault_arm(at, kind)
    try:
        life(lambda name: os.write(acks, f"{name}\n".encode()))
    except StoreError as error:
        os.write(acks, f"!{error!r}\n".encode())
    os.write(acks, f"={SHIM.fault_count()}\n".encode())
    os._exit(0)


def check(acked: list[str]) -> list[str]:
    """What is wrong with the folder after a child's end, given what it had acknowledged."""
    wrong = [line for line in acked if line.startswith("!")]
    raw = (FOLDER / "task_status.json").read_bytes()
    try:
        first = json.loads(raw)
    except ValueError as error:
        return [f"the file is broken: {error}"]
    for records, when in ((first, "raw"), (reloaded(), "reloaded")):
        for name, missing in losses(records, acked):
            if missing:
                wrong.append(f"{when}: {name} is not so")
        for key, value in UNKNOWN.items():
            if records.get(key) != value:
                wrong.append(f"{when}: an unknown record was lost")
    history = {task.id for task in Store(settings()).history()}
    if OLD not in first and OLD not in history:
        wrong.append("a task left without a line in the history")
    if list(FOLDER.glob(".task_status*.tmp")):
        wrong.append("a temporary file was left behind by the next load")
    return wrong


def losses(records: dict[str, Any], acked: list[str]) -> list[tuple[str, bool]]:
    fresh, wait = records.get(FRESH, {}), records.get(WAIT, {})
    done = records.get(DONE, {})
    ended = "ended" in acked or "saved" in acked  # the end of a run alone is tried again
    return [
        ("created", "created" in acked and fresh.get("mark") != 1),
        ("not created", "not created" in acked and bool(fresh)),
        ("updated", "updated" in acked and wait.get("mark") != 7),
        ("not updated", "not updated" in acked and wait.get("mark") != 0),
        ("claimed", "claimed" in acked and not wait.get("attempts")),
        ("not claimed", "not claimed" in acked and bool(wait.get("attempts"))),
        ("deleted", "deleted" in acked and OLD in records),
        ("not deleted", "not deleted" in acked and OLD not in records),
        ("the end", "claimed" in acked and ended and wait.get("result") != 1),
        ("requested", "requested" in acked and "adjust" not in done),
        ("not requested", "not requested" in acked and "adjust" in done),
        ("success", done.get("status") != "success"),
        ("an old mark", wait.get("mark") not in (0, 7)),
    ]


def reloaded() -> dict[str, Any]:
    store = Store(settings())
    store.load_task_status()
    store.restore_orphans()
    records: dict[str, Any] = json.loads(store.path.read_text())
    store.update(WAIT, {"seen": True})  # it goes on working
    return records


def case(template: Path, at: int, kind: int) -> tuple[list[str], list[str]]:
    shutil.rmtree(FOLDER)
    shutil.copytree(template, FOLDER)
    ACKS.unlink(missing_ok=True)
    if (pid := os.fork()) == 0:
        child(at, kind)
    _, status = os.waitpid(pid, 0)
    acked = ACKS.read_text().split("\n")[:-1] if ACKS.exists() else []
    wrong = [] if os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0 else ["the child crashed"]
    return wrong + check(acked), acked


def main() -> None:
    logging.disable(logging.CRITICAL)
    sabotage(os.environ.get("SABOTAGE", ""))
    stride = int(sys.argv[1])
    template = FOLDER.parent / "template"
    prepare(template)
    wrong, acked = case(template, 0, 0)
    assert not wrong and "saved" in acked, (wrong, acked)
    calls = int(acked[-1][1:])
    failures, cases = [], 0
    for kind, name in KINDS.items():
        for at in range(1 + kind % stride, calls + 3, stride):
            wrong, _ = case(template, at, kind)
            cases += 1
            failures += [f"{name} at call {at}: {text}" for text in wrong]
    json.dump({"cases": cases, "calls": calls, "failures": failures}, sys.stdout)


if __name__ == "__main__":
    main()
