"""Waveform phase correlation: exact lags of short windows, and a search of the whole file.

GCC-PHAT (Knapp and Carter, "The generalized correlation method for estimation of time
delay", IEEE TASSP 1976): only the phase of the cross spectrum counts, so that every
frequency votes alike and the peak is one sample wide. Peaks of windows are stacked along
lines, since two clocks differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.align.sounds import signal
from pipeline.align.sounds.fourier import fast_size, rfft
from pipeline.align.sounds.line_error import scatter_error
from pipeline.align.sounds.pair import Pair
from pipeline.align.sounds.signal import Array, Complex
from pipeline.model import LineMap, Sound

STACKED_SIGMAS = 6.5
"""Height of a stacked peak that is worth a closer look; chance reaches 5.5."""
FOUND_SIGMAS = 8.0
"""Height from which a line stands that was found by waveforms alone, among all places of the file
(``LOCKED_SIGMAS`` in ``answer``: on a line that bits have found)."""
SECOND_PEAK_SHARE = 0.8
"""The next place's height relative to the best up to which there is a clear winner."""
APART_SAMPLES, MIN_COMMON_SECONDS = 400, 2.0
"""Samples within which two places are one; seconds that dance and reference share at least."""
MAX_CHUNKS = 12
"""Chunks that are stacked."""


WINDOW_SECONDS = 1.0
"""Seconds of one window."""
REACH_SECONDS = 0.05
"""Seconds on either side that are looked at."""
BAND_HZ = (150.0, 3200.0)
"""Hertz."""
BEFORE_SECONDS = 0.045
"""Seconds before the strongest peak in which an earlier arrival is looked for."""
STRONG_RATIO, WEAKEST_RATIO = 0.2, 0.1
"""Least height of a first arrival, relative to the strongest; the lower one is for a line on
which the strongest lies in the middle, so that both sides of it can be compared."""
FAINT_SIGMAS = 7.0
"""Deviations of chance by which an arrival below ``STRONG_RATIO`` has to stand out."""
CHUNK_SAMPLES = 65536
"""Samples of a chunk in the search of the whole file (8.2 s at 8 kHz)."""
FFT_SIZE = 262144
"""Samples of a block of the reference."""


@dataclass(frozen=True)
class PhaseFit:
    """A line on which phases agree."""

    line: LineMap
    height: float
    """Height of the stacked peak in standard deviations of the values around."""
    error: float = 0.0
    """Seconds by which the line may be off at its ends, as far as its parts scatter about it."""


def whiten(spectrum: Complex) -> Complex:
    """A spectrum with its magnitudes made equal, but for bins without any power."""
    size = np.abs(spectrum)
    floor = 0.05 * size.mean(axis=-1, keepdims=True) + 1e-9
    result: Complex = spectrum / (size + floor)
    return result


