"""Placing the takes of the modular method: exact lines, how far they go, which are echoes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.align.modular.arrival import Exact, refine
from pipeline.align.modular.coverage import LACKING, WHOLE, doubt
from pipeline.align.modular.features import PER_SECOND, Features
from pipeline.align.modular.fit import Line, uncertainty
from pipeline.align.modular.limits import Ear, limits, whole
from pipeline.align.modular.takes import Take, Track, track
from pipeline.align.shared.signal import Array
from pipeline.model import Segment, Sound

FRAME_SECONDS = 0.1
"""Seconds between the frames that are looked at."""
FRAMES_A_SECOND = 10
"""Frames of one value: a second."""
SHARE_AGAINST = 0.4
"""Share of the usual coherence below which a second speaks against the line."""
LEAST_COHERENCE = 0.04
"""Usual coherence below which nothing can be told."""
LEAST_GAIN_SECONDS = 1.5
"""Seconds of usual evidence that have to be won."""
USUAL_SECONDS = 20.0
"""Seconds of the take that tell what is usual."""


SHARPEST, STRETCHED = 0.6, 8.0
"""Milliseconds by which a line of matching waveforms (half the period of what a room lets through)
and one of features (the length of a stretched onset) may be off, however well they agree."""
LATE = 0.003
"""Seconds after which an arrival is another one, and not a part of the same."""
MOST_TURNS = 4
"""How often a segment is followed outwards, each time by up to its own length."""
END = 300
"""Frames from a take's end to a file's from which it breaks off."""
SHORT_TAKE = 20.0
"""Seconds of a take that tells nothing certain about drift."""


def segment_of(take: Take, exact: Exact | None, speed: float, *, pitch_moved: bool) -> Segment:
    """A take as a segment, in seconds of the dance's own clock."""
    per_second = PER_SECOND * speed
    offset, rate = float(take.line.lag) / PER_SECOND, float(speed * (1 + take.line.drift))
    if exact is not None:
        offset, rate = exact.offset, exact.speed
    return Segment(take.start / per_second, take.stop / per_second, offset, rate, pitch_moved)


def placed(dance: Sound, reference: Sound, rough: Segment, speed: float) -> Exact | None:
    """The exact line of a take. A short one tells its drift badly: there the line without
    drift through its middle is taken unless another is clearly better."""
    start, stop = rough.dance_start, rough.dance_end
    exact = refine(dance, reference, rough.offset, rough.speed, start, stop, slack=4e-4)
    if stop - start >= SHORT_TAKE:
        return exact
    middle = (start + stop) / 2
    offset = rough.offset + (rough.speed - speed) * middle
    plain = refine(dance, reference, offset, speed, start, stop, slack=6e-4)
    steady = refine(dance, reference, offset, speed, start, stop, slack=0.0)
    found = [(e.height * w, e) for e, w in ((steady, 1.25), (plain, 1.0), (exact, 1.0)) if e]
    return max(found, key=lambda item: item[0])[1] if found else None


def error_of(
    heard: Features, listening: Features, take: Take, exact: Exact | None
) -> tuple[float, float]:
    """Milliseconds by which a take's line may be off, and the same if its arrival is none.

    With waveforms, the scatter of the take's parts about the line, and ``SHARPEST``. An arrival
    before the strongest may be a side lobe, which only another method's answer can rule out:
    until then the strongest may be the direct sound. Without waveforms, the scatter of blocks of
    features, and what time stretchers do to onsets.
    """
    if exact is None:
        frames = uncertainty(heard, listening, take.line, take.start, take.stop)
        error = STRETCHED + 1000 * frames / PER_SECOND
        return error, error
    error = SHARPEST + 1000 * exact.error
    return error, error + (1000 * exact.early if exact.early > LATE else 0.0)


def clipped(dance: Sound, reference: Sound, segment: Segment) -> Segment:
    """A segment within what its line can cover."""
    floor, ceiling = whole(dance, reference, segment.offset, segment.speed)
    start, stop = max(segment.dance_start, floor), min(segment.dance_end, ceiling)
    return replace(segment, dance_start=float(start), dance_end=float(stop))


def limited(
    dance: Sound, reference: Sound, segment: Segment, between: tuple[float, float]
) -> tuple[Segment, frozenset[float]]:
    """A segment of matching waveforms, followed to where its line ends, its limits exact, and
    those of them that are sharp.

    ``between``: the dance times that other segments leave free.
    """
    floor, ceiling = whole(dance, reference, segment.offset, segment.speed)
    low, high = max(floor, between[0]), min(ceiling, between[1])
    start, stop = max(segment.dance_start, floor), min(segment.dance_end, ceiling)
    for _ in range(MOST_TURNS):
        ear = Ear(dance, reference, segment.offset, segment.speed)
        first, last = extended(ear, start, stop, low, high)
        if (first, last) == (start, stop):
            break
        start, stop = first, last
        exact = refine(dance, reference, segment.offset, segment.speed, start, stop, slack=2e-5)
        if exact is not None:
            segment = replace(segment, offset=exact.offset, speed=exact.speed)
    segment = replace(segment, dance_start=float(start), dance_end=float(stop))
    return ended(dance, reference, segment, between)


