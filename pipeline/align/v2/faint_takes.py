"""Takes of the v2 method that lie deep in noise beside others that were found.

An intro is often soft: when the music is started again and again, its attempts lie deeper in
the noise than what follows, and bits tell nothing of them. Once one take is known, so is the
speed, and what no take covers is searched by waveform through the whole reference.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.align.shared.signal import Array, duration
from pipeline.align.v2.coverage import NOTHING, unexplained
from pipeline.align.v2.echoes import CERTAIN, CLEARED
from pipeline.align.v2.gaps import shifted, sounding, stretch
from pipeline.align.v2.limits import PER_VALUE, SPARSE, Line, foretold, limits, seconds_of
from pipeline.align.v2.phase import deep_search
from pipeline.model import Segment, Sound

SAME_SPEED = 2e-3
"""Speeds nearer to 1 than this are those that waveforms are searched at."""
WINDOW = 14.0
"""Seconds that are searched at once, half over each other: a gap may hold several takes."""
LONGEST = 20.0
"""Seconds of a take that tell how well it is heard."""
MOST = 8
"""Windows that are searched."""
BEGINNING, HIGH = 0.5, 16.0
"""Seconds of the reference that are its beginning, and twice the height at which a line stands."""
DEEP, MOST_LACKING = 0.3, 0.3
"""Share of the dance's power from which on the music is heard well enough to tell whether it
lacks something, and what it may seem to lack below that."""
SAME = 0.05
"""Seconds: lines nearer than this are one."""


def soft_takes(
    dance: Sound, reference: Sound, level: Array, segments: tuple[Segment, ...]
) -> list[Segment]:
    """Takes at the same speed in what the segments leave open, with their limits.

    One counts when all of the reference is heard in it (``v2_gain``) and it does not adjoin
    another: music that just runs on repeats another place, and is no take. Where noise is too
    deep to tell what is heard well, one that starts with the reference's beginning counts, the
    likeliest place to start again, if its phases agree well.
    """
    if not segments or any(abs(s.speed - 1) > SAME_SPEED for s in segments):
        return []
    known = list(segments)
    for low, high, window in windows(dance, reference, level, segments):
        for line in deep_search(stretch(dance, *window), reference):
            piece = shifted(Segment(0.0, 0.0, line.offset, line.speed), window[0])
            if any(abs(s.offset - piece.offset) < SAME for s in known[len(segments) :]):
                continue
            take = bounded(dance, reference, replace(piece, dance_start=low, dance_end=high))
            span = take.dance_start, take.dance_end
            if span[1] - span[0] < CERTAIN or any(
                max(s.dance_start, span[0]) - min(s.dance_end, span[1]) < CLEARED for s in known
            ):
                continue
            lacks = unexplained(dance, reference, take.offset, take.speed, *span)
            first = take.speed * span[0] + take.offset < BEGINNING
            if first and line.height >= HIGH and (lacks or 0.0) <= MOST_LACKING:
                lacks = 0.0 if heard(dance, reference, take) < DEEP else lacks
            if lacks is not None and lacks <= NOTHING:
                known.append(take)
    return known[len(segments) :]


def heard(dance: Sound, reference: Sound, take: Segment) -> float:
    """The share of the dance's power in a take that the reference foretells, all frequencies
    weighing alike."""
    line = Line(dance, reference, take.offset, take.speed)
    own, other = line.whitened(take.dance_start, min(take.dance_end, take.dance_start + LONGEST))
    told = foretold(own, other, slice(0, len(own)), dance.rate)
    return float(np.vdot(told, told) / (np.vdot(own, own) + 1e-12))


def windows(
    dance: Sound, reference: Sound, level: Array, segments: tuple[Segment, ...]
) -> list[tuple[float, float, tuple[float, float]]]:
    """The gaps with sound (s), each with the windows that it is searched by."""
    found: list[tuple[float, float, tuple[float, float]]] = []
    for low, high, _ in sounding(dance, reference, level, segments):
        number = max(round((high - low) / (WINDOW / 2)) - 1, 1)
        length = min(WINDOW, high - low)
        found += [(low, high, (t, t + length)) for t in np.linspace(low, high - length, number)]
    return found[:MOST]


def bounded(dance: Sound, reference: Sound, line: Segment) -> Segment:
    """The stretch of a line in which it is heard: the seconds whose balance is the best."""
    low = max(-line.offset / line.speed, line.dance_start)
    high = min((duration(reference) - line.offset) / line.speed, line.dance_end)
    times = np.arange(low, high, SPARSE).astype(np.float32)
    values = seconds_of(dance, reference, line.offset, line.speed, times)
    if len(values) < CERTAIN:
        return replace(line, dance_end=line.dance_start)
    balance = np.cumsum(np.concatenate([[0.0], values - np.quantile(values, 0.9) / 2]))
    lowest = np.minimum.accumulate(balance)
    stop = int((balance - lowest).argmax())
    start = int(balance[: stop + 1].argmin())
    second = PER_VALUE * SPARSE
    span = low + start * second, low + stop * second
    if span[1] - span[0] < CERTAIN:
        return replace(line, dance_end=line.dance_start)
    ends = max(-line.offset / line.speed, 0.0), (duration(reference) - line.offset) / line.speed
    ends = ends[0], min(ends[1], duration(dance))
    free = line.dance_start, line.dance_end
    first, last = limits(dance, reference, line.offset, line.speed, *span, ends, free)
    return replace(
        line,
        dance_start=float(first),
        dance_end=float(last),
        offset=float(line.offset),
        speed=float(line.speed),
    )
