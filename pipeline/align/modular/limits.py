"""Where the music of a take starts and stops: the likeliest limit, given what could be heard.

With the line known, the dance is compared with the reference as heard through the room (a
transfer function estimated inside the take), in frames of an eighth of a second. Each frame
says how much likelier its sound is if the music plays than if it does not: the log ratio of
two Gaussian likelihoods (the matched filter; Kay, "Fundamentals of Statistical Signal
Processing: Detection Theory", 1998, chapter 4). Where the reference is silent or far below the
noise, that is nothing, and where it should be heard and is not, it speaks against. The sums of
those from each place to the inside of the take are the likelihood of a limit there (the change
point of Page, Biometrika 1954), and the limit is the median of the posterior.

A recording is played from its beginning more often than from elsewhere, and stopped at its
end: half of the prior is given to them. So a take whose line passes the reference's beginning
in silence starts there, where the recording was started, though nothing is heard yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pipeline.align.shared.signal import Array, duration, frame_size, read_warped, window
from pipeline.model import Sound

FRAME = 0.128
HOP = 0.016
"""Seconds."""
AROUND = 3.0
"""Seconds on either side of a rough limit that are looked at."""
INSIDE = 8.0
"""Seconds inside the take that tell its usual coherence."""
LEAST = 0.06
"""Usual coherence below which limits cannot be told this way."""
INDEPENDENT = 0.12
"""The share of a frame's bins that tell something of their own: frames lie over each other
eight times, windowed bins half of it."""
AT_END = 0.9
"""Prior that the music plays to the end of a file, where its line leads there."""
UNDECIDED = 0.02
"""Probability of a limit in the outermost half second that was looked at, from which more is."""
FARTHEST = 24.0
"""Seconds from a rough limit up to which a silence of the reference is followed."""
NEAR = 0.08
"""Seconds: a limit this near to an end of a file lies at that end."""
INSTEAD, UNLIKE = 0.1, 0.25
"""A frame in which other sound plays instead of the music: power relative to what should be heard
from which there is sound, and coherence up to which it is another."""
ENDED = 100.0
"""Nats lost to such frames in a row, from which on the music has ended for good. Inside a take
that is heard well, losses came to 12 at most."""
SHARP, LIKELY = 0.3, 0.9
"""Seconds within which a sharp limit lies with this probability, whatever is likely beforehand."""
WELL = 0.25
"""Usual coherence below which the room is known too badly to say that a limit is sharp."""
AGAIN = 1.0
"""Seconds from a rough limit beyond which the room was perhaps learnt outside the take."""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Limit:
    """Where a take starts or ends."""

    time: float
    """Seconds of the dance."""
    sharp: bool
    """Whether the sound tells it, and not what is likely beforehand."""


@dataclass(frozen=True)
class Matched:
    """Coherence over a stretch: frame ``i`` is centred on ``start + i * HOP`` (s)."""

    start: float
    coherence: Array


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
        return transfer(*self.spectra(start, max(int((stop - start) / HOP), 1)))

    def learnt(self, start: float, stop: float) -> tuple[Array, Array, float]:
        """Between two times of a take: the room, by bin the usual power of what is not the
        music, and the usual coherence."""
        here, there = self.spectra(start, max(int((stop - start) / (2 * HOP)), 1), 2 * HOP)
        room = transfer(here, there)
        heard = there * room
        rest = np.median(np.square(np.abs(here - heard)), axis=0)
        usual = float(np.median(likeness(here, heard)))
        return room, np.asarray(rest + 1e-12, np.float32), usual

    def matched(self, start: float, stop: float, room: Array, step: float = HOP) -> Matched:
        """Coherence between two times."""
        count = max(int((stop - start) / step + 1e-6) + 1, 1)
        here, there = self.spectra(start, count, step)
        return Matched(start, likeness(here, there * room))

    def likelihood(
        self, start: float, stop: float, room: Array, hiss: Array
    ) -> tuple[Doubles, NDArray[np.bool_]]:
        """How much likelier each frame from ``start`` on is with the music than without, in nats,
        and in which of them other sound plays instead of it.

        Each bin's noise is at least ``hiss``, and else what is there: a clap says little.
        """
        count = max(int((stop - start) / HOP + 1e-6) + 1, 1)
        here, there = self.spectra(start, count)
        heard = there * room
        own, other = np.square(np.abs(here)), np.square(np.abs(heard))
        ratio = (2 * np.real(here * np.conj(heard)) - other) / ((own + other) / 2 + hiss)
        nats = np.asarray(INDEPENDENT * ratio.sum(axis=1), np.float64)
        sounding = own.sum(axis=1) > INSTEAD * other.sum(axis=1)
        return nats, sounding & (likeness(here, heard) < UNLIKE)


def transfer(here: Array, there: Array) -> Array:
    """The transfer function between spectra ``(frames, bins)``, each frame weighing alike (H1)."""
    weight = 1 / (np.square(np.abs(here)).sum(axis=1, keepdims=True) + 1e-9)
    cross = (here * np.conj(there) * weight).sum(axis=0)
    auto = (np.square(np.abs(there)) * weight).sum(axis=0)
    result: Array = cross / (auto + 0.01 * auto.mean() + 1e-12)
    return result


def likeness(here: Array, heard: Array) -> Array:
    """Coherence of each frame of two spectra ``(frames, bins)``, -1 to 1."""
    top = np.real(here * np.conj(heard)).sum(axis=1)
    own, other = (np.square(np.abs(x)).sum(axis=1) for x in (here, heard))
    return np.asarray(top / np.sqrt(own * other + 1e-12), np.float32)


def limits(
    ear: Ear, start: float, stop: float, floor: float, ceiling: float, between: tuple[float, float]
) -> tuple[Limit, Limit] | None:
    """Exact limits of a take between two dance times, or None where coherence is too low.

    ``floor`` and ``ceiling`` are the limits of what the line can cover (both files' ends);
    ``between`` the dance times that other takes leave free, by about a second.
    """
    inside = min(INSIDE, (stop - start) * 0.6)
    if inside < 1.0:
        return None
    low, high = max(floor, between[0] - AROUND), min(ceiling, between[1] + AROUND)
    found = []
    for rough, bound, end in ((start, low, floor), (stop, high, ceiling)):
        rising = rough == start
        place = limit(ear, rough, inside, bound, end, rising=rising)
        if place is not None and abs(place.time - rough) > AGAIN:
            place = limit(ear, place.time, inside, bound, end, rising=rising)
        if place is None:
            return None
        found.append(place)
    return found[0], found[1]


def limit(
    ear: Ear, rough: float, inside: float, bound: float, end: float, *, rising: bool
) -> Limit | None:
    """One limit near a rough one; ``bound`` is the farthest one, ``end`` that of the files."""
    inner = rough + inside if rising else rough - inside
    # Not where the rough limit may be off: silence would be taken for the music's room.
    first, last = sorted((inner, inner + np.sign(rough - inner) * max(inside / 2, inside - AROUND)))
    room, hiss, usual = ear.learnt(first, last)
    if usual < LEAST:
        return None
    reach = AROUND
    while True:
        outer = max(rough - reach, bound) if rising else min(rough + reach, bound)
        low, high = sorted((outer, inner))
        gains, others = ear.likelihood(low, high, room, hiss)
        if not rising:
            gains, others = gains[::-1], others[::-1]
        at_end = abs(outer - end) < HOP
        odds = posterior(gains, others, at_end=at_end)
        open_ended = odds[: int(0.5 / HOP)].sum() > UNDECIDED
        if outer == bound or reach >= FARTHEST or not open_ended:
            break
        reach *= 2
    place = int(np.searchsorted(np.cumsum(odds), 0.5))
    found = low + (place - 0.5) * HOP if rising else high - (place - 0.5) * HOP
    low, high = np.searchsorted(
        np.cumsum(posterior(gains, others, at_end=False)),
        [(1 - LIKELY) / 2, (1 + LIKELY) / 2],
    )
    sharp = bool(usual >= WELL and (high - low) * HOP <= SHARP)
    return Limit(end if abs(found - end) < NEAR else found, sharp)


def posterior(gains: Doubles, others: NDArray[np.bool_], *, at_end: bool) -> Doubles:
    """Probability of each limit ``k``: the frames from ``k`` on have the music.

    None beyond frames of ``others`` that surely speak against it: another part of a song shares
    drums and chords with this one, whose match would make up for all that differs.
    ``at_end``: whether ``k = 0`` is the end of a file.
    """
    sums = np.concatenate([np.cumsum(gains[::-1])[::-1], [0.0]])
    against = np.cumsum(np.where(others, gains, np.maximum(gains, 0.0))[::-1])
    lost = np.maximum.accumulate(np.concatenate([[0.0], against]))[1:] - against > ENDED
    if lost.any():
        sums[: len(gains) - int(lost.argmax())] = -np.inf
    odds = np.exp(sums - sums.max())
    if at_end:
        odds[1:] *= (1 - AT_END) / (AT_END * len(odds))
    return np.asarray(odds / odds.sum(), np.float64)


def whole(dance: Sound, reference: Sound, offset: float, speed: float) -> tuple[float, float]:
    """The dance times between which both files have sound on a line."""
    low = -offset / speed
    high = (duration(reference) - offset) / speed
    return max(low, 0.0), min(high, duration(dance))
