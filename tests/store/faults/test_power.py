"""Power cut after every write, sync and rename: nothing acknowledged is lost, nothing is torn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.faults.build import drive, shim
from tests.store.faults.power import replay


def outage(folder: Path, sabotage: str = "") -> tuple[int, list[str]]:
    work, log = str(folder / "outputs"), folder / "log"
    environment = {"LD_PRELOAD": str(shim(folder)), "FAULT_DIR": work, "SABOTAGE": sabotage}
    drive("power", str(log), timeout=120, **environment)
    return replay(log, work)


def test_power_cuts(tmp_path: Path) -> None:
    count, wrong = outage(tmp_path)
    assert wrong == []
    assert count > 500
    print(count, "states")  # noqa: T201


@pytest.mark.parametrize(
    ("taken", "seen"),
    [
        ("file_fsync", {"the file is empty", "the file is broken"}),
        ("folder_fsync", {"an update was lost", "a task was lost"}),
    ],
)
def test_a_missing_sync_is_noticed(tmp_path: Path, taken: str, seen: set[str]) -> None:
    _, wrong = outage(tmp_path, taken)
    assert seen & {text.split(":")[0] for text in wrong}
