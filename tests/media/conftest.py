from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.media.fixtures import make_song


@pytest.fixture(scope="session")
def song() -> NDArray[np.float32]:
    """14 s of music, shape (samples, 2), 48 kHz."""
    return make_song()


@pytest.fixture(scope="session")
def media_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")
