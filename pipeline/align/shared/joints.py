"""Where a line surely does not go on: beyond the outer limits of an answer.

A result may show more than what was aligned, with the music carried on along the same line. That
is wrong where the reference was put together: in an MP3 joined byte by byte, the encoder's padding
moves all that follows by some 50 ms. So the stretch just outside a limit is compared with the
reference around the line, by phase correlation summed over windows (GCC-PHAT; Knapp and Carter,
IEEE Trans. ASSP 1976). When it is clearly heard there, but at another distance than inside the
limit, the line ends. Where nothing clear is heard, nothing is known.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.align.shared.signal import read_warped, robust_sigma
from pipeline.model import MethodAlignment, Segment, Sound

WINDOW, HOP = 1.0, 0.5
"""Seconds."""
LOOK = 6.0
"""Seconds on either side of a limit that are compared."""
LEAST, SHORT = 1.0, 2.0
"""Seconds outside a limit below which nothing is compared, and ``CLEAR_SHORT`` holds."""
REACH = 0.5
"""Seconds around the line."""
APART = 0.005
"""Seconds by which the two sides differ at least: what a limit in an echo does not do."""
CLEAR, CLEAR_SHORT = 20.0, 35.0
"""Deviations of chance of a peak that is clear; other songs reach 17 in stretches of 2 s and more,
26 in shorter ones (``tests/pipeline/align/test_joints.py``)."""
TWICE = 2.0
"""How much higher it is than what is heard outside at the distance of the inside."""
LOW, HIGH = 150.0, 3400.0
"""Hertz."""

Curve = NDArray[np.float64]


def with_joints(answer: MethodAlignment, dance: Sound, reference: Sound) -> MethodAlignment:
    """The answer, its first and last segment marked where their lines do not go on."""
    if not answer.matched or not answer.segments:
        return answer
    segments = sorted(answer.segments, key=lambda segment: segment.dance_start)
    if _ends(segments[0], dance, reference, before=True):
        segments[0] = replace(segments[0], begins=True)
    if _ends(segments[-1], dance, reference, before=False):
        segments[-1] = replace(segments[-1], ends=True)
    return replace(answer, segments=tuple(segments))


def _ends(segment: Segment, dance: Sound, reference: Sound, *, before: bool) -> bool:
    """Whether the music is heard beyond the limit, but not on the segment's line."""
    start, stop = segment.dance_start, segment.dance_end
    if before:
        outside = (max(0.0, start - LOOK), start)
        inside = (start, min(stop, start + LOOK))
    else:
        outside = (stop, min(dance.frames / dance.rate, stop + LOOK))
        inside = (max(start, stop - LOOK), stop)
    if min(outside[1] - outside[0], inside[1] - inside[0]) < LEAST:
        return False
    beyond, own = (_curve(segment, dance, reference, *span) for span in (outside, inside))
    there, here = int(np.argmax(beyond)), int(np.argmax(own))
    clear = CLEAR if outside[1] - outside[0] >= SHORT else CLEAR_SHORT
    if beyond[there] < clear or own[here] < CLEAR:
        return False
    same = beyond[max(0, here - 8) : here + 9].max()
    return bool(abs(there - here) > APART * dance.rate and beyond[there] > TWICE * same)


def _curve(segment: Segment, dance: Sound, reference: Sound, start: float, stop: float) -> Curve:
    """Phase correlation at lags of up to ``REACH`` seconds around the line, over the dance's time
    from ``start`` to ``stop`` (seconds), in deviations of chance."""
    rate = dance.rate
    size, half = round(WINDOW * rate), round(REACH * rate)
    room = fft.next_fast_len(size + half, real=True)
    frequencies = np.fft.rfftfreq(room, 1 / rate)
    band = (frequencies >= LOW) & (frequencies <= min(HIGH, 0.45 * rate))
    shape = np.hanning(size)
    total: Curve = np.zeros(2 * half + 1)
    for first in np.arange(start, stop - WINDOW + 1e-9, HOP):
        own = dance.read(round(first * rate), round(first * rate) + size)
        begin = segment.speed * round(first * rate) / rate + segment.offset
        other = read_warped(reference, begin, segment.speed / rate, size)
        cross = fft.rfft(own * shape, room) * np.conj(fft.rfft(other * shape, room))
        curve = fft.irfft(cross / (np.abs(cross) + 1e-12) * band, room)
        total += np.concatenate([curve[-half:], curve[: half + 1]])
    return total / (float(robust_sigma(total)) + 1e-12)
