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
from scipy import fft

from pipeline.align.shared.pair import Pair
from pipeline.align.shared.signal import Array, Complex, best_slant, slant_stack, vertex, window
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
QUARTERS, STEADY_RATIO = 4, 0.75
"""Parts of a take, one after the other, and how much of its height over all of it a first arrival
has, relative to the strongest, in the usual one of them."""
MAX_PARTS, LOCAL_SECONDS, STATED_SIGMAS = 8, 0.006, 3.0
"""Parts of a take that say where its line is, seconds about it that they look at, and standard
errors that are stated."""
LINE_PARAMETERS = 2
"""What a line is fitted by, offset and slope: so many parts tell nothing of its error."""
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
    spread: float
    """Seconds over which the early part of the response is spread."""
    error: float
    """Seconds by which the line may be off at its ends, as far as its parts scatter about it."""


def responses(pair: Pair, start: float, stop: float) -> tuple[Array, Array]:
    """Impulse responses of the windows of a take, ``(windows, lags)``, and their middles (s).

    Column ``k`` is the lag ``k - columns // 2`` in samples of the dance: how much later the
    dance is than the line says.
    """
    rate = pair.rate
    size = int(WINDOW_SECONDS * rate)
    room = fft.next_fast_len(size + int(2 * REACH_SECONDS * rate), real=True)
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
        here: Complex = fft.rfft(own, room)
        there: Complex = fft.rfft(other, room)
        cross[row] = here * np.conj(there) * weight
        auto += (np.square(there.real) + np.square(there.imag)) * weight
    frequency = np.arange(room // 2 + 1) * rate / room
    inside = (frequency > BAND_HZ[0]) & (frequency < min(BAND_HZ[1], 0.45 * rate))
    weights = np.where(inside, 1.0 / (auto + FLOOR_RATIO * float(auto[inside].mean()) + 1e-12), 0.0)
    curves = fft.irfft(cross * weights.astype(np.float32), room, axis=1)
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
    curve: Array, halves: tuple[Array, Array], quarters: list[Array], rate: int
) -> tuple[float, float, float, float]:
    """Lag of the first arrival (samples, 0 at the middle), height, head start and spread.

    A first arrival is the earliest local top before the strongest that stands out of the
    noise and has no equal at the same distance behind the strongest (side lobes of a tone
    are symmetrical, arrivals are not). It has to be there in both halves of the windows
    (``halves``: the stacks of the even and the odd ones), with the same sign, and be as strong
    in the usual one of the ``quarters`` of the take as in the whole: a room's response stays,
    the side lobe of a passage goes with it.
    """
    size = np.abs(curve)
    top = int(size.argmax())
    before = size[: max(top - int(0.003 * rate), 8)]
    noise = float(np.sqrt(np.mean(np.square(before)))) + 1e-12
    quiet = np.sort(before)[: max(len(before) * 3 // 4, 4)]
    noise = min(noise, float(np.sqrt(np.mean(np.square(quiet)))) * 1.6 + 1e-12)
    least = max(WEAKEST_RATIO * float(size[top]), 5.5 * noise)
    first = top
    for place in range(max(top - int(BEFORE_SECONDS * rate), 1), top):
        value = float(size[place])
        if value < least or value < size[place - 1] or value < size[place + 1]:
            continue
        mirror = size[2 * top - place - 2 : 2 * top - place + 3]
        if len(mirror) and value < 1.25 * float(mirror.max()):
            continue
        signed = [float(half[place]) * np.sign(float(curve[place])) for half in halves]
        if min(signed) < 0.55 * value or not _steady(curve, quarters, place, top):
            continue
        first = place
        break
    early = size[first : first + int(0.05 * rate)]
    weights = np.square(np.maximum(early - 2 * noise, 0))
    spread = float((weights * np.arange(len(early))).sum() / (weights.sum() + 1e-12)) / rate
    lag = first + vertex(size, first) - len(curve) // 2
    return lag, float(size[top]) / noise, (top - first) / rate, spread


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
    halves = (stacked(curves[::2], away[::2]), stacked(curves[1::2], away[1::2]))
    lag, height, early, spread = first_arrival(stack, halves, quartered(curves, away), rate)
    if height < MIN_SIGMAS:
        return None
    late = lag / rate
    # The dance is later than the line by late + slope * (t - centre).
    offset = line.offset - line.speed * late + line.speed * slope * centre
    return Exact(
        line=LineMap(offset, line.speed * (1 - slope)),
        height=height,
        early=early,
        spread=spread,
        error=scattered(curves, away, middles, lag, rate),
    )


def scattered(curves: Array, shifts: Array, middles: Array, lag: float, rate: int) -> float:
    """Seconds by which a line through the arrivals of the take's parts may be off at its ends.

    ``MAX_PARTS`` stretches at most, one after the other, each say where the arrival at ``lag`` is
    in them; ``STATED_SIGMAS`` standard errors of the regression (Draper and Smith, "Applied
    Regression Analysis", 1998, chapter 1) at the end that is farther from the middle. Where the
    parts say nothing, they scatter over all of ``LOCAL_SECONDS``.
    """
    number = int(np.clip(len(curves) // 2, LINE_PARAMETERS, MAX_PARTS))
    reach, centre = int(LOCAL_SECONDS * rate), round(lag) + curves.shape[1] // 2
    if len(curves) <= 1 or not reach < centre < curves.shape[1] - reach - 1:
        return LOCAL_SECONDS
    late, times = [], []
    for part in np.array_split(np.arange(len(curves)), number):
        near = np.abs(stacked(curves[part], shifts[part])[centre - reach : centre + reach + 1])
        top = int(near.argmax())
        late.append((top - reach + vertex(near, top) - (lag - round(lag))) / rate)
        times.append(float(middles[part].mean()))
    away = np.array(times) - np.mean(times)
    span = float(middles.max() - middles.mean()) + WINDOW_SECONDS / 2
    spread = float(np.square(away).sum()) + 1e-9
    slope = float((away * np.array(late)).sum()) / spread
    rest = (
        np.array(late) - np.mean(late) - slope * away
        if number > LINE_PARAMETERS
        else np.array(late)
    )
    sigma = float(np.sqrt(np.square(rest).sum() / max(number - LINE_PARAMETERS, 1)))
    return STATED_SIGMAS * sigma * float(np.sqrt(1 / number + span**2 / spread))
