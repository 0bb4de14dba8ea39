"""The suite notices when the lock, or the second read under it, is taken away.

(test_power shows the same for the syncs of the file and of the folder.)
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.test_storm import storm


@pytest.mark.parametrize("taken", ["lock", "reread"])
def test_the_storm_notices(tmp_path: Path, taken: str) -> None:
    result = storm(tmp_path, kills=60, seed=2, sabotage=taken)
    assert result["failures"], "the storm would not notice the loss"
