"""Which line holds when: the takes of one dance.

Each second of the dance belongs to one of the lines or to none; the best sequence is
found by dynamic programming with a price on every change (Viterbi, 1967). The limits are
then placed to the frame where the evidence turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import numpy as np

from pipeline.align.modular.fit import SECOND_FRAMES, by_seconds, evidence, fit, line_of, strength
from pipeline.align.modular.search import Peak
from pipeline.align.shared.takes import Take, joined, snapped
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.signal import Array

MIN_PEAK_SIGMAS, BEST_SHARE = 5.0, 0.9
"""Score of a peak that is followed, and its least share of its best rival's."""
MAX_LINES = 12
"""Lines that are followed."""
CHANGE_NATS = 8.0
"""Price of a change between lines, in nats."""
HOLDS_SHARE = 0.3
"""The share of a line's usual evidence below which a second speaks against it."""
WORST_SHARE, MOST_SHARE = -0.5, 1.5
"""One second counts no less and no more than these shares of a line's usual evidence."""
LEAST_SIGMAS, MOST_NATS = 0.5, 4.0
"""The least evidence of a second that is usual on a line, and what a second can say at most."""
TOGETHER_SHARE = 0.5
"""Share of the best line's evidence from which another holds together with it."""
SHORTEST_FRAMES = 250
"""Frames: shorter takes are left out."""
NEAR_FRAMES = 12.0
"""Frames: a peak this near to a line is that line."""


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


def track(pair: FramedPair, line: Line) -> Track:
    """Evidence along a line."""
    values, deviation = evidence(pair, line)
    return Track(line, values, deviation, by_seconds(values, deviation))


def tracks_of(pair: FramedPair, peaks: list[Peak]) -> list[Track]:
    """Lines through the peaks that win in their windows, each followed through the dance."""
    lines: list[Track] = []

    def is_new(line: Line, middle: float) -> bool:
        return all(abs(x.line.at(middle) - line.at(middle)) >= NEAR_FRAMES for x in lines)

    for peak in peaks:
        clear = peak.score >= max(MIN_PEAK_SIGMAS, BEST_SHARE * peak.next_score)
        if len(lines) < MAX_LINES and clear and is_new(line_of(peak), peak.middle):
            line = fit(pair, line_of(peak), peak.middle)
            lines += [track(pair, line)] if is_new(line, peak.middle) else []
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
    # Not "same", which gives three values for a dance of one or two seconds.
    smooth = np.stack([np.convolve(row, np.ones(3) / 3)[1:-1] for row in seconds])
    most = np.maximum(smooth.max(axis=0), 1e-3)
    scale = np.array([max(known.usual, LEAST_SIGMAS) for known in lines])[:, None]
    relative = np.clip(seconds / scale, WORST_SHARE, MOST_SHARE) - HOLDS_SHARE
    nats = np.minimum(scale * scale, MOST_NATS)
    # Lines that hold together are distinguished by their evidence alone, not by their scales.
    together = np.max(np.where(smooth > TOGETHER_SHARE * most, relative * nats, -np.inf), axis=0)
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


def find_takes(pair: FramedPair, lines: list[Track]) -> list[Take]:
    """The takes in the order of the dance, echoes of a repetitive song among them."""
    if not lines:
        return []
    takes: list[Take] = []
    second = 0
    for state, run in groupby(viterbi(gains_of(lines))):
        end = second + len(list(run))
        if state:
            takes.append(placed(pair, lines[state - 1], second, end))
        second = end
    least = min(SHORTEST_FRAMES, pair.dance_frames.count // 2)
    return [take for take in joined(takes) if take.stop - take.start >= least]


def evidence_where(pair: FramedPair, one: Take, two: Take) -> float:
    """Mean evidence of a take's line where another take is."""
    low, high = pair.overlap(one.line)
    return strength(pair, one.line, max(low, two.start), min(high, two.stop))


def placed(pair: FramedPair, known: Track, second: int, end: int) -> Take:
    """The take of seconds ``second`` to ``end``, with exact limits."""
    first, last = pair.overlap(known.line)
    start, stop = second * SECOND_FRAMES, min(end * SECOND_FRAMES, pair.dance_frames.count)
    middle = (start + stop) // 2
    low, high = max(start - 2 * SECOND_FRAMES, first), min(start + 2 * SECOND_FRAMES, middle)
    start = sharpen(known, max(start, first), low, high, rising=True)
    low, high = max(stop - 2 * SECOND_FRAMES, middle), min(stop + 2 * SECOND_FRAMES, last)
    stop = sharpen(known, min(stop, last), low, high, rising=False)
    start, stop = snapped(pair, known.line, start, stop)
    part = slice(start, stop)
    power = float(np.square(known.deviation[part]).sum())
    strength = float(known.values[part].sum()) / (np.sqrt(power) + 1e-3)
    return Take(known.line, start, stop, strength)
