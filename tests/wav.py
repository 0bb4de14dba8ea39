"""Writes plain WAV files for tests."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write_wav(path: Path, samples: NDArray[np.floating], rate: int) -> Path:
    """16-bit PCM; ``samples`` of shape (n,) or (n, channels), full scale ±1."""
    data = np.clip(np.asarray(samples, dtype=np.float64), -1.0, 1.0)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1 if data.ndim == 1 else data.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((data * 32767).astype("<i2").tobytes())
    return path
