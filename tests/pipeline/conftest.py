from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.sample.tune import tune
from tests.media.clips import RATE, Clip, make_dance, write_sound
from tests.media.fixtures import make_song
from tests.media.work import Pair, read_pair
from tests.pipeline.pairs import SECONDS


@pytest.fixture(scope="session")
def song() -> NDArray[np.float32]:
    return make_song()


@pytest.fixture(scope="session")
def own() -> NDArray[np.float32]:
    """The dance's own sound: other music, so that it is told from the song."""
    return (0.5 * tune()[: round(SECONDS * RATE)]).astype(np.float32)


@pytest.fixture(scope="session")
def pair(
    tmp_path_factory: pytest.TempPathFactory, song: NDArray[np.float32], own: NDArray[np.float32]
) -> Pair:
    folder = tmp_path_factory.mktemp("render")
    dance = make_dance(Clip("mov", b_frames=2), own, folder)
    reference = write_sound(song, folder / "song.m4a", "-c:a", "aac", "-b:a", "192k")
    return read_pair(dance, reference, folder / "scratch")
