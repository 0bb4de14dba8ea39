"""Segments of an answer: moved, in order, and whether they can be all there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from pipeline.align.sounds.feature_frames import FeatureFrames
from pipeline.align.sounds.signal import Part
from pipeline.model import Segment, Sound

SHORTEST_SECONDS = 0.5
"""What is left of a segment at least when it shares time with another."""
NEIGHBOURS_SECONDS, STEPS_SECONDS = 1.0, 1.0
"""Seconds between two segments at most, in the dance and in the reference, that are one take at a
wrong speed."""
ENOUGH_SHARE = 0.6
"""Share of what sounds that takes at one speed should explain."""


def part_of(dance: Sound, low: float, high: float) -> Part:
    """A stretch of the dance (seconds) as a sound of its own."""
    first = round(low * dance.rate)
    return Part(dance, first, round(high * dance.rate) - first)


def in_key(segments: Sequence[Segment], frames: FeatureFrames) -> tuple[Segment, ...]:
    """Segments that say in which key their music is; the reference keeps its own pitch."""
    if not frames.semitones:
        return tuple(segments)
    return tuple(replace(s, pitch_moved=False, semitones=frames.semitones) for s in segments)


def in_order(segments: Sequence[Segment]) -> list[Segment]:
    """Segments in the order of the dance."""
    return sorted(segments, key=lambda segment: segment.dance_start)


def incomplete(segments: Sequence[Segment], gaps: Sequence[tuple[float, float]]) -> bool:
    """Whether segments at one speed explain too little of what sounds, or creep along in steps:
    neighbours that nearly meet in the reference are one take at another speed."""
    explained = sum(segment.length for segment in segments)
    left = sum(high - low for low, high in gaps)
    if explained < ENOUGH_SHARE * (explained + left):
        return True
    for one, two in pairwise(in_order(segments)):
        step = abs((one.speed - two.speed) * two.dance_start + one.offset - two.offset)
        if two.dance_start - one.dance_end < NEIGHBOURS_SECONDS and step < STEPS_SECONDS:
            return True
    return False


def separated(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Segments in order, none over another: what two claim is shared in the middle.

    One that has less than ``SHORTEST_SECONDS`` left is left out, and its time stays the other's.
    """
    result: list[Segment] = []
    for segment in in_order(segments):
        if result and result[-1].dance_end > segment.dance_start:
            last = result[-1]
            middle = (last.dance_end + segment.dance_start) / 2
            shortest = min(middle - last.dance_start, segment.dance_end - middle)
            if shortest < SHORTEST_SECONDS:
                continue
            result[-1] = replace(last, dance_end=middle)
            segment = replace(segment, dance_start=middle)  # noqa: PLW2901
        result.append(segment)
    return tuple(result)
