"""Takes of the v2 method, peeled off one after the other, strongest first.

The line that explains most takes the seconds in which it holds; the next line may only
have what is left. A pause within one line does not end a take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.align.shared.signal import Array
from pipeline.align.v2.onset_bits import PER_SECOND, Bits
from pipeline.align.v2.search import along, by_second

SHORTEST = 3
"""Seconds of a take."""
HOLDS = 0.25
"""Share of its usual evidence that a line needs to hold."""
SNAP = 1.5
"""Seconds: a limit this near to an end of either file lies at that end."""
LEAST = 5.5
"""Evidence of a take in deviations of chance."""


@dataclass(frozen=True)
class Path:
    """A line in frames of bits, with what speaks for it."""

    lag: float
    drift: float
    height: float
    """Phase correlation in deviations of chance; 0 when waveforms do not match."""
    values: Array
    """Agreement of each frame."""
    seconds: Array

    def limits(self, dance: Bits, reference: Bits) -> tuple[float, float]:
        """The seconds of the dance (on the reference's clock) that lie in the reference."""
        low = -self.lag / (1 + self.drift) / PER_SECOND
        high = (reference.count - 1 - self.lag) / (1 + self.drift) / PER_SECOND
        return max(low, 0.0), min(high, (dance.count - 1) / PER_SECOND)


@dataclass(frozen=True)
class Piece:
    """A take: its path, limits (seconds on the reference's clock) and evidence."""

    path: Path
    start: float
    stop: float
    score: float


def path_of(dance: Bits, reference: Bits, lag: float, drift: float, height: float) -> Path:
    """A path with its evidence."""
    values = along(dance, reference, lag, drift)
    return Path(lag, drift, height, values, by_second(values))


def smooth(seconds: Array, width: int = 3) -> Array:
    """The mean over ``width`` seconds, shorter at the ends."""
    ones = np.ones(width)
    sums = np.convolve(seconds, ones, "same")[: len(seconds)]
    counts = np.convolve(np.ones(len(seconds)), ones, "same")[: len(seconds)]
    return (sums / counts).astype(np.float32)


def usual(path: Path) -> float:
    """Evidence of a second where the path holds."""
    return float(np.sort(smooth(path.seconds))[-6:].mean())


def held(
    path: Path, free: np.ndarray[tuple[int], np.dtype[np.bool_]], most: Array
) -> tuple[int, int] | None:
    """First and last second in which a path holds, within its longest free stretch.

    ``most``: the best of all paths in each second; where another is clearly better, this
    one does not hold.
    """
    level = max(HOLDS * usual(path), 0.5)
    beaten = smooth(path.seconds) < 0.75 * most
    gains = np.where(beaten, -level, np.clip(path.seconds, -level, 8 * level) - level)
    gains = np.where(free, gains, -np.inf)
    best, total, first = 0.0, 0.0, 0
    found: tuple[int, int] | None = None
    for second, gain in enumerate(gains):
        if total <= 0 or not np.isfinite(gain):
            total, first = 0.0, second
        if not np.isfinite(gain):
            continue
        total += float(gain)
        if total > best:
            best, found = total, (first, second + 1)
    return found


def edge(path: Path, second: int, *, rising: bool, reach: int = 2) -> float:
    """The time about a second at which a path's agreement sets in or ends."""
    low = max(int((second - reach) * PER_SECOND), 0)
    high = min(int((second + reach) * PER_SECOND), len(path.values))
    if high - low < 2:
        return float(second)
    level = 0.4 * usual(path) / np.sqrt(PER_SECOND)
    balance = np.cumsum(path.values[low:high] - level)
    place = int(balance.argmin()) if rising else int(balance.argmax())
    return (low + place + 1) / PER_SECOND


def peel(dance: Bits, reference: Bits, paths: list[Path]) -> list[Piece]:
    """The takes in the order of the dance."""
    free = np.ones(len(by_second(np.zeros(dance.count, np.float32))), bool)
    pieces: list[Piece] = []
    left = list(paths)
    most = np.max([smooth(path.seconds) for path in paths], axis=0) if paths else free
    while left:
        spans_of = [(path, held(path, free, most)) for path in left]
        scored = [
            (float(np.maximum(path.seconds[span[0] : span[1]], 0).sum()), path, span)
            for path, span in spans_of
            if span is not None and span[1] - span[0] >= min(SHORTEST, len(free))
        ]
        if not scored:
            break
        _, path, (first, last) = max(scored, key=lambda item: item[0])
        evidence = float(path.seconds[first:last].sum() / np.sqrt(last - first))
        low, high = path.limits(dance, reference)
        start = edge(path, first, rising=True)
        stop = edge(path, last, rising=False)
        start = low if start - low < SNAP else start
        stop = high if high - stop < SNAP else stop
        if evidence >= LEAST and stop > start:
            pieces.append(Piece(path, start, stop, evidence))
            free[first:last] = False
            left = [p for p in left if p is not path or free.sum() > SHORTEST]
            if len(pieces) > 3 * len(paths):
                break
        else:
            left = [p for p in left if p is not path]
    return merged(sorted(pieces, key=lambda piece: piece.start))


def merged(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring pieces of one path as one, and no two pieces over each other."""
    result: list[Piece] = []
    for piece in pieces:
        if result and result[-1].path is piece.path:
            old = result.pop()
            score = float(np.hypot(old.score, piece.score))
            result.append(Piece(old.path, old.start, max(old.stop, piece.stop), score))
        elif result and result[-1].stop > piece.start:
            old = result.pop()
            middle = (old.stop + piece.start) / 2
            result.append(Piece(old.path, old.start, middle, old.score))
            result.append(Piece(piece.path, middle, piece.stop, piece.score))
        else:
            result.append(piece)
    return result
