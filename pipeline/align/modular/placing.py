"""Placing the takes of the modular method: exact lines, how far they go, which are echoes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.align.modular.arrival import Exact, refine
from pipeline.align.modular.coverage import LACKING, WHOLE, missing_share
from pipeline.align.modular.features import PER_SECOND
from pipeline.align.modular.fit import Line, uncertainty
from pipeline.align.modular.limits import INSIDE_SECONDS, RoomModel
from pipeline.align.modular.takes import Take, Track, track
from pipeline.align.shared.change_point import EVERYWHERE, find_limits
from pipeline.align.shared.feature_frames import FramedPair
from pipeline.align.shared.segments import coverable
from pipeline.align.shared.signal import Array
from pipeline.model import Segment

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


def placed(pair: FramedPair, rough: Segment) -> Exact | None:
    """The exact line of a take. A short one tells its drift badly: there the line without
    drift through its middle is taken unless another is clearly better."""
    start, stop = rough.dance_start, rough.dance_end
    dance, reference = pair.dance, pair.reference
    exact = refine(dance, reference, rough.offset, rough.speed, start, stop, slack=4e-4)
    if stop - start >= SHORT_TAKE:
        return exact
    middle = (start + stop) / 2
    offset = rough.offset + (rough.speed - pair.speed) * middle
    plain = refine(dance, reference, offset, pair.speed, start, stop, slack=6e-4)
    steady = refine(dance, reference, offset, pair.speed, start, stop, slack=0.0)
    found = [(e.height * w, e) for e, w in ((steady, 1.25), (plain, 1.0), (exact, 1.0)) if e]
    return max(found, key=lambda item: item[0])[1] if found else None


def error_of(pair: FramedPair, take: Take, exact: Exact | None) -> tuple[float, float]:
    """Error bound of a take's line (ms), and the bound if the detected arrival is a side lobe.

    With waveforms, the scatter of the take's parts about the line, and ``SHARPEST``. An arrival
    before the strongest may be a side lobe, which only another method's answer can rule out:
    until then the strongest may be the direct sound. Without waveforms, the scatter of blocks of
    features, and what time stretchers do to onsets.
    """
    if exact is None:
        frames = pair.dance_frames, pair.reference_frames
        error = (
            STRETCHED + 1000 * uncertainty(*frames, take.line, take.start, take.stop) / PER_SECOND
        )
        return error, error
    error = SHARPEST + 1000 * exact.error
    return error, error + (1000 * exact.early if exact.early > LATE else 0.0)


def clipped(pair: FramedPair, segment: Segment) -> Segment:
    """A segment within what its line can cover."""
    floor, ceiling = coverable(pair.dance, pair.reference, segment.offset, segment.speed)
    start, stop = max(segment.dance_start, floor), min(segment.dance_end, ceiling)
    return replace(segment, dance_start=float(start), dance_end=float(stop))


def followed(
    pair: FramedPair, segment: Segment, between: tuple[float, float]
) -> tuple[Segment, frozenset[float]]:
    """A segment of matching waveforms, followed to where its line ends, its limits exact, and
    those of them that are sharp.

    ``between``: the dance times that other segments leave free.
    """
    dance, reference = pair.dance, pair.reference
    floor, ceiling = coverable(dance, reference, segment.offset, segment.speed)
    low, high = max(floor, between[0]), min(ceiling, between[1])
    start, stop = max(segment.dance_start, floor), min(segment.dance_end, ceiling)
    for _ in range(MOST_TURNS):
        room = RoomModel(dance, reference, segment.offset, segment.speed)
        first, last = extended(room, start, stop, low, high)
        if (first, last) == (start, stop):
            break
        start, stop = first, last
        exact = refine(dance, reference, segment.offset, segment.speed, start, stop, slack=2e-5)
        if exact is not None:
            segment = replace(segment, offset=exact.offset, speed=exact.speed)
    return limited(pair, replace(segment, dance_start=start, dance_end=stop), between)


def limited(
    pair: FramedPair, segment: Segment, between: tuple[float, float] = EVERYWHERE
) -> tuple[Segment, frozenset[float]]:
    """A segment of matching waveforms with its limits placed by likelihood, and the sharp ones."""
    on = pair.dance, pair.reference, segment.offset, segment.speed
    span = segment.dance_start, segment.dance_end
    found = find_limits(RoomModel(*on).learn, span, INSIDE_SECONDS, coverable(*on), between)
    start, stop = (limit.time for limit in found)
    sharp = frozenset(limit.time for limit in found if limit.sharp)
    return replace(segment, dance_start=start, dance_end=stop), sharp


def broken_off(pair: FramedPair, takes: list[Take]) -> bool:
    """Whether a take ends though its line goes on within both files."""
    for take in takes:
        low, high = take.line.overlap(pair.dance_frames, pair.reference_frames)
        if take.start - low > END or high - take.stop > END:
            return True
    return False


def sharpened(pair: FramedPair, lines: list[Track], takes: list[Take]) -> list[Track]:
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
        exact = placed(pair, segment_of(take, None, pair.speed, pitch_moved=False))
        if exact is not None:
            drift = exact.speed / pair.speed - 1
            lag = known.line.lag + (known.line.drift - drift) * (take.start + take.stop) / 2
            result[index] = track(pair.dance_frames, pair.reference_frames, Line(lag, drift))
    return result


def drop_takes_missing_music(pair: FramedPair, takes: list[Take]) -> tuple[list[Take], list[Take]]:
    """The takes, and those of them in which all of the reference is heard.

    Where there are such, others that lack much of the reference are left out: however long an
    echo of a repetitive song is, a short take in which all is heard is better evidence.
    """
    missing: list[float | None] = []
    for take in takes:
        rough = segment_of(take, None, pair.speed, pitch_moved=False)
        exact = placed(pair, rough)
        said = None
        if exact is not None:
            at = clipped(pair, replace(rough, offset=exact.offset, speed=exact.speed))
            said = missing_in(pair, limited(pair, at)[0])
        missing.append(said)
    said_of = list(zip(takes, missing, strict=True))
    certain = [take for take, said in said_of if said is not None and said <= WHOLE]
    if not certain:
        return takes, []
    return [take for take, said in said_of if said is None or said < LACKING], certain


def missing_in(pair: FramedPair, segment: Segment) -> float | None:
    """The share of the music that is missing in a segment, at least; None if nothing tells."""
    line, span = (segment.offset, segment.speed), (segment.dance_start, segment.dance_end)
    return missing_share(pair.dance, pair.reference, *line, *span)


def coherences(room: RoomModel, start: float, stop: float, response: Array) -> Array:
    """Coherence of each whole second from ``start`` on."""
    count = max(int((stop - start) / FRAME_SECONDS) // FRAMES_A_SECOND, 0)
    values = np.empty(count, np.float32)
    for index in range(count):
        first = start + (index * FRAMES_A_SECOND + 0.5) * FRAME_SECONDS
        values[index] = room.coherence(first, FRAMES_A_SECOND, response, FRAME_SECONDS).mean()
    return values


def farthest(values: Array, usual: float) -> int:
    """How many seconds outwards the balance of evidence is highest; 0 for none."""
    balance = np.cumsum(values - SHARE_AGAINST * usual)
    best = int(balance.argmax()) if len(balance) else 0
    if not len(balance) or balance[best] < LEAST_GAIN_SECONDS * (1 - SHARE_AGAINST) * usual:
        return 0
    return best + 1


def extended(
    room: RoomModel, start: float, stop: float, floor: float, ceiling: float
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
    response = room.response(max(middle - 5.0, start), min(middle + 5.0, stop))
    half = min(USUAL_SECONDS, length) / 2
    usual = float(np.median(coherences(room, middle - half, middle + half, response)))
    if usual < LEAST_COHERENCE:
        return start, stop
    reach = max(length, 8.0)
    before = coherences(room, max(start - reach, floor), start, response)[::-1]
    after = coherences(room, stop, min(stop + reach, ceiling), response)
    return start - farthest(before, usual), stop + farthest(after, usual)
