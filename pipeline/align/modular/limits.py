"""The evidence for a take's limits: the dance compared with the reference through the room.

With the line known, the dance is compared with the reference through the room response (a
transfer function estimated inside the take), in frames of an eighth of a second. Each frame
says how much likelier its sound is if the music plays than if it does not: the log ratio of
two Gaussian likelihoods (the matched filter; Kay, "Fundamentals of Statistical Signal
Processing: Detection Theory", 1998, chapter 4). Where the reference is silent or far below the
noise, that is nothing, and where it should be present and is not, it speaks against. Where the
limit then lies is ``sounds/change_point``.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.sounds import change_point
from pipeline.align.sounds.change_point import Balance, Look
from pipeline.align.sounds.pair import Pair, transfer
from pipeline.align.sounds.signal import Array, Complex, frame_size, short_time
from pipeline.model import Segment

FRAME_SECONDS, HOP_SECONDS = 0.128, 0.016
"""Length of a frame, and between two."""
LOW_HZ, HIGH_HZ = 150, 3400
"""Lowest and highest frequency that is compared."""
INSIDE_SECONDS = 8.0
"""Seconds inside the take that tell its usual coherence."""
MIN_COHERENCE, WELL_COHERENCE = 0.06, 0.25
"""Usual coherence below which limits cannot be told this way, and below which the room is known
too badly to say that a limit is sharp."""
DISTINCT_BIN_SHARE = 0.12
"""The share of a frame's bins that tell something of their own: frames lie over each other
eight times, windowed bins half of it."""
INSTEAD_RATIO, UNLIKE_COHERENCE = 0.1, 0.25
"""A frame in which other sound plays instead of the music: power relative to what is expected from
which there is sound, and coherence up to which it is another."""


def spectra(
    pair: Pair, start: float, count: int, step: float = HOP_SECONDS
) -> tuple[Complex, Complex]:
    """Short-time spectra of both sounds, ``(frames, bins)``, frames centred from ``start`` on."""
    rate = pair.rate
    size, hop = frame_size(rate, FRAME_SECONDS), round(step * rate)
    first, length = round(start * rate) - size // 2, size + hop * (count - 1)
    low, high = (int(hertz * size / rate) for hertz in (LOW_HZ, min(HIGH_HZ, 0.45 * rate)))
    here, there = (short_time(sound, size, hop) for sound in pair.read(first, length))
    return here[:, low:high], there[:, low:high]


def limited(
    pair: Pair, segment: Segment, free: tuple[float, float] = change_point.EVERYWHERE
) -> tuple[Segment, frozenset[float]]:
    """A segment of matching waveforms with its limits placed by likelihood, and the sharp ones; see
    ``find_limits``."""
    return change_point.find_limits(learn, pair, segment, INSIDE_SECONDS, free)


def learn(pair: Pair, rough: float, into: float) -> Look:
    """How much likelier each frame near a limit is with the music than without, after learning the
    room inside of it."""
    inside, step = abs(into), 2 * HOP_SECONDS
    # Not where the rough limit may be off: silence would be taken for the music's room.
    away = np.sign(into) * max(inside / 2, inside - change_point.AROUND_SECONDS)
    start, stop = sorted((rough + into, rough + into - away))
    here, there = spectra(pair, start, max(int((stop - start) / step), 1), step)
    room = transfer(here, there)
    hiss = np.median(np.square(np.abs(here - there * room)), axis=0) + 1e-12
    usual = float(np.median(likeness(here, there * room)))

    def look(low: float, high: float) -> Balance | None:
        if usual < MIN_COHERENCE:
            return None
        here, there = spectra(pair, low, max(int((high - low) / HOP_SECONDS + 1e-6) + 1, 1))
        expected = there * room
        own, other = np.square(np.abs(here)), np.square(np.abs(expected))
        # A bin's noise is at least the usual one, and else what is there: a clap says little.
        noise = (own + other) / 2 + np.asarray(hiss, np.float32)
        ratio = (2 * np.real(here * np.conj(expected)) - other) / noise
        nats = np.asarray(DISTINCT_BIN_SHARE * ratio.sum(axis=1), np.float64)
        sounding = own.sum(axis=1) > INSTEAD_RATIO * other.sum(axis=1)
        instead = sounding & (likeness(here, expected) < UNLIKE_COHERENCE)
        return Balance(nats, HOP_SECONDS, 0.5, instead, usual >= WELL_COHERENCE)

    return look


def likeness(here: Complex, expected: Complex) -> Array:
    """Coherence of each frame of two spectra ``(frames, bins)``, -1 to 1."""
    top = np.real(here * np.conj(expected)).sum(axis=1)
    own, other = (np.square(np.abs(x)).sum(axis=1) for x in (here, expected))
    return np.asarray(top / np.sqrt(own * other + 1e-12), np.float32)
