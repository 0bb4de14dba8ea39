"""Takes of the v2 method that lie deep in noise beside others that were found.

An intro is often soft: when the music is started again and again, its attempts lie deeper in
the noise than what follows, and bits tell nothing of them. Once one take is known, so is the
speed, and what no take covers is searched by waveform through the whole reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.align.shared.pauses import sounding_gaps
from pipeline.align.shared.segments import part_of
from pipeline.align.shared.takes import CERTAIN_SECONDS, CLEARED_SECONDS
from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import Array, best_run
from pipeline.align.v2.coverage import WHOLE_SHARE, missing_share
from pipeline.align.v2.limits import limits, seconds_of
from pipeline.align.v2.phase import deep_search
from pipeline.model import Segment, Sound

SAME_SPEED_RATIO = 2e-3
"""Speeds nearer to 1 than this are those that waveforms are searched at."""
WINDOW_SECONDS = 14.0
"""Seconds that are searched at once, half over each other: a gap may hold several takes."""
MAX_WINDOWS = 8
"""Windows that are searched."""
SAME_LINE_SECONDS = 0.05
"""Seconds: lines nearer than this are one."""


def faint_takes(
    dance: Sound, reference: Sound, level: Array, segments: Sequence[Segment]
) -> list[Segment]:
    """Takes at the same speed in what the segments leave open, with their limits.

    One counts when nothing of the reference is missing in it and it does not adjoin
    another: music that just runs on repeats another place, and is no take.
    """
    if not segments or any(abs(s.speed - 1) > SAME_SPEED_RATIO for s in segments):
        return []
    known = list(segments)
    for low, high, window in windows(dance, reference, level, segments):
        for line in deep_search(part_of(dance, *window), reference):
            piece = Segment(0.0, 0.0, line.line.offset, line.line.speed).shifted(window[0])
            if any(
                abs(s.offset - piece.offset) < SAME_LINE_SECONDS for s in known[len(segments) :]
            ):
                continue
            take = bounded(dance, reference, replace(piece, dance_start=low, dance_end=high))
            span = take.dance_start, take.dance_end
            if take.length < CERTAIN_SECONDS or any(
                -take.shared(s) < CLEARED_SECONDS for s in known
            ):
                continue
            lacks = missing_share(Pair(dance, reference, take.line), *span)
            if lacks is not None and lacks <= WHOLE_SHARE:
                known.append(take)
    return known[len(segments) :]


def windows(
    dance: Sound, reference: Sound, level: Array, segments: Sequence[Segment]
) -> list[tuple[float, float, tuple[float, float]]]:
    """The gaps with sound (s), each with the windows that it is searched by."""
    found: list[tuple[float, float, tuple[float, float]]] = []
    for low, high, _ in sounding_gaps(dance, reference, level, segments):
        number = max(round((high - low) / (WINDOW_SECONDS / 2)) - 1, 1)
        length = min(WINDOW_SECONDS, high - low)
        found += [(low, high, (t, t + length)) for t in np.linspace(low, high - length, number)]
    return found[:MAX_WINDOWS]


def bounded(dance: Sound, reference: Sound, line: Segment) -> Segment:
    """The stretch of a line in which the music plays: the seconds whose balance is the best."""
    on = Pair(dance, reference, line.line)
    nothing = replace(line, dance_end=line.dance_start)
    ends, free = on.overlap(), (line.dance_start, line.dance_end)
    low, high = max(ends[0], free[0]), min(ends[1], free[1])
    values = seconds_of(on, np.arange(low, high - 1, 1.0))
    if len(values) < CERTAIN_SECONDS:
        return nothing
    start, stop = best_run(values - np.quantile(values, 0.9) / 2)
    if stop - start < CERTAIN_SECONDS:
        return nothing
    first, last = limits(on, (low + start, low + stop), ends, free)
    return replace(line, dance_start=first.time, dance_end=last.time)
