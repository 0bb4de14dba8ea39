"""The sample's tune, synthesised: drums, bass, chords and a melody that never repeats exactly.

The melody is made by a fixed random walk on a pentatonic scale, so that each bar is its own
place in the song and an alignment has one right answer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48000
BEATS_PER_MINUTE = 118.0
BEAT_SECONDS = 60.0 / BEATS_PER_MINUTE
"""Seconds from one beat to the next."""
BARS = 14
TUNE_SECONDS = BARS * 4 * BEAT_SECONDS
"""Of the whole tune."""
CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))
"""A minor, F, C, G as MIDI notes; one a bar."""
SCALE_NOTES = (69, 72, 74, 76, 79, 81, 84)
"""A minor pentatonic, as MIDI notes."""
MELODY_SHARE = 0.72
"""How many of the half beats have a note of the melody."""

Stereo = NDArray[np.float32]


def tune() -> Stereo:
    """The whole tune, shape (samples, 2), full scale 1, the same at every call."""
    chance = np.random.default_rng(20)
    total = round(TUNE_SECONDS * RATE_HZ) + RATE_HZ // 2
    mix = np.zeros((total, 2))
    place = 3
    for beat in range(BARS * 4):
        at = beat * BEAT_SECONDS
        chord = CHORDS[beat // 4 % len(CHORDS)]
        _add(mix, at, _kick(), 0.9, 0.0)
        if beat % 2 == 1:
            _add(mix, at, _snare(chance), 0.45, 0.1)
        for half in (0.0, 0.5):
            _add(mix, at + half * BEAT_SECONDS, _hat(chance), 0.16 if half else 0.1, -0.3)
            _add(mix, at + half * BEAT_SECONDS, _pluck(chord[0] - 24, 0.26), 0.4, 0.0)
        if beat % 4 == 0:
            for note, pan in zip(chord, (-0.5, 0.0, 0.5), strict=True):
                _add(mix, at, _pad(note, 4 * BEAT_SECONDS), 0.09, pan)
        for half in (0.0, 0.5):
            if chance.random() < MELODY_SHARE:
                place = int(np.clip(place + chance.integers(-2, 3), 0, len(SCALE_NOTES) - 1))
                _add(mix, at + half * BEAT_SECONDS, _pluck(SCALE_NOTES[place], 0.45), 0.26, 0.25)
    mix *= 0.8 / np.abs(mix).max()
    return mix.astype(np.float32)


def _add(
    mix: NDArray[np.float64], at: float, sound: NDArray[np.float64], gain: float, pan: float
) -> None:
    start = round(at * RATE_HZ)
    stop = min(len(mix), start + len(sound))
    left, right = math.cos((pan + 1) * math.pi / 4), math.sin((pan + 1) * math.pi / 4)
    mix[start:stop] += sound[: stop - start, None] * gain * np.array([left, right])


def _time(seconds: float) -> NDArray[np.float64]:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def _hertz(note: float) -> float:
    return 440.0 * 2 ** ((note - 69) / 12)


def _kick() -> NDArray[np.float64]:
    t = _time(0.22)
    return np.sin(2 * np.pi * (48 * t + 95 / 28 * (1 - np.exp(-28 * t)))) * np.exp(-14 * t)


def _snare(chance: np.random.Generator) -> NDArray[np.float64]:
    t = _time(0.18)
    body = np.sin(2 * np.pi * 190 * t) * np.exp(-30 * t)
    return 0.5 * body + chance.standard_normal(len(t)) * 0.4 * np.exp(-24 * t)


def _hat(chance: np.random.Generator) -> NDArray[np.float64]:
    t = _time(0.05)
    return np.diff(chance.standard_normal(len(t) + 1)) * np.exp(-90 * t) * 0.6


def _pluck(note: float, seconds: float) -> NDArray[np.float64]:
    t = _time(seconds)
    hertz = _hertz(note)
    tone = sum(
        np.sin(2 * np.pi * hertz * k * t) * np.exp(-(4 + 3 * k) * t) / k for k in (1, 2, 3, 4)
    )
    return np.asarray(tone) * np.minimum(1.0, t / 0.004)


def _pad(note: float, seconds: float) -> NDArray[np.float64]:
    t = _time(seconds)
    hertz = _hertz(note)
    tone = np.sin(2 * np.pi * hertz * t) + 0.5 * np.sin(2 * np.pi * hertz * 1.004 * t)
    edge = np.minimum(1.0, np.minimum(t, seconds - t) / 0.08)
    return tone * edge
