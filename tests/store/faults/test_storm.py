"""Three processes of three threads each, killed at random instants, lose and repeat nothing."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.store.faults.build import drive


def storm(folder: Path, kills: int, seed: int, sabotage: str = "") -> dict[str, Any]:
    out = drive("storm", str(folder), str(kills), str(seed), timeout=1200, SABOTAGE=sabotage)
    return json.loads(out)  # type: ignore[no-any-return]


def test_a_short_storm(tmp_path: Path) -> None:
    result = storm(tmp_path, kills=80, seed=1)
    assert result["failures"] == []
    assert result["acks"]["mark"] > 100
    assert result["acks"]["deleted"] > 5


@pytest.mark.faults
@pytest.mark.timeout(1500)
def test_a_long_storm(tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    result = storm(tmp_path, kills=1200, seed=seed)
    print({k: v for k, v in result.items() if k != "failures"}, "seed", seed)  # noqa: T201
    assert result["failures"] == []
