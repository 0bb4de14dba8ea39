"""A kill, ENOSPC, EIO and a half write at each system call of a task's life."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.store.faults.build import drive, shim


def run(folder: Path, stride: int) -> dict[str, object]:
    (folder / "outputs").mkdir()
    environment = {"LD_PRELOAD": str(shim(folder)), "FAULT_DIR": str(folder / "outputs")}
    out = drive("syscalls", str(stride), timeout=1200, **environment)
    return json.loads(out)  # type: ignore[no-any-return]


def test_every_eighth_system_call(tmp_path: Path) -> None:
    result = run(tmp_path, 8)
    assert result["failures"] == []
    assert isinstance(result["calls"], int) and result["calls"] > 50


@pytest.mark.faults
@pytest.mark.timeout(1500)
def test_every_system_call(tmp_path: Path) -> None:
    result = run(tmp_path, 1)
    print(result["calls"], "calls,", result["cases"], "cases")  # noqa: T201
    assert result["failures"] == []
