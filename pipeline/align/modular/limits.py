"""The evidence for a take's limits: the dance compared with the reference through the room.

With the line known, the dance is compared with the reference through the room response (a
transfer function estimated inside the take), in frames of an eighth of a second. Each frame
says how much likelier its sound is if the music plays than if it does not: the log ratio of
two Gaussian likelihoods (the matched filter; Kay, "Fundamentals of Statistical Signal
Processing: Detection Theory", 1998, chapter 4). Where the reference is silent or far below the
noise, that is nothing, and where it should be present and is not, it speaks against. Where the
limit then lies is ``shared/change_point``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.align.shared.change_point import (
    AROUND_SECONDS,
    Balance,
    Following,
    Look,
    followed_outwards,
)
from pipeline.align.shared.pair import Pair
from pipeline.align.shared.signal import Array, frame_size, window

FRAME_SECONDS, HOP_SECONDS = 0.128, 0.016
"""Length of a frame, and between two."""
LOW_HZ, HIGH_HZ = 150, 3400
"""Lowest and highest frequency that is compared."""
INSIDE_SECONDS = 8.0
"""Seconds inside the take that tell its usual coherence."""
MIN_COHERENCE, WELL_COHERENCE = 0.06, 0.25
"""Usual coherence below which limits cannot be told this way, and below which the room is known
too badly to say that a limit is sharp."""
SPARSE_SECONDS, SPARSE_FRAMES = 0.1, 10
"""Seconds between frames, and frames of a second, in which a line is followed."""
FOLLOWING = Following(usual_seconds=20.0, min_usual=0.04, against_share=0.4)
"""In coherence. Chosen; see ablate."""
INDEPENDENT_SHARE = 0.12
"""The share of a frame's bins that tell something of their own: frames lie over each other
eight times, windowed bins half of it."""
INSTEAD_RATIO, UNLIKE_COHERENCE = 0.1, 0.25
"""A frame in which other sound plays instead of the music: power relative to what is expected from
which there is sound, and coherence up to which it is another."""


@dataclass(frozen=True)
class RoomModel:
    """The two sounds on one line, and the room between them."""

    pair: Pair

    def spectra(self, start: float, count: int, step: float = HOP_SECONDS) -> tuple[Array, Array]:
        """Short-time spectra of both, ``(frames, bins)``, frames centred from ``start`` on."""
        rate = self.pair.rate
        size, hop = frame_size(rate, FRAME_SECONDS), round(step * rate)
        first, length = round(start * rate) - size // 2, size + hop * (count - 1)
        low, high = (int(hertz * size / rate) for hertz in (LOW_HZ, min(HIGH_HZ, 0.45 * rate)))
        here, there = (
            fft.rfft(
                np.lib.stride_tricks.sliding_window_view(x, size)[::hop] * window(size), axis=1
            )
            for x in self.pair.read(first, length)
        )
        return here[:, low:high], there[:, low:high]

    def extended_outwards(
        self, span: tuple[float, float], ends: tuple[float, float]
    ) -> tuple[float, float]:
        """A take's limits after following its line outwards: once the line is exact, the waveform
        through the room shows in single seconds whether the music still plays on it, where
        features were too noisy for that."""
        start, stop = max(sum(span) / 2 - 5.0, span[0]), min(sum(span) / 2 + 5.0, span[1])
        room = transfer(*self.spectra(start, max(int((stop - start) / HOP_SECONDS), 1)))

        def coherence(starts: NDArray[np.float64]) -> Array:
            values = np.empty(len(starts), np.float32)
            for index, first in enumerate(starts):
                here, there = self.spectra(
                    first + SPARSE_SECONDS / 2, SPARSE_FRAMES, SPARSE_SECONDS
                )
                values[index] = likeness(here, there * room).mean()
            return values

        return followed_outwards(coherence, span, ends, FOLLOWING)

    def learn(self, rough: float, into: float) -> Look:
        """How likely the music is near a limit, after learning the room inside of it."""
        inside = abs(into)
        # Not where the rough limit may be off: silence would be taken for the music's room.
        away = np.sign(into) * max(inside / 2, inside - AROUND_SECONDS)
        start, stop = sorted((rough + into, rough + into - away))
        here, there = self.spectra(
            start, max(int((stop - start) / (2 * HOP_SECONDS)), 1), 2 * HOP_SECONDS
        )
        room = transfer(here, there)
        expected = there * room
        rest = np.median(np.square(np.abs(here - expected)), axis=0)
        usual = float(np.median(likeness(here, expected)))

        def look(low: float, high: float) -> Balance | None:
            if usual < MIN_COHERENCE:
                return None
            return self.balance(low, high, room, np.asarray(rest + 1e-12, np.float32), usual)

        return look

    def balance(self, start: float, stop: float, room: Array, hiss: Array, usual: float) -> Balance:
        """How much likelier each frame is with the music than without.

        Each bin's noise is at least ``hiss``, and else what is there: a clap says little.
        """
        here, there = self.spectra(start, max(int((stop - start) / HOP_SECONDS + 1e-6) + 1, 1))
        expected = there * room
        own, other = np.square(np.abs(here)), np.square(np.abs(expected))
        ratio = (2 * np.real(here * np.conj(expected)) - other) / ((own + other) / 2 + hiss)
        nats = np.asarray(INDEPENDENT_SHARE * ratio.sum(axis=1), np.float64)
        sounding = own.sum(axis=1) > INSTEAD_RATIO * other.sum(axis=1)
        instead = sounding & (likeness(here, expected) < UNLIKE_COHERENCE)
        return Balance(nats, HOP_SECONDS, 0.5, instead, usual >= WELL_COHERENCE)


def transfer(here: Array, there: Array) -> Array:
    """The transfer function between spectra ``(frames, bins)``, each frame weighing alike (H1)."""
    weight = 1 / (np.square(np.abs(here)).sum(axis=1, keepdims=True) + 1e-9)
    cross = (here * np.conj(there) * weight).sum(axis=0)
    auto = (np.square(np.abs(there)) * weight).sum(axis=0)
    result: Array = cross / (auto + 0.01 * auto.mean() + 1e-12)
    return result


def likeness(here: Array, expected: Array) -> Array:
    """Coherence of each frame of two spectra ``(frames, bins)``, -1 to 1."""
    top = np.real(here * np.conj(expected)).sum(axis=1)
    own, other = (np.square(np.abs(x)).sum(axis=1) for x in (here, expected))
    return np.asarray(top / np.sqrt(own * other + 1e-12), np.float32)
