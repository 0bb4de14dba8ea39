"""Hypothesis: any sequence of operations, edits, crashes and failed syncs, against a model."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    precondition,
    rule,
)

from store import Fenced, NoSuchTask, NotSaved, Store, StoreSettings, Task, WrongState
from tests.store.conftest import new_id

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


class Machine(RuleBasedStateMachine):
    """The model: id → the keys that matter, as acknowledged."""

    tasks = Bundle("tasks")
    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.model: dict[str, dict[str, Any]] = {}
        self.gone: set[str] = set()
        self.stranger: dict[str, Any] = {}
        self.store = self.open()
        self.other = self.open()

    def open(self) -> Store:
        values = {"outputs": self.folder / "outputs", "backoff_seconds": 0.0}
        return Store(StoreSettings(**values))

    @initialize()
    def begin(self) -> None:
        self.store.load_task_status()

    @rule(target=tasks, mark=JSON)
    def create(self, mark: Any) -> str:
        task_id = self.store.create({"mark": mark}).id
        self.model[task_id] = {"status": "pending", "mark": mark, "attempts": 0}
        return task_id

    @rule(task_id=tasks, mark=JSON, second=st.booleans())
    def update(self, task_id: str, mark: Any, second: bool) -> None:
        store = self.other if second else self.store
        if task_id not in self.model:
            with pytest.raises(NoSuchTask):
                store.update(task_id, {"mark": mark})
            return
        store.update(task_id, {"mark": mark})
        self.model[task_id]["mark"] = mark

    @rule(task_id=tasks, status=st.sampled_from(["success", "failed", "pending"]))
    def end(self, task_id: str, status: str) -> None:
        known = self.model.get(task_id)
        if known is None:
            return
        if known["status"] in ("success", "failed") and status != known["status"]:
            with pytest.raises(WrongState):
                self.store.update(task_id, {"status": status})
            return
        self.store.update(task_id, {"status": status})
        known["status"] = status

    @rule(target=runs, second=st.booleans())
    def claim(self, second: bool) -> Task | None:
        run = (self.other if second else self.store).claim()
        waiting = [i for i, known in self.model.items() if known["status"] == "pending"]
        assert (run is None) == (not waiting)
        if run:
            assert run.id in waiting
            known = self.model[run.id]
            known |= {"status": "processing", "attempts": run.attempts, "owner": run.owner}
            known.pop("cancel", None)  # it was of an earlier attempt
        return run

    @rule(run=consumes(runs))
    def finish(self, run: Task | None) -> None:
        if run is None:
            return
        known = self.model.get(run.id)
        change = {"status": "success", "v2_output": "x"}
        owns = known and known["status"] == "processing" and known.get("owner") == run.owner
        if not owns:
            with pytest.raises((Fenced, NoSuchTask)):
                self.store.update(run.id, change, run.claim)
            return
        assert known
        self.store.update(run.id, change, run.claim)
        known["status"] = "success"

    @rule(task_id=tasks)
    def retry(self, task_id: str) -> None:
        known = self.model.get(task_id)
        if known is None:
            return
        if known["status"] != "failed":
            with pytest.raises(WrongState):
                self.store.retry(task_id)
            return
        self.store.retry(task_id)
        known |= {"status": "pending", "attempts": 0}

    @rule(task_id=tasks)
    def cancel(self, task_id: str) -> None:
        known = self.model.get(task_id)
        if known is None:
            return
        self.store.cancel(task_id)
        if known["status"] == "pending":
            known["status"] = "failed"
        elif known["status"] == "processing":
            known["cancel"] = True

    @rule(task_id=tasks)
    def delete(self, task_id: str) -> None:
        known = self.model.get(task_id)
        if known is None or known["status"] == "processing":
            return
        self.store.delete(task_id)
        del self.model[task_id]
        self.gone.add(task_id)

    @rule()
    def crash(self) -> None:
        """The process dies: its ticks are lost, its claims are orphans."""
        name = self.store._owners.name
        self.store._owners._lock = None  # closed
        self.store = self.open()
        self.store.load_task_status()
        self.store.restore_orphans()
        for known in self.model.values():
            owner = str(known.get("owner")).split("/")[0]
            if known["status"] == "processing" and owner == name:
                ended = known["attempts"] >= 3 or known.get("cancel")
                known["status"] = "failed" if ended else "pending"
            if known["status"] != "processing":
                known.pop("cancel", None)

    @rule(key=st.text(max_size=3), value=JSON, indent=st.sampled_from([None, 1, 4]))
    def edit(self, key: str, value: Any, indent: int | None) -> None:
        """A person writes a record that is no task of ours, in their own layout."""
        path = self.store.path
        records = json.loads(path.read_bytes()) | {f"~{key}": value}
        path.write_text(json.dumps(records, indent=indent), "utf-8")
        self.stranger[f"~{key}"] = value

    @precondition(lambda self: self.model)
    @rule(data=st.data(), number=st.sampled_from([errno.ENOSPC, errno.EIO]), turn=st.integers(1, 2))
    def disk_fails(self, data: st.DataObject, number: int, turn: int) -> None:
        """The sync of the file fails, and nothing is changed; or that of the folder."""
        task_id = data.draw(st.sampled_from(sorted(self.model)))
        mark, real, calls = new_id(), os.fsync, []

        def fsync(descriptor: int) -> None:
            calls.append(descriptor)
            if len(calls) == turn:
                raise OSError(number, os.strerror(number))
            real(descriptor)

        with mock.patch("os.fsync", fsync), pytest.raises(NotSaved) as failure:
            self.store.update(task_id, {"mark": mark})
        assert failure.value.maybe_saved == (turn == 2)
        assert self.store.snapshot().unsaved == ({task_id} if turn == 2 else set())
        assert self.store.save_task_status()
        assert not self.store.snapshot().unsaved
        if turn == 2:
            self.model[task_id]["mark"] = mark

    @rule(cut=st.floats(0.0, 1.0))
    def tear(self, cut: float) -> None:
        """The file is cut somewhere; the process that knows it brings it back whole."""
        raw = self.store.path.read_bytes()
        self.store.snapshot()
        self.store.back_up(anyway=True)
        self.store.path.write_bytes(raw[: int(cut * (len(raw) - 2))])
        os.utime(self.store.path, (1, 1))
        self.store.load_task_status()

    @invariant()
    def the_file_is_what_was_acknowledged(self) -> None:
        if not self.store.path.exists():
            return
        records = json.loads(self.store.path.read_bytes())
        assert set(records) == set(self.model) | set(self.stranger)
        for key, value in self.stranger.items():
            assert records[key] == value
        for task_id, known in self.model.items():
            record = records[task_id]
            assert record["status"] == known["status"]
            assert record.get("mark") == known["mark"]
            assert record["created_at"]
            assert record.get("attempts", 0) == known["attempts"]
            assert bool(record["completed_at"]) == (known["status"] in ("success", "failed"))
        for store in (self.store, self.other):
            assert {t.id for t in store.snapshot().tasks} == set(self.model)

    def teardown(self) -> None:
        self.other.close()
        self.store.close()
        assert {t.id for t in self.store.history()} <= self.gone
        shutil.rmtree(self.folder)


COMMON = {
    "deadline": None,
    "suppress_health_check": list(HealthCheck),
    "print_blob": True,
    "derandomize": True,
    "database": None,
}
TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=25, stateful_step_count=25, **COMMON)  # type: ignore[arg-type]


class LongMachine(Machine):
    """The same for much longer, at random."""


TestLongMachine = pytest.mark.faults(LongMachine.TestCase)
TestLongMachine.settings = settings(
    max_examples=400,
    stateful_step_count=60,
    **(COMMON | {"derandomize": False}),  # type: ignore[arg-type]
)
