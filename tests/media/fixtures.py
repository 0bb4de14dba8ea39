"""Music for measuring: a Debian track, or the sample tune where there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tests import music
from tests.media.clips import RATE, read_music

SECONDS = 14.0


def make_song() -> NDArray[np.float32]:
    """14 s of music with sound from the first moment on, shape (samples, 2) at 48 kHz."""
    try:
        track = music.tracks("neverball-common")[1]
    except music.NoMusic:
        from pipeline.sample.tune import tune

        return tune()[: round(SECONDS * RATE)]
    return read_music(track, 5.0, SECONDS)