def lag_curves(pair: Pair, times: Array, *, length: float = WINDOW_SECONDS) -> Array:
    """Phase correlation of the windows that start at ``times`` (s), ``(windows, lags)``.

    Column ``k`` is the lag ``k - columns // 2`` in samples: how much later the dance is.
    Scaled so that chance values have unit variance.
    """
    rate = pair.rate
    size = int(length * rate)
    half = min(int(REACH_SECONDS * rate), size // 2)
    room = fast_size(size + half)
    shape = signal.window(size)
    result = np.empty((len(times), 2 * half + 1), np.float32)
    band = signal.in_band(room, rate, BAND_HZ).astype(np.float32)
    scale = room / np.sqrt(2.0 * float(band.sum()) * room / size)
    for row, time in enumerate(times):
        first = round(float(time) * rate)
        own, other = (samples * shape for samples in pair.read(first, size))
        cross = whiten(rfft(own, room)) * np.conj(whiten(rfft(other, room))) * band
        curve = np.fft.irfft(cross, room)
        result[row] = np.concatenate([curve[-half:], curve[: half + 1]]) * scale
    return result


def arrival(curve: Array, rate: int, weakest: float = STRONG_RATIO) -> tuple[float, float]:
    """Lag of the first arrival in samples from the middle, and the peak's height.

    An earlier peak counts when it stands out of the noise and of the strongest peak's own
    side lobes, which lie alike on both sides of it. Below ``STRONG_RATIO`` it has to stand out
    more, and both sides have to be there: with all magnitudes made equal, a reflection that
    is weaker than the direct sound leaves a ghost before it as well, but a smaller one.
    """
    size = np.abs(curve)
    top = int(size.argmax())
    noise = 1.4826 * float(np.median(size)) + 1e-9
    least = max(weakest * float(size[top]), 4.2 * noise)

    def stands_out(place: int) -> bool:
        both_sides = 2 * top - place - 2 < len(size)
        faint = size[place] >= FAINT_SIGMAS * noise and both_sides
        return bool(size[place] >= STRONG_RATIO * size[top] or faint)

    first = signal.earliest_top(size, int(BEFORE_SECONDS * rate), least, 1.3, stands_out)
    return first + signal.vertex(size, first) - len(curve) // 2, float(size[top]) / noise


def fit_phase(pair: Pair, start: float, stop: float, *, slack: float, most: int = 80) -> PhaseFit:
    """The line near a given one on which the phases of a stretch agree best.

    ``slack``: how far the speed may be off, as a fraction. Twice: wide first, then on the
    line found, so that the windows themselves are no longer blurred by a wrong speed.
    """
    height, error = 0.0, 0.0
    span = max(stop - start - WINDOW_SECONDS, 0.0)
    for turn in range(2):
        number = int(np.clip(span / (WINDOW_SECONDS / 2) + 1, 1, most))
        times = (start + np.linspace(0, span, number)).astype(np.float32)
        curves = lag_curves(pair, times)
        centre = float(times.mean())
        away = times - np.float32(centre)
        limit = (slack if turn == 0 else 4.0 / (max(span, 2.0) * pair.rate)) * pair.rate
        step = 1.0 / max(span / 2, 1.0)
        steps = min(int(np.ceil(limit / step)), 300)
        slopes = np.linspace(-limit, limit, 2 * steps + 1, dtype=np.float32)
        stack, slope = signal.best_slant(curves, away, slopes)
        curve = stack / np.float32(np.sqrt(number))
        lag, height = arrival(curve, pair.rate, WEAKEST_RATIO if turn else STRONG_RATIO)
        error = scatter_error(curves, away * np.float32(slope), times, lag, pair.rate)
        middle = centre + WINDOW_SECONDS / 2
        drift, speed = slope / pair.rate, pair.line.speed
        offset = pair.line.offset + (-speed * lag / pair.rate + speed * drift * middle)
        pair = replace(pair, line=LineMap(offset, speed * (1 - drift)))
    return PhaseFit(pair.line, height, error)


def whole_file(dance: Sound, reference: Sound, start: int) -> Array:
    """Phase correlation of one chunk of the dance with all of the reference.

    ``start`` is the chunk's first sample; entry ``k`` is the reference sample ``k - WHOLE``
    for the chunk's first, at unit chance variance. Blockwise overlap-save.
    """
    rate = dance.rate
    band = signal.in_band(FFT_SIZE, rate, BAND_HZ).astype(np.float32)
    own = np.conj(whiten(rfft(dance.read(start, start + CHUNK_SAMPLES), FFT_SIZE))) * band
    step = FFT_SIZE - CHUNK_SAMPLES + 1
    total = reference.frames + CHUNK_SAMPLES
    result = np.empty(total, np.float32)
    for low, high in signal.spans(total, step):
        block = whiten(rfft(reference.read(low - CHUNK_SAMPLES, low - CHUNK_SAMPLES + FFT_SIZE)))
        result[low:high] = np.fft.irfft(block * own, FFT_SIZE)[: high - low]
    return result / np.float32(result.std() + 1e-9)


def deep_search(dance: Sound, reference: Sound) -> list[PhaseFit]:
    """Lines at the same speed that waveforms agree on, best first; often none.

    For music deep in noise: chunks of the dance are searched in the whole reference by waveform
    alone, and their curves stacked.
    """
    last = max(dance.frames - CHUNK_SAMPLES, 0)
    number = min(last // CHUNK_SAMPLES + 1, MAX_CHUNKS)
    starts = np.rint(np.linspace(0, last, number)).astype(int)
    span = int(starts[-1])
    total = np.zeros(reference.frames + CHUNK_SAMPLES + span, np.float32)
    for start in starts:
        curve: Array = np.abs(whole_file(dance, reference, int(start)))
        at = span - int(start)
        total[at : at + len(curve)] += signal.spread_max(curve, 1)
    scale = float(signal.robust_sigma(total)) + 1e-6
    total = np.asarray((total - np.median(total)) / scale, np.float32)
    places = signal.highest_places(total, 2, APART_SAMPLES)
    if len(places) > 1 and total[places[1]] > SECOND_PEAK_SHARE * total[places[0]]:
        return []  # shared drums match at every bar; the right place matches alone
    found: list[PhaseFit] = []
    for place in places:
        pair = Pair(dance, reference, LineMap((place - CHUNK_SAMPLES - span) / dance.rate))
        low, high = pair.overlap()
        if total[place] >= STACKED_SIGMAS and high - low >= MIN_COMMON_SECONDS:
            line = fit_phase(pair, low, high, slack=1e-4)
            found += [line] if line.height >= FOUND_SIGMAS else []
    return found
