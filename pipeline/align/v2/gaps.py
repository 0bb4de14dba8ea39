"""What a v2 answer leaves open: gaps with sound that another speed may explain."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.align.shared.signal import Array, Part, duration
from pipeline.align.v2.echoes import PAUSE_DB, STEP
from pipeline.model import Segment, Sound

SHORTEST = 8.0
"""Seconds of a gap that is worth a search."""
QUIETER = 15.0
"""Decibels below the pieces' level at which there is no music."""
SOFTER_DB = 2.0
"""Decibels by which a pause, whatever is said in it, is softer than the music in the median."""
END = 1.6
JOIN, PAUSE = 0.3, 0.5
"""Seconds between two places of the reference that are one, and of a pause in the dance."""
CREEP = 1.0
"""Seconds: pieces that follow each other this near in the reference are one at another speed."""


def gaps(
    dance: Sound, reference: Sound, level: Array, segments: tuple[Segment, ...]
) -> list[tuple[float, float]]:
    """Gaps between segments (s) with sound; not where the song runs beyond the reference."""
    return [(low, high) for low, high, beyond in sounding(dance, reference, level, segments)
            if not beyond]  # fmt: skip


def sounding(
    dance: Sound, reference: Sound, level: Array, segments: tuple[Segment, ...]
) -> list[tuple[float, float, bool]]:
    """All gaps between segments (s) with sound, and whether the song runs beyond the reference
    there."""
    inside = np.zeros(len(level), bool)
    for segment in segments:
        inside[int(segment.dance_start / STEP) : int(segment.dance_end / STEP) + 1] = True
    usual = float(np.median(level[inside])) if inside.any() else float(np.median(level))
    found: list[tuple[float, float, bool]] = []
    ends = [(s.dance_start, s.dance_end, s) for s in segments]
    edges = [(0.0, 0.0, None), *ends, (duration(dance), duration(dance), None)]
    for (_, low, before), (high, _, after) in itertools.pairwise(edges):
        part = level[int(low / STEP) : int(high / STEP)]
        if high - low < SHORTEST or np.mean(part > usual - QUIETER) < 0.5:
            continue
        ended = before is not None and before.speed * low + before.offset > (
            duration(reference) - END
        )
        begun = after is not None and after.speed * high + after.offset < END
        beyond = (ended and after is None) or (begun and before is None)
        found.append((low, high, beyond))
    return found


def incomplete(segments: tuple[Segment, ...], left: list[tuple[float, float]]) -> bool:
    """Whether pieces at this speed explain too little, or creep along in steps."""
    explained = sum(s.dance_end - s.dance_start for s in segments)
    if explained < 1.5 * sum(high - low for low, high in left):
        return True
    for one, two in itertools.pairwise(segments):
        jump = (one.speed - two.speed) * two.dance_start + one.offset - two.offset
        if two.dance_start - one.dance_end < 1.0 and abs(jump) < CREEP:
            return True
    return False


def stretch(dance: Sound, low: float, high: float) -> Part:
    """A gap as a sound of its own."""
    first = round(low * dance.rate)
    return Part(dance, first, round(high * dance.rate) - first)


def shifted(segment: Segment, by: float) -> Segment:
    """A gap's segment on the dance's time line."""
    return replace(
        segment,
        dance_start=segment.dance_start + by,
        dance_end=segment.dance_end + by,
        offset=segment.offset - segment.speed * by,
    )


def fresh(level: Array, segment: Segment, known: tuple[Segment, ...]) -> bool:
    """Whether a segment found in a gap is a take of its own: another speed, or a pause
    beside it; where the music just goes on, it is only an echo of a repetitive song."""
    if all(abs(segment.speed / other.speed - 1) > 0.004 for other in known):
        return True
    low, high = int(segment.dance_start / STEP), int(segment.dance_end / STEP)
    usual = float(np.median(level[low:high])) if high > low else 0.0
    reach = int(0.6 / STEP)
    around = (level[max(e - reach, 0) : e + reach] for e in (low, high) if e > reach)
    return any(len(part) and part.min() < usual - PAUSE_DB for part in around)


def without_filling(level: Array, segments: Sequence[Segment]) -> list[Segment]:
    """Segments without those between two that are one stretch of the reference.

    The song was cut there, and its missing part only sounds like another part: as a loop does up
    to the cut, or from it on. A take of its own has a pause before and after it.
    """
    ordered = sorted(segments, key=lambda s: s.dance_start)
    kept = [True] * len(ordered)
    spans = [[s.speed * t + s.offset for t in (s.dance_start, s.dance_end)] for s in ordered]
    for first in range(len(ordered)):
        for last in range(first + 2, len(ordered)):
            if abs(spans[last][0] - spans[first][1]) >= JOIN:
                continue
            for index in range(first + 1, last):
                before, own, after = ordered[index - 1 : index + 2]
                kept[index] &= silent(level, before, own) and silent(level, own, after)
    return [segment for segment, keep in zip(ordered, kept, strict=True) if keep]


def silent(level: Array, one: Segment, two: Segment) -> bool:
    """Whether the level between two segments drops as it does when music stops, and most of what
    is there is softer than the music, which a quiet moment of it is not."""
    edges = (one.dance_start, one.dance_end, two.dance_start, two.dance_end)
    begun, low, high, ended = (round(t / STEP) for t in edges)
    if (high - low) * STEP < PAUSE:
        return False
    usual = float(np.median(np.concatenate([level[begun:low], level[high:ended]])))
    part = level[low:high]
    return bool(part.min() < usual - PAUSE_DB and np.median(part) < usual - SOFTER_DB)


def separated(segments: list[Segment]) -> tuple[Segment, ...]:
    """Segments in order and without overlap."""
    result: list[Segment] = []
    for segment in sorted(segments, key=lambda s: s.dance_start):
        start = segment.dance_start
        if result and result[-1].dance_end > start:
            start = (result[-1].dance_end + start) / 2
            result[-1] = replace(result[-1], dance_end=start)
        if segment.dance_end - start > 0.5:
            result.append(replace(segment, dance_start=start))
    return tuple(result)
