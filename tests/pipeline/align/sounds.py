"""Sounds for the alignment's tests: real music when it can be had, and what rooms do to it."""

from __future__ import annotations

import subprocess
from functools import cache

import imageio_ffmpeg
import numpy as np
import pytest

from pipeline.model import Samples
from tests import music

RATE = 8000


def filtered(samples: Samples, chain: str, rate: int = RATE) -> Samples:
    """Samples after an ffmpeg filter chain."""
    done = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "f32le", "-ar", str(rate),
            "-ac", "1", "-i", "-", "-af", chain, "-f", "f32le", "-ar", str(rate), "-ac", "1", "-",
        ],
        input=samples.astype(np.float32).tobytes(), capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    return np.frombuffer(done.stdout, np.float32)


@cache
def track(number: int, rate: int = RATE) -> Samples:
    """A real track; skips the test where none can be had."""
    try:
        path = music.tracks("neverball-common")[number]
    except music.NoMusic as why:
        pytest.skip(f"no music: {why}")
    done = subprocess.run(
        [
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", f"file:{path}",
            "-f", "f32le", "-ar", str(rate), "-ac", "1", "-",
        ],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    return np.frombuffer(done.stdout, np.float32)


def cut(samples: Samples, start: float, seconds: float, rate: int = RATE) -> Samples:
    """A stretch, from a whole sample on."""
    first = round(start * rate)
    return samples[first : first + round(seconds * rate)].copy()


def noisy(samples: Samples, snr_db: float, seed: int = 0) -> Samples:
    """White noise added at a signal-to-noise ratio."""
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    power = float(np.sqrt(np.mean(np.square(samples))))
    return np.asarray(samples + noise * power * 10 ** (-snr_db / 20), np.float32)


def silence(seconds: float) -> Samples:
    """A quiet room: noise 80 dB below full scale."""
    noise = np.random.default_rng(1).standard_normal(round(seconds * RATE))
    return np.asarray(noise * 1e-4, np.float32)


def resampled(samples: Samples, speed: float) -> Samples:
    """Played ``speed`` times as fast, the pitch moved; exact at low frequencies."""
    place = np.arange(int(len(samples) / speed)) * speed
    dense = np.fft.irfft(np.fft.rfft(samples), 8 * len(samples)) * 8
    return np.asarray(np.interp(place * 8, np.arange(len(dense)), dense), np.float32)


def weak_direct(samples: Samples, direct_db: float, seed: int = 3) -> Samples:
    """A room whose direct sound is so many decibels against its strongest reflection."""
    random = np.random.default_rng(seed)
    tail = random.standard_normal(RATE // 3) * np.exp(-np.arange(RATE // 3) / (0.08 * RATE))
    tail = tail * 0.1
    tail[: int(0.008 * RATE)] = 0
    for place, height in ((0.012, 0.7), (0.019, -1.0), (0.026, 0.8)):
        tail[int(place * RATE)] = height
    tail[0] = np.abs(tail).max() * 10 ** (direct_db / 20)
    return np.asarray(np.convolve(samples, tail)[: len(samples)], np.float32)
