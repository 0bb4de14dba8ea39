"""Exact place of a take: the room's impulse response by deconvolution, and its first arrival.

The reference, put on the dance's clock, is taken as the input of a system whose output is
the dance's sound; averaged cross and auto spectra give its impulse response (the H1
estimator; Bendat and Piersol, "Random Data", chapter 6), weighted by window so that loud
ones do not decide alone. A response has a first arrival, which is the direct sound, also
where a reflection is stronger; a correlation has only a largest peak.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.align.sounds.fourier import fast_size, rfft
from pipeline.align.sounds.line_error import scatter_error
from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import (
    Array,
    Complex,
    best_slant,
    earliest_top,
    in_band,
    slant_stack,
    vertex,
    window,
)
from pipeline.model import LineMap

WINDOW_SECONDS = 2.0
"""Seconds of one window."""
MAX_WINDOWS = 96
"""Windows used at most, spread evenly."""
REACH_SECONDS = 0.08
"""Seconds on either side of the line that are looked at."""
BEFORE_SECONDS = 0.06
"""Seconds before the strongest arrival in which a first one is looked for."""
WEAKEST_RATIO = 0.2
"""A first arrival's least height, relative to the strongest (-14 dB)."""
NOISE_RATIO = 5.5
"""The same, over the noise before the strongest."""
HALF_RATIO = 0.55
"""How much of its height over all windows a first arrival has in every other one."""
QUARTERS, STEADY_RATIO = 4, 0.75
"""Parts of a take, one after the other, and how much of its height over all of it a first arrival
has, relative to the strongest, in the usual one of them."""
FLOOR_RATIO = 0.01
"""Added to the reference's auto spectrum, relative to its mean, so that bins in which it plays
nothing are not all noise. The spectrum itself is divided by bin by bin: averaged over neighbours,
each sustained tone would ring through the response, and hide its arrivals in a reverberant room."""
MIN_SIGMAS = 7.0
"""The strongest arrival's least height over the response's noise."""
BAND_HZ = (120.0, 3400.0)
"""Hertz on the dance's clock."""


@dataclass(frozen=True)
class Exact:
    """A refined line and how well it stands."""

    line: LineMap
    height: float
    """The strongest arrival in standard deviations of the response's noise."""
    early: float
    """Seconds by which the first arrival comes before the strongest; 0 if it is that."""
    error: float
    """Seconds by which the line may be off at its ends, as far as its parts scatter about it."""


