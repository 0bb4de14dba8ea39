"""Takes of the v2 method, peeled off one after the other, strongest first.

The line that explains most takes the seconds in which it holds; the next line may only
have what is left. A pause within one line does not end a take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.align.shared.takes import Take, genuine, joined, snapped
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.signal import Array, best_run, moving_mean
from pipeline.align.v2.onset_bits import FRAMES_PER_SECOND
from pipeline.align.v2.search import SECOND_FRAMES, along, by_second

SHORTEST_SECONDS = 3
"""Seconds of a take."""
HOLDS_SHARE = 0.25
"""Share of its usual evidence that a line needs to hold."""
MIN_SIGMAS = 5.5
"""Evidence of a take in deviations of chance."""
LEAST_SIGMAS = 0.5
"""Evidence of a second that a line needs at least to hold, however little is usual on it."""
BEATEN_SHARE = 0.75
"""Share of the best line's evidence below which another line does not hold."""
MOST_LEVELS = 8
"""One second counts no more than so many times what a line needs to hold."""
EDGE_SHARE = 0.4
"""Share of its usual evidence that a frame has at least where a line holds."""


@dataclass(frozen=True, eq=False)
class EvidenceLine:
    """A line in frames of bits, with what speaks for it."""

    line: Line
    height: float
    """Phase correlation in deviations of chance; 0 when waveforms do not match."""
    values: Array
    """Agreement of each frame."""
    seconds: Array


@dataclass(frozen=True, eq=False)
class BitTake(Take):
    """A take of bits."""

    said: EvidenceLine
    """Its line with what speaks for it."""


def evidence_line(pair: FramedPair, line: Line, height: float) -> EvidenceLine:
    """A line with its evidence."""
    values = along(pair, line)
    return EvidenceLine(line, height, values, by_second(values))


def whole_take(pair: FramedPair, line: EvidenceLine, strength: float) -> BitTake:
    """All of a line as one take."""
    start, stop = pair.overlap(line.line)
    return BitTake(line.line, start, min(stop, pair.dance_frames.count - 1), strength, line)


def usual(line: EvidenceLine) -> float:
    """Evidence of a second where the line holds."""
    return float(np.sort(moving_mean(line.seconds, 3))[-6:].mean())


def held(line: EvidenceLine, free: NDArray[np.bool_], most: Array) -> tuple[int, int]:
    """From which second to before which a line holds best, in a free stretch; none are equal.

    ``most``: the best of all lines in each second; where another is clearly better, this
    one does not hold.
    """
    level = max(HOLDS_SHARE * usual(line), LEAST_SIGMAS)
    beaten = moving_mean(line.seconds, 3) < BEATEN_SHARE * most
    gains = np.where(beaten, -level, np.clip(line.seconds, -level, MOST_LEVELS * level) - level)
    # No run bridges what is not free: it would lose more there than there is to win.
    return best_run(np.where(free, gains, -1.0 - np.maximum(gains, 0.0).sum(dtype=np.float64)))


def edge(line: EvidenceLine, second: int, *, rising: bool, reach: int = 2) -> int:
    """The frame about a second at which a line's agreement sets in or ends."""
    low = max((second - reach) * SECOND_FRAMES, 0)
    high = min((second + reach) * SECOND_FRAMES, len(line.values))
    if high - low <= 1:
        return second * SECOND_FRAMES
    level = EDGE_SHARE * usual(line) / np.sqrt(FRAMES_PER_SECOND)
    balance = np.cumsum(line.values[low:high] - level)
    place = int(balance.argmin()) if rising else int(balance.argmax())
    return low + place + 1


def peel_takes(pair: FramedPair, lines: list[EvidenceLine]) -> list[BitTake]:
    """The takes in the order of the dance."""
    if not lines:
        return []
    most = np.max([moving_mean(line.seconds, 3) for line in lines], axis=0)
    free = np.ones(len(most), bool)
    takes: list[BitTake] = []
    left = list(lines)
    while len(takes) <= 3 * len(lines):
        scored = [
            (float(np.maximum(line.seconds[first:last], 0).sum()), line, first, last)
            for line in left
            for first, last in [held(line, free, most)]
            if last - first >= min(SHORTEST_SECONDS, len(free))
        ]
        if not scored:
            break
        _, line, first, last = max(scored, key=lambda item: item[0])
        evidence = float(line.seconds[first:last].sum() / np.sqrt(last - first))
        limits = edge(line, first, rising=True), edge(line, last, rising=False)
        start, stop = snapped(pair, line.line, *limits)
        stop = min(stop, pair.dance_frames.count - 1)  # the last frame reaches beyond the dance
        if evidence >= MIN_SIGMAS and stop > start:
            takes.append(BitTake(line.line, start, stop, evidence, line))
            free[first:last] = False
        else:
            left.remove(line)
    return joined(takes)


def find_takes(pair: FramedPair, lines: list[EvidenceLine]) -> list[BitTake]:
    """The takes that are no echoes of a repetitive song, in the order of the dance."""

    def agreement(one: BitTake, two: BitTake) -> float:
        part = one.said.values[two.start : two.stop]
        return float(part.mean()) if len(part) else 0.0

    return genuine(pair, peel_takes(pair, lines), agreement)
