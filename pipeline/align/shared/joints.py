"""Where the reference was joined: a line does not go on there.

In an MP3 joined byte by byte, the encoder's padding moves all that follows by some 50 ms. Dance and
reference are compared around a line by phase correlation summed over windows (GCC-PHAT; Knapp and
Carter, IEEE Trans. ASSP 1976).

Within a segment: a method may have laid one slanted line over a joint, or kept the line of the
longer side. Each window tells how late the reference is; a clock that runs differently moves them
evenly, a joint moves all that follow at once (a change point: the split that two levels explain
best, after the median of the slopes between neighbours; Sen, JASA 1968). Each side is then placed
by the method itself.

Beyond an outer limit: a result may show more than what was aligned, with the music carried on along
the line. When the music is clear there, but at another lag than inside the limit, the line ends.
Where nothing is clear, nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.align.shared.segments import part_of
from pipeline.align.sounds.fourier import fast_size, rfft
from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import duration, robust_sigma
from pipeline.model import LineMap, MethodAlignment, Samples, Segment, Sound

WINDOW_SECONDS, HOP_SECONDS = 1.0, 0.5
"""Seconds."""
SPACING_SECONDS, MAX_WINDOWS = 2.0, 32
"""Seconds at least between the windows that are looked at within a segment, and how many at most:
what bounds the cost of a segment without a joint (0.8 ms a window)."""
LOOK_SECONDS = 6.0
"""Seconds on either side of a limit that are compared."""
MIN_OUTSIDE_SECONDS, SHORT_SECONDS = 1.0, 2.0
"""Seconds outside a limit below which nothing is compared, and ``CLEAR_SHORT_SIGMAS`` holds."""
WINDOW_SIGMAS = 9.0
"""Deviations of chance of a window's peak that is used: of those below 9, 48 % are off by more than
5 ms at 7 to 8, 70 % at 6 to 7 (``python -m benchmarks.alignment.joints``)."""
REACH_SECONDS = 0.5
"""Seconds around the line."""
APART_SECONDS = 0.005
"""Seconds by which the two sides differ at least: what a limit in an echo does not do."""
CLEAR_SIGMAS, CLEAR_SHORT_SIGMAS = 20.0, 35.0
"""Deviations of chance of a peak that is clear; other songs reach 17 in stretches of 2 s and more,
26 in shorter ones (``tests/pipeline/align/test_joints.py``)."""
RIVAL_RATIO = 2.0
"""How much higher it is than what is heard outside at the distance of the inside."""
LOW_HZ, HIGH_HZ, MOMENT_HIGH_HZ = 150.0, 3400.0, 1000.0
"""Hertz; the moment of a joint is looked for below ``MOMENT_HIGH_HZ``, where a line that is 0.2 ms
off is still in phase."""

Curve = NDArray[np.float64]
Method = Callable[..., MethodAlignment]
"""``method(dance, reference, *, hint)``."""


def with_joints(
    answer: MethodAlignment, dance: Sound, reference: Sound, method: Method
) -> MethodAlignment:
    """The answer with a line for each side of a joint of the reference.

    Segments are divided at the joints within them; the first and the last one are marked where
    their lines do not go on. ``method`` is the one that answered: it places the sides.
    """
    if not answer.matched or not answer.segments:
        return answer
    waiting = sorted(answer.segments, key=lambda segment: segment.dance_start)
    segments: list[Segment] = []
    errors_ms = [answer.error_ms or 0.0] if len(waiting) > 1 else []
    while waiting:
        segment = waiting.pop(0)
        low = segments[-1].dance_end if segments else 0.0
        high = waiting[0].dance_start if waiting else duration(dance)
        sides = _sides(segment, dance, reference, method, (low, high))
        waiting = [*(side for side, _ in sides), *waiting]
        errors_ms += [error_ms for _, error_ms in sides]
        segments += [] if sides else [segment]
    begins = _ends(segments[0], dance, reference, before=True)
    segments[0] = replace(segments[0], begins=begins)
    segments[-1] = replace(segments[-1], ends=_ends(segments[-1], dance, reference, before=False))
    if len(segments) > len(answer.segments):
        answer = replace(answer, error_ms=max(errors_ms), confirmed_error_ms=None)
    return replace(answer, segments=tuple(segments))


def _sides(
    segment: Segment, dance: Sound, reference: Sound, method: Method, free: tuple[float, float]
) -> list[tuple[Segment, float]]:
    """A segment's two sides of a joint with their errors (ms); empty where there is no joint.

    A side may go on as far as the dance is ``free`` of other segments (seconds).
    """
    change = _change(segment, dance, reference)
    if change is None:
        return []
    before, after = change
    jumps = _ends(before, dance, reference, before=False)
    if not jumps or not _ends(after, dance, reference, before=True):
        return []
    span = after.dance_start, before.dance_end
    sides: list[tuple[Segment, float]] = []
    for line, low, high in ((before, free[0], span[0]), (after, span[1], free[1])):
        part = part_of(dance, low, high)
        begin = part.first / dance.rate
        found = method(part, reference, hint=line.line.shifted(-begin))
        if len(found.segments) != 1 or not found.refined:
            return []
        sides.append((found.segments[0].shifted(begin), found.error_ms or 0.0))
    (before, before_ms), (after, after_ms) = sides
    joint = _moment(before, after, dance, reference, span)
    before, after = replace(before, dance_end=joint), replace(after, dance_start=joint)
    return [(before, before_ms), (after, after_ms)]


def _change(line: Segment, dance: Sound, reference: Sound) -> tuple[Segment, Segment] | None:
    """The lines before and after the largest jump of the lag to a line, each up to the first window
    of the other; None where there is no jump."""
    last = line.dance_end - WINDOW_SECONDS
    count = min(int((last - line.dance_start) / SPACING_SECONDS) + 1, MAX_WINDOWS)
    times, lags = [], []
    for start in np.linspace(line.dance_start, last, max(count, 0)):
        curve = curve_around(line, dance, reference, start, start + WINDOW_SECONDS)
        if curve.max() >= WINDOW_SIGMAS:
            times.append(float(start) + WINDOW_SECONDS / 2)
            lags.append((int(curve.argmax()) - len(curve) // 2) / dance.rate)
    if len(lags) <= 1 or np.ptp(lags) <= APART_SECONDS:
        return None
    slope = float(np.median(np.diff(lags) / np.diff(times)))
    levels = lags - slope * np.array(times)
    splits = range(1, len(levels))
    first = min(splits, key=lambda k: _misfit(levels[:k]) + _misfit(levels[k:]))
    sides = levels[:first], levels[first:]
    places = (line.line.shifted(float(np.median(side))).offset for side in sides)
    before, after = (line.on(LineMap(place, line.speed * (1 - slope))) for place in places)
    return replace(before, dance_end=times[first]), replace(after, dance_start=times[first - 1])


def _misfit(levels: Curve) -> float:
    """How badly one level explains windows (s), those far off counted as ``APART_SECONDS``."""
    return float(np.minimum(np.abs(levels - np.median(levels)), APART_SECONDS).sum())


def _moment(
    before: Segment, after: Segment, dance: Sound, reference: Sound, span: tuple[float, float]
) -> float:
    """The time of the dance in ``span`` at which one line ends and the other begins (seconds).

    Until then the dance is like the reference on the one line, from then on like that on the other:
    the largest sum of the products of both, their spectra flattened (PHAT-beta, beta = 0.5;
    Rabinkin et al., SPIE 2846, 1996).
    """
    rate = dance.rate
    first, stop = (round(time * rate) for time in span)
    frequencies = np.fft.rfftfreq(stop - first, 1 / rate)
    band = (frequencies >= LOW_HZ) & (frequencies <= MOMENT_HIGH_HZ)

    def flat(samples: Samples) -> Curve:
        spectrum = rfft(samples) * band
        return np.asarray(np.fft.irfft(spectrum / np.sqrt(np.abs(spectrum) + 1e-12), stop - first))

    own, one = Pair(dance, reference, before.line).read(first, stop - first)
    _, two = Pair(dance, reference, after.line).read(first, stop - first)
    gain = flat(own) * (flat(one) - flat(two))
    return (first + int(np.argmax(np.cumsum(gain)))) / rate


def _ends(segment: Segment, dance: Sound, reference: Sound, *, before: bool) -> bool:
    """Whether the music goes on beyond the limit, but not on the segment's line."""
    start, stop = segment.dance_start, segment.dance_end
    if before:
        outside = max(0.0, start - LOOK_SECONDS), start
        inside = start, min(stop, start + LOOK_SECONDS)
    else:
        outside = stop, min(duration(dance), stop + LOOK_SECONDS)
        inside = max(start, stop - LOOK_SECONDS), stop
    if min(outside[1] - outside[0], inside[1] - inside[0]) < MIN_OUTSIDE_SECONDS:
        return False
    beyond, own = (curve_around(segment, dance, reference, *span) for span in (outside, inside))
    there, here = int(np.argmax(beyond)), int(np.argmax(own))
    clear = CLEAR_SIGMAS if outside[1] - outside[0] >= SHORT_SECONDS else CLEAR_SHORT_SIGMAS
    if beyond[there] < clear or own[here] < CLEAR_SIGMAS:
        return False
    same = beyond[max(0, here - 8) : here + 9].max()
    return bool(
        abs(there - here) > APART_SECONDS * dance.rate and beyond[there] > RIVAL_RATIO * same
    )


def curve_around(
    segment: Segment, dance: Sound, reference: Sound, start: float, stop: float
) -> Curve:
    """Phase correlation at lags of up to ``REACH_SECONDS`` around the line, over the dance's time
    from ``start`` to ``stop`` (seconds), in deviations of chance."""
    rate = dance.rate
    size, half = round(WINDOW_SECONDS * rate), round(REACH_SECONDS * rate)
    room = fast_size(size + half)
    frequencies = np.fft.rfftfreq(room, 1 / rate)
    band = (frequencies >= LOW_HZ) & (frequencies <= min(HIGH_HZ, 0.45 * rate))
    shape = np.hanning(size)
    total: Curve = np.zeros(2 * half + 1)
    for first in np.arange(start, stop - WINDOW_SECONDS + 1e-9, HOP_SECONDS):
        own, other = Pair(dance, reference, segment.line).read(round(first * rate), size)
        cross = rfft(own * shape, room) * np.conj(rfft(other * shape, room))
        curve = np.fft.irfft(cross / (np.abs(cross) + 1e-12) * band, room)
        total += np.concatenate([curve[-half:], curve[: half + 1]])
    return total / (float(robust_sigma(total)) + 1e-12)
