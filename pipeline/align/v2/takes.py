"""Takes of the v2 method, peeled off one after the other, strongest first.

The line that explains most takes the seconds in which it holds; the next line may only
have what is left. A pause within one line does not end a take.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.align.shared.echoes import SNAP_SECONDS, RoughTake, without_echoes
from pipeline.align.shared.feature_frames import FeatureFrames, FramedPair
from pipeline.align.shared.signal import Array, moving_mean
from pipeline.align.v2.onset_bits import FRAMES_PER_SECOND
from pipeline.align.v2.search import along, by_second

SHORTEST_SECONDS = 3
"""Seconds of a take."""
HOLDS_SHARE = 0.25
"""Share of its usual evidence that a line needs to hold."""
ALIKE_SHARE = 0.25
"""Share of its usual evidence that a repeat's line has where another take is."""
MIN_SIGMAS = 5.5
"""Evidence of a take in deviations of chance."""


@dataclass(frozen=True, eq=False)
class EvidenceLine:
    """A line in frames of bits, with what speaks for it."""

    lag: float
    drift: float
    height: float
    """Phase correlation in deviations of chance; 0 when waveforms do not match."""
    values: Array
    """Agreement of each frame."""
    seconds: Array

    def limits(self, dance: FeatureFrames, reference: FeatureFrames) -> tuple[float, float]:
        """The seconds of the dance (on the reference's clock) that lie in the reference."""
        low = -self.lag / (1 + self.drift) / FRAMES_PER_SECOND
        high = (reference.count - 1 - self.lag) / (1 + self.drift) / FRAMES_PER_SECOND
        return max(low, 0.0), min(high, (dance.count - 1) / FRAMES_PER_SECOND)


@dataclass(frozen=True, eq=False)
class Take:
    """A take: its line, limits (seconds on the reference's clock) and evidence."""

    line: EvidenceLine
    start: float
    stop: float
    score: float


def evidence_line(
    dance: FeatureFrames, reference: FeatureFrames, lag: float, drift: float, height: float
) -> EvidenceLine:
    """A line with its evidence."""
    values = along(dance, reference, lag, drift)
    return EvidenceLine(lag, drift, height, values, by_second(values))


def usual(line: EvidenceLine) -> float:
    """Evidence of a second where the line holds."""
    return float(np.sort(moving_mean(line.seconds, 3))[-6:].mean())


def held(
    line: EvidenceLine, free: np.ndarray[tuple[int], np.dtype[np.bool_]], most: Array
) -> tuple[int, int] | None:
    """First and last second in which a line holds, within its longest free stretch.

    ``most``: the best of all lines in each second; where another is clearly better, this
    one does not hold.
    """
    level = max(HOLDS_SHARE * usual(line), 0.5)
    beaten = moving_mean(line.seconds, 3) < 0.75 * most
    gains = np.where(beaten, -level, np.clip(line.seconds, -level, 8 * level) - level)
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


def edge(line: EvidenceLine, second: int, *, rising: bool, reach: int = 2) -> float:
    """The time about a second at which a line's agreement sets in or ends."""
    low = max(int((second - reach) * FRAMES_PER_SECOND), 0)
    high = min(int((second + reach) * FRAMES_PER_SECOND), len(line.values))
    if high - low <= 1:
        return float(second)
    level = 0.4 * usual(line) / np.sqrt(FRAMES_PER_SECOND)
    balance = np.cumsum(line.values[low:high] - level)
    place = int(balance.argmin()) if rising else int(balance.argmax())
    return (low + place + 1) / FRAMES_PER_SECOND


def peel_takes(
    dance: FeatureFrames, reference: FeatureFrames, lines: list[EvidenceLine]
) -> list[Take]:
    """The takes in the order of the dance."""
    free = np.ones(len(by_second(np.zeros(dance.count, np.float32))), bool)
    takes: list[Take] = []
    left = list(lines)
    most = np.max([moving_mean(line.seconds, 3) for line in lines], axis=0) if lines else free
    while left:
        spans_of = [(line, held(line, free, most)) for line in left]
        scored = [
            (float(np.maximum(line.seconds[span[0] : span[1]], 0).sum()), line, span)
            for line, span in spans_of
            if span is not None and span[1] - span[0] >= min(SHORTEST_SECONDS, len(free))
        ]
        if not scored:
            break
        _, line, (first, last) = max(scored, key=lambda item: item[0])
        evidence = float(line.seconds[first:last].sum() / np.sqrt(last - first))
        low, high = line.limits(dance, reference)
        start = edge(line, first, rising=True)
        stop = edge(line, last, rising=False)
        start = low if start - low < SNAP_SECONDS else start
        stop = high if high - stop < SNAP_SECONDS else stop
        if evidence >= MIN_SIGMAS and stop > start:
            takes.append(Take(line, start, stop, evidence))
            free[first:last] = False
            left = [p for p in left if p is not line or free.sum() > SHORTEST_SECONDS]
            if len(takes) > 3 * len(lines):
                break
        else:
            left = [p for p in left if p is not line]
    return merged(sorted(takes, key=lambda take: take.start))


def merged(takes: list[Take]) -> list[Take]:
    """Takes with neighbouring ones of one line as one."""
    result: list[Take] = []
    for take in takes:
        if result and result[-1].line is take.line:
            old = result.pop()
            score = float(np.hypot(old.score, take.score))
            result.append(Take(old.line, old.start, max(old.stop, take.stop), score))
        else:
            result.append(take)
    return result


def genuine(pair: FramedPair, takes: list[Take]) -> list[Take]:
    """The takes that are no echoes of a repetitive song, in the order of the dance."""

    def evidence(one: Take, two: Take) -> float:
        """Mean agreement of a take's line where another take is."""
        span = (max(round(t * FRAMES_PER_SECOND), 0) for t in (two.start, two.stop))
        part = one.line.values[slice(*span)]
        return float(part.mean()) if len(part) else 0.0

    def alike(index: int, other: int) -> bool:
        one, two = takes[index], takes[other]
        return max(evidence(one, two), evidence(two, one)) > ALIKE_SHARE * evidence(one, one)

    rough = []
    for take in takes:
        limits = take.line.limits(pair.dance_frames, pair.reference_frames)
        start, stop, low, high = (t / pair.speed for t in (take.start, take.stop, *limits))
        own = evidence(take, take)
        rough.append(RoughTake(start, stop, low, high, take.score, own))
    return [takes[index] for index in without_echoes(pair.dance, rough, alike)]
