"""Takes of the v2 method that lie deep in noise beside others that were found.

An intro is often soft: when the music is started again and again, its attempts lie deeper in
the noise than what follows, and bits tell nothing of them. Once one take is known, so is the
speed, and what no take covers is searched by waveform through the whole reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.align.shared.pauses import gaps
from pipeline.align.shared.segments import part_of
from pipeline.align.shared.takes import CERTAIN_SECONDS, CLEARED_SECONDS
from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import Array, Doubles, best_run
from pipeline.align.v2.coverage import WHOLE_SHARE, missing_share
from pipeline.align.v2.limits import limited
from pipeline.align.v2.phase import deep_search, lag_curves
from pipeline.model import Segment, Sound

SAME_SPEED_RATIO = 2e-3
"""Speeds nearer to 1 than this are those that waveforms are searched at."""
WINDOW_SECONDS = 14.0
"""Seconds that are searched at once, half over each other: a gap may hold several takes."""
MAX_WINDOWS = 8
"""Windows that are searched."""
SAME_LINE_SECONDS = 0.05
"""Seconds: lines nearer than this are one."""
SHORT_SECONDS, WINDOWS_A_SECOND = 0.2, 5
"""Length of the windows that tell a line's evidence, and how many of them a second has."""
EARLY_SECONDS = 0.012
"""Seconds after the direct sound that count as its arrival."""


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
            beside = any(-take.shared(s) < CLEARED_SECONDS for s in known)
            if take.length < CERTAIN_SECONDS or beside:
                continue
            lacks = missing_share(Pair(dance, reference, take.line), take)
            if lacks is not None and lacks <= WHOLE_SHARE:
                known.append(take)
    return known[len(segments) :]


def windows(
    dance: Sound, reference: Sound, level: Array, segments: Sequence[Segment]
) -> list[tuple[float, float, tuple[float, float]]]:
    """The gaps with sound (s), each with the windows that it is searched by."""
    found: list[tuple[float, float, tuple[float, float]]] = []
    for low, high in gaps(dance, reference, level, segments, beyond=True):
        number = max(round((high - low) / (WINDOW_SECONDS / 2)) - 1, 1)
        length = min(WINDOW_SECONDS, high - low)
        found += [(low, high, (t, t + length)) for t in np.linspace(low, high - length, number)]
    return found[:MAX_WINDOWS]


def bounded(dance: Sound, reference: Sound, line: Segment) -> Segment:
    """The stretch of a line in which the music plays: the seconds whose balance is the best."""
    on = Pair(dance, reference, line.line)
    nothing = replace(line, dance_end=line.dance_start)
    free = line.dance_start, line.dance_end
    within = on.clipped(line)
    low, high = within.dance_start, within.dance_end
    values = seconds_of(on, np.arange(low, high - 1, 1.0))
    if len(values) < CERTAIN_SECONDS:
        return nothing
    start, stop = best_run(values - np.quantile(values, 0.9) / 2)
    if stop - start < CERTAIN_SECONDS:
        return nothing
    return limited(on, replace(line, dance_start=low + start, dance_end=low + stop), free)


def seconds_of(pair: Pair, starts: Doubles) -> Array:
    """What arrives early in seconds of the dance, over chance: five windows of each."""
    within = np.arange(WINDOWS_A_SECOND) / WINDOWS_A_SECOND - SHORT_SECONDS / 2
    times = (starts[:, None] + within).ravel().astype(np.float32)
    curves = lag_curves(pair, times, length=SHORT_SECONDS)
    middle, reach = curves.shape[1] // 2, int(EARLY_SECONDS * pair.rate)
    early = np.square(curves[:, middle - 3 : middle + reach]).mean(axis=1)
    mean = early.reshape(-1, WINDOWS_A_SECOND).mean(axis=1)
    return np.asarray(np.sqrt(np.maximum(mean - 1.0, 0.0)), np.float32)
