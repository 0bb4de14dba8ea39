"""The level of a dance and its pauses: what is a gap, a take of its own, or a filling.

Rules on time and level, with no estimate of any place in them. When music stops, the level drops
for a moment; when a song merely goes on, it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipeline.align.shared.segments import in_order
from pipeline.align.sounds.signal import Array, duration, spans
from pipeline.model import Segment, Sound

STEP_SECONDS = 0.05
"""Time between two values of the level, each measured over five times that."""
PAUSE_DB, SOFTER_DB = 10.0, 2.0
"""How far the level drops in a pause, and how much softer it is there in the median."""
PAUSE_SECONDS = 0.5
"""The least length of a pause."""
ROUGH_SECONDS, AROUND_SECONDS = 0.5, 0.6
"""By how much rough limits may be off, and how near to an exact one a pause is looked for."""
GAP_SECONDS = 8.0
"""The least length of a gap that is worth a search."""
NO_MUSIC_DB, SOUNDING_SHARE = 15.0, 0.5
"""So far below the segments' level there is no music; share of a gap that is louder, at least."""
AT_END_SECONDS = 1.6
"""A segment that ends this near to an end of the reference ends because of it."""
SAME_SPEED_RATIO = 0.004
"""Relative difference of two speeds up to which they are one."""
SEAM_SECONDS = 0.3
"""Within this one segment goes on in the reference where another ended."""


def levels(dance: Sound) -> Array:
    """Level in decibels, a value each ``STEP_SECONDS``."""
    size = max(int(dance.rate * STEP_SECONDS), 1)
    parts = []
    for start, stop in spans(dance.frames, size * 2000):
        samples = np.square(dance.read(start, stop))
        whole = samples[: len(samples) // size * size].reshape(-1, size)
        parts.append(whole.mean(axis=1))
    power = np.concatenate(parts) if parts else np.zeros(1, np.float32)
    smooth = np.convolve(power, np.ones(5) / 5, "same")
    return np.asarray(10 * np.log10(smooth + 1e-12), np.float32)


def between(level: Array, start: float, stop: float) -> Array:
    """The level between two times (seconds)."""
    return level[max(round(start / STEP_SECONDS), 0) : max(round(stop / STEP_SECONDS), 0)]


def median(level: Array) -> float:
    """The median of a level; of none, minus infinity."""
    return float(np.median(level)) if len(level) else -np.inf


def drops(level: Array, usual: float) -> bool:
    """Whether a level drops by ``PAUSE_DB`` below the usual one for a moment."""
    return len(level) > 0 and float(level.min()) < usual - PAUSE_DB


def paused(level: Array, one: tuple[float, float], two: tuple[float, float]) -> bool:
    """Whether the level drops for a moment between two takes with rough limits (seconds)."""
    (_, stop), (start, _) = sorted((one, two))
    if start - stop < PAUSE_SECONDS:
        return False
    return drops(
        between(level, stop - ROUGH_SECONDS, start + ROUGH_SECONDS), median(between(level, *one))
    )


def silent(level: Array, one: Segment, two: Segment) -> bool:
    """Whether there is a pause between two segments: the level drops as it does when music stops,
    and most of what is there is softer than the music, which a quiet moment of it is not."""
    if two.dance_start - one.dance_end < PAUSE_SECONDS:
        return False
    part = between(level, one.dance_end, two.dance_start)
    music = [between(level, s.dance_start, s.dance_end) for s in (one, two)]
    usual = median(np.concatenate(music))
    return drops(part, usual) and median(part) < usual - SOFTER_DB


def is_own_take(level: Array, segment: Segment, known: Sequence[Segment]) -> bool:
    """Whether a segment found in a gap is a take: it has a speed of its own, or a pause before or
    after it. Else the song goes on where the reference was cut, and only sounds like another
    place."""
    if all(abs(segment.speed / other.speed - 1) > SAME_SPEED_RATIO for other in known):
        return True
    usual = median(between(level, segment.dance_start, segment.dance_end))
    return any(
        drops(between(level, edge - AROUND_SECONDS, edge + AROUND_SECONDS), usual)
        for edge in (segment.dance_start, segment.dance_end)
        if edge > AROUND_SECONDS
    )


def without_fillings(level: Array, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Segments without those that fill what the reference lacks.

    Where one ends in the reference just where a later one begins, nothing of the reference is left
    for what lies between them: it was cut there, and what is found for the missing part only
    resembles it. A loop may do so just up to the cut, or from it on, so that only a pause on
    either side proves a take of its own.
    """
    ordered = in_order(segments)
    fillings: set[Segment] = set()
    for index, before in enumerate(ordered):
        for far in range(index + 2, len(ordered)):
            after = ordered[far]
            end = before.line.reference_time(before.dance_end)
            if abs(after.line.reference_time(after.dance_start) - end) < SEAM_SECONDS:
                group = ordered[index : far + 1]
                pauses = [silent(level, one, two) for one, two in pairwise(group)]
                beside = zip(group[1:-1], pauses, pauses[1:], strict=False)
                fillings |= {segment for segment, *both in beside if not all(both)}
    return tuple(segment for segment in ordered if segment not in fillings)


def gaps(
    dance: Sound,
    reference: Sound,
    level: Array,
    segments: Sequence[Segment],
    *,
    beyond: bool = False,
) -> list[tuple[float, float]]:
    """Gaps between segments (seconds) in which there is sound; those in which the song merely goes
    on ``beyond`` an end of the reference only where they are asked for."""
    ordered: list[Segment | None] = [None, *in_order(segments), None]
    music = [between(level, s.dance_start, s.dance_end) for s in segments]
    usual = median(np.concatenate(music)) if music else median(level)
    last = duration(reference) - AT_END_SECONDS
    found = []
    for before, after in pairwise(ordered):
        low = before.dance_end if before else 0.0
        high = after.dance_start if after else duration(dance)
        part = between(level, low, high)
        if high - low < GAP_SECONDS or np.mean(part > usual - NO_MUSIC_DB) < SOUNDING_SHARE:
            continue
        ended = before and not after and before.line.reference_time(low) > last
        begun = after and not before and after.line.reference_time(high) < AT_END_SECONDS
        if beyond or not (ended or begun):
            found.append((low, high))
    return found
