"""Which line holds when: the takes of one dance.

Each second of the dance belongs to one of the lines or to none; the best sequence is
found by dynamic programming with a price on every change (Viterbi, 1967). The limits are
then placed to the frame where the evidence turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.align.modular_features import Features
from pipeline.align.modular_follow import SECOND, Line, by_seconds, evidence, fit, line_of
from pipeline.align.modular_search import Peak
from pipeline.align.signal import Array

CHANGE = 8.0
"""Price of a change between lines, in nats."""
SHARE = 0.4
"""The share of a line's usual evidence below which a second speaks against it."""
SHORTEST = 250
"""Frames: shorter takes are left out."""
NEAR = 12.0
"""Frames: a peak this near to a line is that line."""
SNAP = 150
"""Frames: a limit this near to an end of either file lies at that end."""


@dataclass(frozen=True)
class Take:
    """A stretch of the dance, in frames, with its line and its evidence."""

    line: Line
    start: int
    stop: int
    strength: float
    """Evidence of the whole take in standard deviations of chance."""


@dataclass(frozen=True)
class Track:
    """A line with its evidence, frame by frame and second by second."""

    line: Line
    values: Array
    deviation: Array
    seconds: Array

    @property
    def usual(self) -> float:
        """The evidence of a second where the line holds: the mean of the best eight."""
        width = min(4, len(self.seconds))
        smooth = np.convolve(self.seconds, np.ones(width) / width, "valid")
        return float(np.sort(smooth)[-8:].mean())


def track(dance: Features, reference: Features, line: Line) -> Track:
    """Evidence along a line."""
    values, deviation = evidence(dance, reference, line)
    return Track(line, values, deviation, by_seconds(values, deviation))


def tracks_of(
    dance: Features, reference: Features, peaks: list[Peak], *, most: int
) -> list[Track]:
    """Lines through the peaks that win in their windows, each followed through the dance."""
    lines: list[Track] = []
    for peak in peaks:
        if peak.score < 5.0 or peak.score < 0.9 * peak.next_score:
            continue
        first = line_of(peak)
        where = first.at(peak.middle)
        if any(abs(known.line.at(peak.middle) - where) < NEAR for known in lines):
            continue
        line = fit(dance, reference, first, peak.middle)
        if any(abs(known.line.at(peak.middle) - line.at(peak.middle)) < NEAR for known in lines):
            continue
        lines.append(track(dance, reference, line))
        if len(lines) == most:
            break
    return lines


def best_sequence(gains: Array) -> list[int]:
    """The state of each second, ``gains`` being ``(states, seconds)``."""
    states, count = gains.shape
    score = gains[:, 0].astype(np.float64)
    back = np.zeros((count, states), np.int64)
    for second in range(1, count):
        top = int(score.argmax())
        change = score[top] - CHANGE
        back[second] = np.where(score >= change, np.arange(states), top)
        score = np.maximum(score, change) + gains[:, second]
    path = [int(score.argmax())]
    for second in range(count - 1, 0, -1):
        path.append(int(back[second, path[-1]]))
    return path[::-1]


def gain(known: Track, scale: float) -> Array:
    """What each second says for a line, in nats."""
    relative = np.clip(known.seconds / scale, -0.5, 2.0) - SHARE
    result: Array = np.float32(min(scale * scale, 4.0)) * relative.astype(np.float32)
    return result


def sharpen(known: Track, near: int, low: int, high: int, *, rising: bool) -> int:
    """The frame between ``low`` and ``high`` where the evidence turns, about ``near``."""
    if high - low < 2:
        return near
    level = known.usual * known.deviation[low:high] / np.sqrt(SECOND)
    balance = np.cumsum(known.values[low:high] - SHARE * level)
    place = int(balance.argmin()) if rising else int(balance.argmax())
    return low + place + 1


def find_takes(dance: Features, reference: Features, lines: list[Track]) -> list[Take]:
    """The takes in the order of the dance."""
    if not lines:
        return []
    scale = max(max(known.usual for known in lines), 0.5)
    gains = np.stack([np.zeros_like(lines[0].seconds), *(gain(k, scale) for k in lines)])
    path = best_sequence(gains)
    takes: list[Take] = []
    second = 0
    while second < len(path):
        end = second
        while end < len(path) and path[end] == path[second]:
            end += 1
        if path[second]:
            takes = joined(takes, placed(dance, reference, lines[path[second] - 1], second, end))
        second = end
    return [take for take in takes if take.stop - take.start >= min(SHORTEST, dance.count // 2)]


def placed(
    dance: Features, reference: Features, known: Track, second: int, end: int
) -> Take:
    """The take of seconds ``second`` to ``end``, with exact limits."""
    first, last = known.line.overlap(dance, reference)
    start, stop = second * SECOND, min(end * SECOND, dance.count)
    middle = (start + stop) // 2
    low, high = max(start - 2 * SECOND, first), min(start + 2 * SECOND, middle)
    start = sharpen(known, max(start, first), low, high, rising=True)
    low, high = max(stop - 2 * SECOND, middle), min(stop + 2 * SECOND, last)
    stop = sharpen(known, min(stop, last), low, high, rising=False)
    start = first if start - first < SNAP else start
    stop = last if last - stop < SNAP else stop
    part = slice(start, stop)
    power = float(np.square(known.deviation[part]).sum())
    strength = float(known.values[part].sum()) / (np.sqrt(power) + 1e-3)
    return Take(known.line, start, stop, strength)


def joined(takes: list[Take], new: Take) -> list[Take]:
    """Takes with a new one added; a pause within one line is no end of the take."""
    if takes and takes[-1].line == new.line:
        old = takes[-1]
        strength = float(np.hypot(old.strength, new.strength))
        return [*takes[:-1], Take(old.line, old.start, new.stop, strength)]
    return [*takes, new]