def ended(
    dance: Sound,
    reference: Sound,
    segment: Segment,
    between: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[Segment, frozenset[float]]:
    """A segment of matching waveforms with its limits placed by likelihood, and the sharp ones."""
    floor, ceiling = whole(dance, reference, segment.offset, segment.speed)
    ear = Ear(dance, reference, segment.offset, segment.speed)
    start, stop = segment.dance_start, segment.dance_end
    exact = limits(ear, start, stop, floor, ceiling, between)
    told: frozenset[float] = frozenset()
    if exact is not None and exact[1].time - exact[0].time > 0.5 * (stop - start):
        start, stop = (float(limit.time) for limit in exact)
        told = frozenset(float(limit.time) for limit in exact if limit.sharp)
    return replace(segment, dance_start=float(start), dance_end=float(stop)), told


def broken_off(heard: Features, listening: Features, takes: list[Take]) -> bool:
    """Whether a take ends though its line goes on within both files."""
    for take in takes:
        low, high = take.line.overlap(heard, listening)
        if take.start - low > END or high - take.stop > END:
            return True
    return False


def sharpened(
    dance: Sound,
    reference: Sound,
    heard: Features,
    listening: Features,
    lines: list[Track],
    takes: list[Take],
) -> list[Track]:
    """The lines of long takes with the drift that waveforms tell, and their evidence anew.

    A drift that is off by 100 millionths loses the line a minute further on, where a repeat of
    the song then looks better.
    """
    result = list(lines)
    for index, known in enumerate(lines):
        own = [take for take in takes if take.line == known.line]
        take = max(own, key=lambda t: t.stop - t.start, default=None)
        if take is None or take.stop - take.start < SHORT_TAKE * PER_SECOND:
            continue
        exact = placed(
            dance, reference, segment_of(take, None, heard.speed, pitch_moved=False), heard.speed
        )
        if exact is not None:
            drift = exact.speed / heard.speed - 1
            lag = known.line.lag + (known.line.drift - drift) * (take.start + take.stop) / 2
            result[index] = track(heard, listening, Line(lag, drift))
    return result


def honest(
    dance: Sound, reference: Sound, takes: list[Take], speed: float
) -> tuple[list[Take], list[Take]]:
    """The takes, and those of them beyond suspicion: all of the reference is heard in them.

    Where there are such, others that lack much of the reference are left out: however long an
    echo of a repetitive song is, a short take in which all is heard is better evidence.
    """
    doubts: list[float | None] = []
    for take in takes:
        rough = segment_of(take, None, speed, pitch_moved=False)
        exact = placed(dance, reference, rough, speed)
        said = None
        if exact is not None:
            at = replace(rough, offset=exact.offset, speed=exact.speed)
            at = clipped(dance, reference, at)
            at, _ = ended(dance, reference, at)
            span = at.dance_start, at.dance_end
            said = doubt(dance, reference, at.offset, at.speed, *span)
        doubts.append(said)
    clean = [t for t, d in zip(takes, doubts, strict=True) if d is not None and d <= WHOLE]
    if not clean:
        return takes, []
    left = [t for t, d in zip(takes, doubts, strict=True) if d is None or d < LACKING]
    return left, clean


def coherences(ear: Ear, start: float, stop: float, room: Array) -> Array:
    """Coherence of each whole second from ``start`` on."""
    count = max(int((stop - start) / FRAME_SECONDS) // FRAMES_A_SECOND, 0)
    values = np.empty(count, np.float32)
    for index in range(count):
        first = start + (index * FRAMES_A_SECOND + 0.5) * FRAME_SECONDS
        values[index] = ear.matched(
            first, first + (FRAMES_A_SECOND - 1) * FRAME_SECONDS, room, FRAME_SECONDS
        ).coherence.mean()
    return values


def farthest(values: Array, usual: float) -> int:
    """How many seconds outwards the balance of evidence is highest; 0 for none."""
    balance = np.cumsum(values - SHARE_AGAINST * usual)
    best = int(balance.argmax()) if len(balance) else 0
    if not len(balance) or balance[best] < LEAST_GAIN_SECONDS * (1 - SHARE_AGAINST) * usual:
        return 0
    return best + 1


def extended(
    ear: Ear, start: float, stop: float, floor: float, ceiling: float
) -> tuple[float, float]:
    """A take's limits after following its line, at most by the take's own length each way.

    Once the line is exact, the waveform through the room tells in single seconds whether the
    music still plays on it, where features were too noisy for that. A take grows outwards as
    long as the balance of evidence does (the largest partial sum; Page, 1954), so that a noisy
    stretch is bridged when the music comes back on the same line.
    """
    middle, length = (start + stop) / 2, stop - start
    if length < 2.0:
        return start, stop
    room = ear.room(max(middle - 5.0, start), min(middle + 5.0, stop))
    half = min(USUAL_SECONDS, length) / 2
    usual = float(np.median(coherences(ear, middle - half, middle + half, room)))
    if usual < LEAST_COHERENCE:
        return start, stop
    reach = max(length, 8.0)
    before = coherences(ear, max(start - reach, floor), start, room)[::-1]
    after = coherences(ear, stop, min(stop + reach, ceiling), room)
    return start - farthest(before, usual), stop + farthest(after, usual)
