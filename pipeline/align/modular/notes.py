"""The tonal match: do melody and chords agree where the flux says, and only there?

A semitone spectrum (a chroma that keeps its octaves; Müller, "Fundamentals of Music
Processing", chapter 3) from which the spectral envelope and the long-time mean are taken:
drums and equalisers vanish, notes stay. Two songs with the same drum samples agree in
every beat's flux, and nowhere in this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.align.modular import features
from pipeline.align.shared.takes import Take
from pipeline.align.sounds import signal
from pipeline.align.sounds.correlation import block_spectra, correlated
from pipeline.align.sounds.feature_frames import FeatureFrames
from pipeline.align.sounds.fourier import fast_size
from pipeline.align.sounds.signal import Array
from pipeline.model import Sound

FRAMES_PER_SECOND = 12.5
"""Frames a second of the reference's clock."""
SEMITONES = 48
"""Four octaves."""
LOW_HZ = 110.0
"""The lowest semitone."""
ENVELOPE_SEMITONES = 4
"""The mean of so many semitones on either side is taken off."""
MEAN_FRAMES = 50
"""The mean of so many frames (4 s) is taken off."""
FRAME_SECONDS = 0.256
"""Length of a frame."""
MIN_FRAMES, MAX_FRAMES = 4, 4096
"""Frames of a take that are compared: at least, and at most."""
MIN_PLACES = 50
"""Other places of the reference that tell how far chance goes, at least."""


@dataclass(frozen=True)
class TonalMatch:
    """How well the notes agree on a line."""

    rho: float
    """Correlation coefficient, 1 for the same notes."""
    sigmas: float
    """The same in standard deviations over all other places."""


def semitone_bank(size: int, rate: int, pitch: float) -> Array:
    """Triangles one semitone wide on either side, ``(bins, SEMITONES)``, each of sum 1."""
    centres = LOW_HZ * pitch * 2 ** (np.arange(SEMITONES) / 12)
    frequency = np.maximum(np.arange(size // 2 + 1) * rate / size, 1.0)[:, None]
    bank = np.maximum(0.0, 1.0 - np.abs(12 * np.log2(frequency / centres)))
    total = bank.sum(axis=0)
    return np.asarray(bank / np.where(total > 0, total, 1.0), np.float32)


def extract(sound: Sound, speed: float = 1.0, pitch: float = 1.0) -> Array:
    """Semitone spectra of a whole sound, ``(frames, SEMITONES)``, about unit variance.

    They are on the reference's clock: frame ``i`` is at ``i / (FRAMES_PER_SECOND * speed)``.
    """
    size = signal.frame_size(sound.rate, FRAME_SECONDS)
    bank = semitone_bank(size, sound.rate, pitch)
    blocks = signal.power_blocks(sound, FRAMES_PER_SECOND * speed, size, 4 * MEAN_FRAMES)
    return np.concatenate([notes(power @ bank)[inner] for _, power, inner in blocks])


def notes(bands: Array) -> Array:
    """Semitone powers without spectral envelope and long-time mean, about unit variance."""
    floor = 1e-3 * signal.moving_mean(bands.mean(axis=1, keepdims=True), 4 * MEAN_FRAMES) + 1e-8
    logs = np.log(bands + floor)
    logs -= signal.moving_mean(logs.T, 2 * ENVELOPE_SEMITONES + 1).T
    logs -= signal.moving_mean(logs, MEAN_FRAMES)
    power = signal.moving_mean(np.square(logs).mean(axis=1, keepdims=True), MEAN_FRAMES)
    return np.asarray(logs / np.sqrt(power + 1e-2), np.float32)


def match(dance: Array, reference: Array, take: Take) -> TonalMatch:
    """How well the notes of a take agree; of a long one, the middle is compared."""
    lag, start, stop = (
        frame / features.FRAMES_PER_SECOND * FRAMES_PER_SECOND
        for frame in (take.line.lag, take.start, take.stop)
    )
    first, last = round(start), min(round(stop), len(dance))
    length = min(last - first, MAX_FRAMES)
    if length < MIN_FRAMES:
        return TonalMatch(0.0, 0.0)
    middle = (first + last) / 2
    low = round(middle - length / 2)
    own = dance[low : low + length]
    lags = block_spectra(FeatureFrames(reference), length, fast_size(2 * length))
    curve = correlated(own[None], lags)[0]
    norm = np.sqrt(np.square(own).sum() * np.square(reference).mean() * own.size) + 1e-6
    curve /= norm
    place = round(middle * take.line.drift + lag) + low + length - 1
    near = curve[max(place - 1, 0) : max(place + 2, 0)]
    rho = float(near.max(initial=-1.0))
    rest = np.concatenate([curve[: max(place - 6, 0)], curve[max(place + 7, 0) :]])
    # Few places are left where the reference is hardly longer than the take.
    chance = 1.0 / np.sqrt(length * 3.0)
    deviation = max(float(rest.std()) if len(rest) > MIN_PLACES else 0.0, chance)
    return TonalMatch(rho, rho / deviation)
