"""The suite notices when the lock, or the second read under it, is taken away.

(test_power shows the same for the syncs of the file and of the folder.)
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.faults.test_storm import storm


@pytest.mark.parametrize("taken", ["lock", "reread"])
def test_the_storm_notices(tmp_path: Path, taken: str) -> None:
    # On a machine busy with other work the processes meet less often: it may take a second storm.
    storms = (
        storm(new_folder(tmp_path, seed), kills=60, seed=seed, sabotage=taken) for seed in (2, 3, 4)
    )
    assert any(result["failures"] for result in storms), "the storm would not notice the loss"


def new_folder(parent: Path, seed: int) -> Path:
    folder = parent / str(seed)
    folder.mkdir()
    return folder
