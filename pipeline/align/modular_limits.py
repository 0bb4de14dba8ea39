"""Where the music of a take starts and stops, by short-time coherence with the reference.

With the line known, the dance is compared with the reference as heard through the room
(a transfer function estimated inside the take), in frames of an eighth of a second: the
normalised cross-spectrum is near its usual value while the music plays and near zero
otherwise, whatever else is heard. The limit is where its cumulative balance turns (CUSUM;
Page, Biometrika 1954).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from pipeline.align.signal import Array, duration, frame_size, read_warped, window
from pipeline.model import Sound

FRAME = 0.128
HOP = 0.016
"""Seconds."""
AROUND = 3.0
"""Seconds on either side of a rough limit that are looked at."""
INSIDE = 8.0
"""Seconds inside the take that tell its usual coherence."""
BELOW = 0.45
"""Share of the usual coherence below which music does not play."""
LEAST = 0.06
"""Usual coherence below which limits cannot be told this way."""
SILENT = 1e-4
"""Power of the reference, relative to the take's mean, that is silence (-40 dB)."""
QUIET = 0.05
"""Power relative to the take's mean from which a frame counts half."""
LONGEST = 16
"""Frames (a quarter of a second) over which a limit may be undecided."""
NEAR = 0.08
"""Seconds: a limit this near to an end of a file lies at that end."""


@dataclass(frozen=True)
class Matched:
    """Coherence over a stretch: frame ``i`` is centred on ``start + i * HOP`` (s)."""

    start: float
    coherence: Array
    power: Array
    """The reference's power in each frame."""

    def time(self, index: int) -> float:
        """Time of the limit between frames ``index - 1`` and ``index``."""
        return self.start + (index - 0.5) * HOP


@dataclass(frozen=True)
class Ear:
    """The two sounds on one line, and the room between them."""

    dance: Sound
    reference: Sound
    offset: float
    speed: float

    def spectra(self, start: float, count: int, step: float = HOP) -> tuple[Array, Array]:
        """Short-time spectra of both, ``(frames, bins)``, frames centred from ``start`` on."""
        rate = self.dance.rate
        size = frame_size(rate, FRAME)
        hop = round(step * rate)
        first = round(start * rate) - size // 2
        length = size + hop * (count - 1)
        own = self.dance.read(first, first + length)
        other = read_warped(
            self.reference,
            self.speed * first / rate + self.offset,
            self.speed / rate,
            length,
        )
        shape = window(size)
        views = (
            np.lib.stride_tricks.sliding_window_view(x, size)[::hop][:count] * shape
            for x in (own, other)
        )
        here, there = (fft.rfft(v, axis=1) for v in views)
        low, high = int(150 * size / rate), int(min(3400, 0.45 * rate) * size / rate)
        return here[:, low:high], there[:, low:high]

    def room(self, start: float, stop: float) -> Array:
        """The transfer function from reference to dance, from frames inside a take."""
        count = max(int((stop - start) / HOP), 1)
        here, there = self.spectra(start, count)
        weight = 1 / (np.square(np.abs(here)).sum(axis=1, keepdims=True) + 1e-9)
        cross = (here * np.conj(there) * weight).sum(axis=0)
        auto = (np.square(np.abs(there)) * weight).sum(axis=0)
        result: Array = cross / (auto + 0.01 * auto.mean() + 1e-12)
        return result

    def matched(self, start: float, stop: float, room: Array, step: float = HOP) -> Matched:
        """Coherence between two times."""
        count = max(int((stop - start) / step + 1e-6) + 1, 1)
        here, there = self.spectra(start, count, step)
        heard = there * room
        top = np.real(here * np.conj(heard)).sum(axis=1)
        own, other = (np.square(np.abs(x)).sum(axis=1) for x in (here, heard))
        coherence = top / np.sqrt(own * other + 1e-12)
        power = np.square(np.abs(there)).mean(axis=1)
        return Matched(start, coherence.astype(np.float32), power.astype(np.float32))


def limits(
    ear: Ear, start: float, stop: float, floor: float, ceiling: float
) -> tuple[float, float] | None:
    """Exact limits of a take between two dance times, or None where coherence is too low.

    ``floor`` and ``ceiling`` are the limits of what the line can cover (both files' ends).
    """
    inside = min(INSIDE, (stop - start) * 0.6)
    middle = (start + stop) / 2
    if inside < 1.0:
        return None
    room = ear.room(max(middle - 5.0, start), min(middle + 5.0, stop))
    found = []
    for rough, rising in ((start, True), (stop, False)):
        low = max(rough - (AROUND if rising else inside), floor)
        high = min(rough + (inside if rising else AROUND), ceiling)
        part = ear.matched(low, high, room)
        place = turn(part, rising=rising)
        if place is None:
            return None
        found.append(place)
    first, last = found
    return (
        floor if first - floor < NEAR else first,
        ceiling if ceiling - last < NEAR else last,
    )


def turn(part: Matched, *, rising: bool) -> float | None:
    """The time at which coherence sets in (or ends), walking from inside the take outwards."""
    coherence = part.coherence if rising else part.coherence[::-1]
    power = part.power if rising else part.power[::-1]
    half = len(coherence) // 2
    usual = float(np.median(coherence[half:]))
    if usual < LEAST:
        return None
    # A quiet frame of the reference says little, a silent one nothing.
    mean = float(power[half:].mean()) + 1e-12
    weight = power / (power + QUIET * mean)
    silent = power < SILENT * mean
    balance = np.cumsum(np.where(silent, 0.0, weight * (coherence - BELOW * usual * weight)))
    low = min(float(balance.min()), 0.0)
    level = np.flatnonzero(np.concatenate([[0.0], balance]) <= low + 0.5 * usual)
    # Where nothing is said for a while, the limit is in the middle of that while.
    place = int(level[-1] + level[level > level[-1] - LONGEST][0]) // 2
    while place > 0 and silent[place - 1]:
        place -= 1
    if rising:
        return part.time(place)
    return part.time(len(coherence) - place)


def whole(dance: Sound, reference: Sound, offset: float, speed: float) -> tuple[float, float]:
    """The dance times between which both files have sound on a line."""
    low = -offset / speed
    high = (duration(reference) - offset) / speed
    return max(low, 0.0), min(high, duration(dance))
