"""What the takes found so far leave unexplained, and whether another speed explains it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.align.modular.features import PER_SECOND, Features
from pipeline.align.shared.signal import Part, duration
from pipeline.model import Segment, Sound

SHORTEST = 8.0
"""Seconds of a stretch that is worth a search."""
QUIETER = 15.0
"""Decibels below the takes' level at which there is no music."""
ENOUGH = 0.6
"""Share of the sounding dance that takes at one speed should explain."""
NEAR_END = 1.6
"""Seconds: a take that ends this near to an end of the reference ends because of it."""
SAME_SPEED = 0.004
PAUSE_DB, LOWER_DB = 10.0, 2.0
"""How far the level drops in a pause, and how much lower it is there in the median."""
SEAM, PAUSE = 0.3, 0.5
"""Seconds within which one take goes on in the reference where another ended, and of a pause at
least."""
STEPS = 1.0
"""Seconds of the reference: neighbours less apart than this are one take at a wrong speed."""


def unexplained(
    dance: Sound, reference: Sound, heard: Features, segments: Sequence[Segment]
) -> list[tuple[float, float]]:
    """Stretches of the dance (s) with sound, but without a take.

    Not those in which the song merely goes on beyond an end of the reference.
    """
    per_second = PER_SECOND * heard.speed
    ordered = sorted(segments, key=lambda s: s.dance_start)
    edges = [0.0, *(t for s in ordered for t in (s.dance_start, s.dance_end)), duration(dance)]
    loud = [
        heard.level[int(s.dance_start * per_second) : int(s.dance_end * per_second)]
        for s in ordered
    ]
    usual = float(np.median(np.concatenate(loud))) if loud else float(np.median(heard.level))
    result = []
    for index in range(0, len(edges), 2):
        low, high = edges[index], edges[index + 1]
        if high - low < SHORTEST:
            continue
        level = heard.level[int(low * per_second) : int(high * per_second)]
        if np.mean(level > usual - QUIETER) < 0.5:
            continue
        before = ordered[index // 2 - 1] if index else None
        after = ordered[index // 2] if index // 2 < len(ordered) else None
        if before and at_reference_end(before, reference) and not after:
            continue
        if after and at_reference_start(after) and not before:
            continue
        result.append((low, high))
    return result


def at_reference_end(segment: Segment, reference: Sound) -> bool:
    """Whether a take runs to the reference's end."""
    place = segment.speed * segment.dance_end + segment.offset
    return place > duration(reference) - NEAR_END


def at_reference_start(segment: Segment) -> bool:
    """Whether a take begins with the reference's start."""
    return segment.speed * segment.dance_start + segment.offset < NEAR_END


def covered(segments: Sequence[Segment], rest: Sequence[tuple[float, float]]) -> float:
    """The share of what sounds that the takes explain."""
    explained = sum(s.dance_end - s.dance_start for s in segments)
    left = sum(high - low for low, high in rest)
    return explained / max(explained + left, 1e-6)


def stepping(segments: Sequence[Segment]) -> bool:
    """Whether neighbouring takes creep in steps: one take whose speed is not the assumed one."""
    ordered = sorted(segments, key=lambda s: s.dance_start)
    for one, two in itertools.pairwise(ordered):
        apart = abs((one.speed - two.speed) * two.dance_start + one.offset - two.offset)
        if two.dance_start - one.dance_end < 1.0 and apart < STEPS:
            return True
    return False


def part_of(dance: Sound, low: float, high: float) -> Part:
    """A stretch of the dance."""
    first = round(low * dance.rate)
    return Part(dance, first, round(high * dance.rate) - first)


def moved(segment: Segment, by: float) -> Segment:
    """A segment of a part that starts at ``by`` seconds, as one of the whole."""
    return replace(
        segment,
        dance_start=segment.dance_start + by,
        dance_end=segment.dance_end + by,
        offset=segment.offset - segment.speed * by,
    )


def new_take(heard: Features, segment: Segment, known: Sequence[Segment]) -> bool:
    """Whether a segment found in the rest is a take: it has a speed of its own, or a pause
    before or after it. Else the song goes on where the reference was cut, and only sounds
    like another place."""
    if all(abs(segment.speed / other.speed - 1) > SAME_SPEED for other in known):
        return True
    per_second = PER_SECOND * heard.speed
    level = np.convolve(heard.level, np.ones(25) / 25, "same")
    low, high = (int(t * per_second) for t in (segment.dance_start, segment.dance_end))
    usual = float(np.median(level[low:high])) if high > low else 0.0
    reach = int(0.6 * per_second)
    for edge in (low, high):
        near = level[max(edge - reach, 0) : edge + reach]
        if len(near) and reach < edge < len(level) - reach and near.min() < usual - PAUSE_DB:
            return True
    return False


def unbridged(heard: Features, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Segments without those that fill what the reference lacks.

    Where one take ends in the reference just where a later one begins, nothing of the
    reference is left for what lies between them: a stretch was cut from the reference there, and
    what is found for it only resembles it. Where that is a loop, the resemblance itself may end at
    the cut, so that only a pause on either side tells a take of its own.
    """
    ordered = sorted(segments, key=lambda s: s.dance_start)
    filling: set[Segment] = set()
    for index, before in enumerate(ordered):
        for far in range(index + 2, len(ordered)):
            after = ordered[far]
            if abs(start_of(after) - reference_time(before, before.dance_end)) < SEAM:
                group = ordered[index : far + 1]
                pauses = [quiet(heard, one, two) for one, two in itertools.pairwise(group)]
                beside = zip(group[1:-1], pauses, pauses[1:], strict=False)
                filling |= {s for s, *both in beside if not all(both)}
    return tuple(s for s in ordered if s not in filling)


def quiet(heard: Features, before: Segment, after: Segment) -> bool:
    """Whether the level between two segments is that of a pause: it drops for a moment, and is
    lower on the whole, talk or not; a soft moment of music that runs on is none."""
    per_second = PER_SECOND * heard.speed
    ends = (before.dance_start, before.dance_end, after.dance_start, after.dance_end)
    first, stop, start, last = (round(t * per_second) for t in ends)
    if start - stop < PAUSE * per_second:
        return False
    level = np.convolve(heard.level[stop:start], np.ones(25) / 25, "valid")
    usual = np.median(np.concatenate([heard.level[first:stop], heard.level[start:last]]))
    return bool(level.min() < usual - PAUSE_DB and np.median(level) < usual - LOWER_DB)


def reference_time(segment: Segment, time: float) -> float:
    """Where in the reference a segment's line is at a dance time (s)."""
    return segment.speed * time + segment.offset


def start_of(segment: Segment) -> float:
    """Where in the reference a segment begins (s)."""
    return reference_time(segment, segment.dance_start)


def apart(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Segments in order, none over another: what two claim is shared in the middle."""
    result: list[Segment] = []
    for segment in sorted(segments, key=lambda s: s.dance_start):
        if result and result[-1].dance_end > segment.dance_start:
            last = result[-1]
            middle = (last.dance_end + segment.dance_start) / 2
            if middle - last.dance_start < 0.5 or segment.dance_end - middle < 0.5:
                continue
            result[-1] = replace(last, dance_end=middle)
            result.append(replace(segment, dance_start=middle))
        else:
            result.append(segment)
    return tuple(result)
