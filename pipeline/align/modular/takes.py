"""Which line holds when: the takes of one dance.

Each second of the dance belongs to one of the lines or to none; the best sequence is
found by dynamic programming with a price on every change (Viterbi, 1967). The limits are
then placed to the frame where the evidence turns.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from pipeline.align.modular.features import FRAMES_PER_SECOND
from pipeline.align.modular.fit import (
    SECOND_FRAMES,
    Line,
    by_seconds,
    evidence,
    fit,
    line_of,
    strength,
)
from pipeline.align.modular.search import Peak
from pipeline.align.shared.echoes import SNAP_SECONDS, RoughTake, without_echoes
from pipeline.align.shared.feature_frames import FeatureFrames, FramedPair
from pipeline.align.shared.signal import Array

MIN_PEAK_SIGMAS, BEST_SHARE = 5.0, 0.9
"""Score of a peak that is followed, and its least share of its best rival's."""
CHANGE_NATS = 8.0
"""Price of a change between lines, in nats."""
HOLDS_SHARE = 0.3
"""The share of a line's usual evidence below which a second speaks against it."""
SHORTEST_FRAMES = 250
"""Frames: shorter takes are left out."""
NEAR_FRAMES = 12.0
"""Frames: a peak this near to a line is that line."""
ALIKE_SHARE = 0.25
"""Share of its usual evidence that a repeat's line has where another take is."""


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


def track(dance: FeatureFrames, reference: FeatureFrames, line: Line) -> Track:
    """Evidence along a line."""
    values, deviation = evidence(dance, reference, line)
    return Track(line, values, deviation, by_seconds(values, deviation))


def tracks_of(
    dance: FeatureFrames, reference: FeatureFrames, peaks: list[Peak], *, most: int
) -> list[Track]:
    """Lines through the peaks that win in their windows, each followed through the dance."""
    lines: list[Track] = []
    for peak in peaks:
        if peak.score < max(MIN_PEAK_SIGMAS, BEST_SHARE * peak.next_score):
            continue
        first = line_of(peak)
        where = first.at(peak.middle)
        if any(abs(known.line.at(peak.middle) - where) < NEAR_FRAMES for known in lines):
            continue
        line = fit(dance, reference, first, peak.middle)
        if any(
            abs(known.line.at(peak.middle) - line.at(peak.middle)) < NEAR_FRAMES for known in lines
        ):
            continue
        lines.append(track(dance, reference, line))
        if len(lines) == most:
            break
    return lines


def viterbi(gains: Array) -> list[int]:
    """The state of each second, ``gains`` being ``(states, seconds)``."""
    states, count = gains.shape
    score = gains[:, 0].astype(np.float64)
    back = np.zeros((count, states), np.int64)
    for second in range(1, count):
        top = int(score.argmax())
        change = score[top] - CHANGE_NATS
        back[second] = np.where(score >= change, np.arange(states), top)
        score = np.maximum(score, change) + gains[:, second]
    path = [int(score.argmax())]
    for second in range(count - 1, 0, -1):
        path.append(int(back[second, path[-1]]))
    return path[::-1]


def gains_of(lines: list[Track]) -> Array:
    """What each second says for each line and for none, in nats, ``(1 + lines, seconds)``.

    A line is measured by its own usual evidence, since one take may be recorded much better
    than another; where two lines hold at once, the weaker is held back in proportion.
    """
    seconds = np.stack([known.seconds for known in lines])
    smooth = np.stack([np.convolve(row, np.ones(3) / 3, "same") for row in seconds])
    most = np.maximum(smooth.max(axis=0), 1e-3)
    scale = np.array([max(known.usual, 0.5) for known in lines])[:, None]
    relative = np.clip(seconds / scale, -0.5, 1.5) - HOLDS_SHARE
    nats = np.minimum(scale * scale, 4.0)
    # Lines that hold together are distinguished by their evidence alone, not by their scales.
    together = np.max(np.where(smooth > 0.5 * most, relative * nats, -np.inf), axis=0)
    standing = np.clip(smooth / most, 0.0, 1.0) ** 2
    own = relative * nats
    held = np.where(own > 0, np.maximum(together, own) * standing, own)
    return np.concatenate([np.zeros((1, seconds.shape[1])), held]).astype(np.float32)


def sharpen(known: Track, near: int, low: int, high: int, *, rising: bool) -> int:
    """The frame between ``low`` and ``high`` where the evidence turns, about ``near``."""
    if high - low <= 1:
        return near
    level = known.usual * known.deviation[low:high] / np.sqrt(SECOND_FRAMES)
    balance = np.cumsum(known.values[low:high] - HOLDS_SHARE * level)
    place = int(balance.argmin()) if rising else int(balance.argmax())
    return low + place + 1


def find_takes(dance: FeatureFrames, reference: FeatureFrames, lines: list[Track]) -> list[Take]:
    """The takes in the order of the dance, echoes of a repetitive song among them."""
    if not lines:
        return []
    path = viterbi(gains_of(lines))
    takes: list[Take] = []
    second = 0
    while second < len(path):
        end = second
        while end < len(path) and path[end] == path[second]:
            end += 1
        if path[second]:
            takes = joined(takes, placed(dance, reference, lines[path[second] - 1], second, end))
        second = end
    least = min(SHORTEST_FRAMES, dance.count // 2)
    return [take for take in takes if take.stop - take.start >= least]


def genuine(pair: FramedPair, takes: list[Take], certain: Collection[Take] = ()) -> list[Take]:
    """The takes that are no echoes of a repetitive song, in the order of the dance; in ``certain``
    ones nothing of the reference is missing."""
    frames = pair.dance_frames, pair.reference_frames
    seconds = FRAMES_PER_SECOND * pair.speed

    def evidence_at(one: Take, two: Take) -> float:
        """Mean evidence of a take's line where another take is."""
        low, high = one.line.overlap(*frames)
        return strength(*frames, one.line, max(low, two.start), min(high, two.stop))

    usual = [evidence_at(take, take) for take in takes]

    def alike(index: int, other: int) -> bool:
        one, two = takes[index], takes[other]
        return max(evidence_at(one, two), evidence_at(two, one)) > ALIKE_SHARE * usual[index]

    rough = []
    for take, own in zip(takes, usual, strict=True):
        times = (take.start, take.stop, *take.line.overlap(*frames))
        start, stop, low, high = (t / seconds for t in times)
        rough.append(RoughTake(start, stop, low, high, take.strength, own, take in certain))
    return [takes[index] for index in without_echoes(pair.dance, rough, alike)]


def placed(
    dance: FeatureFrames, reference: FeatureFrames, known: Track, second: int, end: int
) -> Take:
    """The take of seconds ``second`` to ``end``, with exact limits."""
    first, last = known.line.overlap(dance, reference)
    start, stop = second * SECOND_FRAMES, min(end * SECOND_FRAMES, dance.count)
    middle = (start + stop) // 2
    low, high = max(start - 2 * SECOND_FRAMES, first), min(start + 2 * SECOND_FRAMES, middle)
    start = sharpen(known, max(start, first), low, high, rising=True)
    low, high = max(stop - 2 * SECOND_FRAMES, middle), min(stop + 2 * SECOND_FRAMES, last)
    stop = sharpen(known, min(stop, last), low, high, rising=False)
    start = first if start - first < SNAP_SECONDS * SECOND_FRAMES else start
    stop = last if last - stop < SNAP_SECONDS * SECOND_FRAMES else stop
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
