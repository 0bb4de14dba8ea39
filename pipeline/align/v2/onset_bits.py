"""Onset bits: which bands rise more than their neighbours, one bit a band and frame.

After Haitsma and Kalker, "A highly robust audio fingerprinting system" (ISMIR 2002): the
sign of the difference of band energies in time and frequency survives equalisers, gain
control and codecs, and unrelated sounds agree in half of the bits. Neighbouring bands are
subtracted, so a beat that all bands share does not match another beat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.align.sounds import signal
from pipeline.align.sounds.feature_frames import FeatureFrames
from pipeline.align.sounds.signal import Array
from pipeline.model import Sound

FRAMES_PER_SECOND = 62.5
"""Frames a second of the reference's clock."""
BANDS = 28
"""Bits a frame; one band more is measured."""
LOW_HZ, HIGH_HZ = 120.0, 3500.0
"""The bands, on the reference."""
FRAME_SECONDS = 0.064
"""Length of a frame."""
MARGIN_FRAMES = 2
"""Frames beyond a block over which a rise is measured."""


def bank(size: int, rate: int, pitch: float, bands: int = BANDS, highest: float = HIGH_HZ) -> Array:
    """Bands evenly spaced in pitch, one more than bits, moved in frequency by ``pitch``."""
    edges = np.geomspace(LOW_HZ, highest, bands + 3) * pitch
    return signal.triangles(edges, size, rate)


def bits_of(logs: Array) -> NDArray[np.int8]:
    """Bits of logarithmic band powers ``(frames, bits + 1)``; the outermost frames have none."""
    slope = logs[:, 1:] - logs[:, :-1]
    rise = np.zeros_like(slope)
    rise[1:-1] = slope[2:] - slope[:-2]
    return np.asarray(np.sign(rise), np.int8)


def extract(
    sound: Sound, speed: float = 1.0, pitch: float = 1.0, shift: float = 0.0
) -> FeatureFrames:
    """Bits of a whole sound, -1 or 1 (0 where there is none), block by block; frames may be
    ``shift`` of a frame later.

    Bits of two sounds agree best when their frames lie at the same place in the music,
    so that of two copies of a passage the one on the frames' grid would win.
    """
    size = signal.frame_size(sound.rate, FRAME_SECONDS)
    filters = bank(size, sound.rate, pitch)
    blocks = signal.power_blocks(sound, FRAMES_PER_SECOND * speed, size, MARGIN_FRAMES, shift)
    values = [bits_of(np.log(power @ filters + 1e-9))[inner] for _, power, inner in blocks]
    return FeatureFrames(np.concatenate(values), speed, pitch, per_second=FRAMES_PER_SECOND)
