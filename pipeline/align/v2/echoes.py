"""Pieces of the v2 method that are only echoes of a repetitive song, found and left out.

Where the reference lacks a part of what was danced to, that part may fit another place
that sounds the same. The music then goes on without a pause between the pieces, and the
piece is weak or lies beyond an end of the reference; a new take starts after a pause.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.align.shared.signal import Array, spans
from pipeline.align.v2.onset_bits import PER_SECOND, Bits
from pipeline.align.v2.takes import SNAP, Piece
from pipeline.model import Sound

PAUSE_DB = 10.0
"""A drop of the level that ends the music."""
GAP = 0.5
"""Seconds without evidence that make a pause."""
STEP = 0.05
SHORT = 0.6
ALIKE = 0.25
CERTAIN, CLEARED = 6.0, 1.0
"""Seconds of a piece from which it can be said to explain all, and of a stretch without music
between two pieces that rough limits do not make up."""


def levels(dance: Sound) -> Array:
    """Level in decibels every 50 ms, each over a quarter of a second."""
    size = max(int(dance.rate * STEP), 1)
    parts = []
    for start, stop in spans(dance.frames, size * 2000):
        samples = np.square(dance.read(start, stop))
        whole = samples[: len(samples) // size * size].reshape(-1, size)
        parts.append(whole.mean(axis=1))
    power = np.concatenate(parts) if parts else np.zeros(1, np.float32)
    smooth = np.convolve(power, np.ones(5) / 5, "same")
    return np.asarray(10 * np.log10(smooth + 1e-12), np.float32)


def paused(level: Array, one: Piece, two: Piece, speed: float) -> bool:
    """Whether the level drops for a moment between two pieces."""
    first, second = sorted((one, two), key=lambda piece: piece.start)
    if second.start - first.stop < GAP:
        return False
    low, high = (first.stop - 0.5) / speed / STEP, (second.start + 0.5) / speed / STEP
    part = level[max(int(low), 0) : max(int(high), 0)]
    usual = float(np.median(level[int(one.start / speed / STEP) : int(one.stop / speed / STEP)]))
    return bool(len(part) and part.min() < usual - PAUSE_DB)


def apart(one: Piece, two: Piece) -> float:
    """Seconds of the reference's clock between two pieces."""
    return max(one.start, two.start) - min(one.stop, two.stop)


def evidence(piece: Piece, start: float, stop: float) -> float:
    """Mean agreement of a piece's path between two times on the reference's clock."""
    part = piece.path.values[max(round(start * PER_SECOND), 0) : max(round(stop * PER_SECOND), 0)]
    return float(part.mean()) if len(part) else 0.0


def genuine(
    dance: Sound,
    heard: Bits,
    listening: Bits,
    pieces: list[Piece],
    clean: Sequence[Piece] = (),
) -> list[Piece]:
    """The pieces without echoes, in the order of the dance.

    The strongest piece is no echo, but ``clean`` ones, which explain all of the reference,
    come first. A clean one with a stretch before and after it that no piece explains is no
    echo either: in a noisy room the level tells no pause.
    """
    if len(pieces) < 2:
        return pieces
    level = levels(dance)
    kept: list[Piece] = []
    sure = {id(piece) for piece in clean}
    for piece in sorted(pieces, key=lambda p: (id(p) not in sure, -p.score)):
        middle = (piece.start + piece.stop) / 2
        own = evidence(piece, piece.start, piece.stop)
        echo = False
        whole = id(piece) in sure and piece.stop - piece.start >= CERTAIN
        for other in kept:
            if whole and apart(piece, other) >= CLEARED:
                continue
            low, high = other.path.limits(heard, listening)
            beyond = (middle < low and other.start - low < SNAP) or (
                middle > high and high - other.stop < SNAP
            )
            short = piece.stop - piece.start < SHORT * (other.stop - other.start)
            short = short or own < SHORT * evidence(other, other.start, other.stop)
            alike = evidence(piece, other.start, other.stop) > ALIKE * own
            back = evidence(other, piece.start, piece.stop) > ALIKE * own
            suspicious = beyond or (short and (alike or back))
            echo = echo or (suspicious and not paused(level, piece, other, heard.speed))
        if not echo:
            kept.append(piece)
    return sorted(kept, key=lambda piece: piece.start)