def responses(pair: Pair, start: float, stop: float) -> tuple[Array, Array]:
    """Impulse responses of the windows of a take, ``(windows, lags)``, and their middles (s).

    Column ``k`` is the lag ``k - columns // 2`` in samples of the dance: how much later the
    dance is than the line says.
    """
    rate = pair.rate
    size = int(WINDOW_SECONDS * rate)
    room = fast_size(size + int(2 * REACH_SECONDS * rate))
    half = int(REACH_SECONDS * rate)
    latest = max(stop - WINDOW_SECONDS, start)
    number = max(min(MAX_WINDOWS, int((latest - start) / (WINDOW_SECONDS / 2)) + 1), 1)
    starts = np.linspace(start, latest, number)
    shape = window(size)
    cross = np.empty((number, room // 2 + 1), np.complex64)
    auto = np.zeros(room // 2 + 1, np.float32)
    for row, begin in enumerate(starts):
        own, other = (x * shape for x in pair.read(round(float(begin) * rate), size))
        weight = 1.0 / (float(np.sqrt(np.square(own).sum() * np.square(other).sum())) + 1e-6)
        here: Complex = rfft(own, room)
        there: Complex = rfft(other, room)
        cross[row] = here * np.conj(there) * weight
        auto += (np.square(there.real) + np.square(there.imag)) * weight
    inside = in_band(room, rate, BAND_HZ)
    weights = np.where(inside, 1.0 / (auto + FLOOR_RATIO * float(auto[inside].mean()) + 1e-12), 0.0)
    curves = np.fft.irfft(cross * weights.astype(np.float32), room, axis=1)
    lags = np.concatenate([curves[:, -half:], curves[:, : half + 1]], axis=1)
    return lags.astype(np.float32), np.asarray(starts + WINDOW_SECONDS / 2, np.float32)


def stacked(curves: Array, shifts: Array) -> Array:
    """The mean of curves moved by whole lags: row ``w`` is read ``shifts[w]`` lags later."""
    return slant_stack(curves, shifts) / np.float32(max(len(curves), 1))


def line_up(curves: Array, middles: Array, rate: int, slack: float) -> tuple[Array, float]:
    """The stack over the slope that makes it highest, and that slope (seconds a second).

    Starts with the windows in the middle and doubles the span, the slope being known
    better each time.
    """
    centre = float(middles.mean())
    away = (middles - centre) * rate
    slope, span = 0.0, 6.0
    longest = float(np.abs(middles - centre).max()) + 1e-9
    while True:
        use = np.abs(middles - centre) <= span
        reach = min(span, longest) * rate
        steps = min(int(np.ceil(slack * reach / 0.7)), 400)
        tries = slope + np.linspace(-slack, slack, 2 * steps + 1)
        stack, slope = best_slant(curves[use], away[use], tries)
        if span >= longest:
            return stack / np.float32(len(curves[use])), slope
        slack, span = 3.0 / reach, span * 2


def first_arrival(
    curve: Array, curves: Array, shifts: Array, rate: int
) -> tuple[float, float, float]:
    """Lag of the first arrival (samples, 0 at the middle), height, and head start (seconds).

    A first arrival is the earliest local top before the strongest that stands out of the
    noise and has no equal at the same distance behind the strongest (side lobes of a tone
    are symmetrical, arrivals are not). It has to be there in the even and the odd windows (of
    ``curves``, read their ``shifts`` further on), with the same sign, and be as strong in the usual
    quarter of the take as in the whole: a room's response stays, the side lobe of a passage goes
    with it.
    """
    size = np.abs(curve)
    top = int(size.argmax())
    before = size[: max(top - int(0.003 * rate), 8)]
    noise = float(np.sqrt(np.mean(np.square(before)))) + 1e-12
    quiet = np.sort(before)[: max(len(before) * 3 // 4, 4)]
    noise = min(noise, float(np.sqrt(np.mean(np.square(quiet)))) * 1.6 + 1e-12)
    least = max(WEAKEST_RATIO * float(size[top]), NOISE_RATIO * noise)

    halves = [stacked(curves[k::2], shifts[k::2]) for k in (0, 1)]
    quarters = quartered(curves, shifts)

    def lasts(place: int) -> bool:
        signed = [float(half[place]) * np.sign(float(curve[place])) for half in halves]
        return min(signed) >= HALF_RATIO * size[place] and _steady(curve, quarters, place, top)

    first = earliest_top(size, int(BEFORE_SECONDS * rate), least, 1.25, lasts)
    lag = first + vertex(size, first) - len(curve) // 2
    return lag, float(size[top]) / noise, (top - first) / rate


def quartered(curves: Array, shifts: Array) -> list[Array]:
    """The stacks of a take's quarters; none of a take of few windows."""
    if len(curves) < 2 * QUARTERS:
        return []
    parts = np.array_split(np.arange(len(curves)), QUARTERS)
    return [stacked(curves[part], shifts[part]) for part in parts]


def _steady(curve: Array, quarters: list[Array], place: int, top: int) -> bool:
    ratios = [float(q[place] / q[top]) for q in quarters if abs(float(q[top])) > 0]
    whole = float(curve[place] / curve[top])
    return not ratios or float(np.median(ratios)) * np.sign(whole) >= STEADY_RATIO * abs(whole)


def refine(pair: Pair, start: float, stop: float, *, slack: float) -> Exact | None:
    """The exact line of a take, or None where waveforms do not match.

    ``slack`` is how far the speed may be off, as a fraction.
    """
    rate, line = pair.rate, pair.line
    curves, middles = responses(pair, start, stop)
    stack, slope = line_up(curves, middles.astype(np.float32), rate, slack)
    centre = float(middles.mean())
    away = ((middles - centre) * rate * slope).astype(np.float32)
    lag, height, early = first_arrival(stack, curves, away, rate)
    if height < MIN_SIGMAS:
        return None
    late = lag / rate
    # The dance is later than the line by late + slope * (t - centre).
    offset = line.offset - line.speed * late + line.speed * slope * centre
    return Exact(
        line=LineMap(offset, line.speed * (1 - slope)),
        height=height,
        early=early,
        error=scatter_error(curves, away, middles, lag, rate),
    )
