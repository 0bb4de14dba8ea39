from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from store import Form, Store, StoreSettings, Task

Make = Callable[..., Store]
KEEP_HOURS = 24.0
"""By which the ages in these tests are chosen, whatever the default is."""
FORM = Form(
    keys=("modular_output", "v2_output"),
    of_run=("stage",),
    of_result=("v2_status",),
    message=lambda record: f"这是{record['status']} {record.get('v2_output') or ''}".strip(),
)


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    return tmp_path / "project" / "outputs"


@pytest.fixture
def make(outputs: Path) -> Iterator[Make]:
    """Makes stores on one folder, as several processes would have them."""
    made: list[Store] = []

    def new(*, clock: Any = None, **changes: Any) -> Store:
        values: dict[str, Any] = {
            "outputs": outputs,
            "backoff_seconds": 0.0,
            "lock_timeout": 3.0,
            "keep_hours": KEEP_HOURS,
        } | changes
        store = Store(StoreSettings(**values), FORM, **({"clock": clock} if clock else {}))
        made.append(store)
        return store

    yield new
    for store in made:
        store.close()


@pytest.fixture
def store(make: Make) -> Store:
    return make()


def value(task: Task, key: str) -> Any:
    """A key that is the application's own."""
    return task.extra.get(key)


def on_disk(store: Store) -> dict[str, Any]:
    """The records in the file."""
    return json.loads(store.path.read_text("utf-8"))  # type: ignore[no-any-return]


def claimed(store: Store) -> Task:
    """The task that is due, claimed."""
    task = store.claim()
    assert task is not None
    return task


def new_id() -> str:
    return str(uuid.uuid4())
