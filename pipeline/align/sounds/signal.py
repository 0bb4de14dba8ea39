"""Signal primitives without any estimator in them: frames, resampled windows, smoothing.

Both methods read sound through these, as they read it through ``Sound`` itself; whatever
decides anything about the alignment is in the methods' own modules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.align.sounds.fourier import rfft
from pipeline.model import Samples, Sound

BLOCK_SAMPLES = 1 << 21
"""Samples of the frames that are measured at once, which bounds the memory."""

Array = NDArray[np.float32]
Complex = NDArray[np.complex64]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """A stretch of a sound, as a sound of its own."""

    whole: Sound
    first: int
    """Sample of the whole at which it starts."""
    frames: int

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.whole.rate

    def read(self, start: int, stop: int) -> Samples:
        """Samples of the stretch, zeros outside of it."""
        result = np.zeros(max(stop - start, 0), np.float32)
        low, high = max(start, 0), min(stop, self.frames)
        if high > low:
            result[low - start : high - start] = self.whole.read(
                self.first + low, self.first + high
            )
        return result


def duration(sound: Sound) -> float:
    """Length in seconds."""
    return sound.frames / sound.rate


def frame_count(sound: Sound, per_second: float) -> int:
    """How many analysis frames a sound has: frame ``i`` is centred on ``i / per_second``."""
    return int(sound.frames * per_second / sound.rate) + 1


def frame_size(rate: int, seconds: float) -> int:
    """The power of two of samples that is nearest to a length in seconds."""
    return 1 << max(4, round(float(np.log2(rate * seconds))))


def window(size: int) -> Array:
    """A periodic Hann window, float32."""
    phase = 2 * np.pi * np.arange(size) / size
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


def short_time(samples: Samples, size: int, hop: int) -> Complex:
    """Short-time spectra ``(frames, size // 2 + 1)``, a frame each ``hop`` samples."""
    views = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
    return np.asarray(rfft(views * window(size), axis=1), np.complex64)


def power_frames(sound: Sound, first: float, count: int, size: int, per_second: float) -> Array:
    """Short-time power spectra, ``(count, size // 2 + 1)``.

    Frame ``i`` is centred on time ``i / per_second`` whatever the rate, so that frames of
    two sounds of different rates lie on one time line; ``first`` may be a fraction.
    Outside the sound there are zeros.
    """
    centres = np.rint(np.arange(first, first + count) * (sound.rate / per_second)).astype(np.int64)
    start = int(centres[0]) - size // 2
    samples = sound.read(start, int(centres[-1]) - size // 2 + size)
    views = np.lib.stride_tricks.sliding_window_view(samples, size)
    shaped = views[centres - centres[0]] * window(size)
    spectrum = rfft(shaped, axis=1)
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag), np.float32)


def power_blocks(
    sound: Sound, per_second: float, size: int, margin: int = 0, shift: float = 0.0
) -> Iterator[tuple[slice, Array, slice]]:
    """A sound's power spectra block by block: its frames, their spectra with up to ``margin``
    frames more on either side, and where in these they are. Frames may be ``shift`` later."""
    count = frame_count(sound, per_second)
    for start, stop in spans(count, max(BLOCK_SAMPLES // size, 1)):
        first, last = max(start - margin, 0), min(stop + margin, count)
        power = power_frames(sound, first + shift, last - first, size, per_second)
        yield slice(start, stop), power, slice(start - first, stop - first)


def in_band(size: int, rate: int, band: tuple[float, float]) -> NDArray[np.bool_]:
    """Which bins of a spectrum of ``size`` samples lie inside a band (hertz), a little below half
    the rate at most."""
    frequency = np.arange(size // 2 + 1) * rate / size
    return np.asarray((frequency > band[0]) & (frequency < min(band[1], 0.45 * rate)))


def spans(total: int, step: int) -> Iterator[tuple[int, int]]:
    """``(start, stop)`` of consecutive blocks that cover ``total``."""
    for start in range(0, total, step):
        yield start, min(start + step, total)


def covering(count: int, length: int, hop: int, least: int) -> list[int]:
    """First frames of windows that cover ``count`` frames; one more where more than ``least`` of
    them would be left over."""
    last = max(count - length, 0)
    starts = list(range(0, last + 1, hop))
    return [*starts, last] if last - starts[-1] > least else starts


def triangles(edges: NDArray[np.float64], size: int, rate: int) -> Array:
    """A bank of triangular band filters, ``(size // 2 + 1, len(edges) - 2)``.

    Triangles narrower than the spacing of the spectrum are widened to it, so that no band
    is empty.
    """
    spacing = rate / size
    frequency = np.arange(size // 2 + 1)[:, None] * spacing
    low = np.minimum(edges[:-2], edges[1:-1] - spacing)
    high = np.maximum(edges[2:], edges[1:-1] + spacing)
    rising = (frequency - low) / (edges[1:-1] - low)
    falling = (high - frequency) / (high - edges[1:-1])
    bank = np.clip(np.minimum(rising, falling), 0.0, None)
    return np.asarray(bank, np.float32)


def totals(values: Array, size: int) -> Array:
    """Sums of consecutive blocks of so many values; the last one may have fewer."""
    padded = np.pad(values, (0, -len(values) % size))
    return np.asarray(padded.reshape(-1, size).sum(axis=1), np.float32)


def moving_mean(values: Array, width: int) -> Array:
    """The mean over ``width`` frames around each frame (axis 0), shorter at the ends."""
    count = len(values)
    sums = np.zeros((count + 1, *values.shape[1:]), np.float64)
    np.cumsum(values, axis=0, out=sums[1:])
    index = np.arange(count)
    low = np.maximum(index - width // 2, 0)
    high = np.minimum(index + width - width // 2, count)
    lengths = (high - low).reshape(-1, *([1] * (values.ndim - 1)))
    return np.asarray((sums[high] - sums[low]) / lengths, np.float32)


def best_run(gains: NDArray[Any]) -> tuple[int, int]:
    """Start and stop of the run of values with the largest sum (Kadane); 0, 0 where none wins."""
    sums = np.concatenate([[0.0], np.cumsum(gains, dtype=np.float64)])
    stop = int((sums - np.minimum.accumulate(sums)).argmax())
    return int(sums[: stop + 1].argmin()), stop


def spread_max(values: Array, reach: int) -> Array:
    """The largest value within ``reach`` places on either side."""
    padded = np.pad(values, reach, constant_values=-np.inf)
    result: Array = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=1)
    return result


def highest_places(curve: Array, number: int, apart: int) -> list[int]:
    """Where a curve is highest, best first: at most so many places above 0, each more than
    ``apart`` from the others."""
    left = curve.copy()
    places: list[int] = []
    for _ in range(number):
        place = int(left.argmax())
        if left[place] <= 0:
            break
        places.append(place)
        left[max(place - apart, 0) : place + apart + 1] = 0
    return places


def highest_beside_next(
    curve: Array, number: int, apart: int
) -> Iterator[tuple[int, float, float]]:
    """``highest_places`` of a curve, each with its height and that of the best other place (0 where
    there is none)."""
    places = highest_places(curve, number + 1, apart)
    heights = [*(float(curve[place]) for place in places), 0.0]
    for rank, place in enumerate(places[:number]):
        yield place, heights[rank], heights[1 if rank == 0 else 0]


def read_warped(sound: Sound, start: float, step: float, count: int) -> Samples:
    """``count`` samples at times ``start + n * step`` (seconds), by cubic Lagrange interpolation.

    Error below -50 dB up to a quarter of the sound's rate (Laakso et al., "Splitting the
    unit delay", IEEE Signal Processing Magazine 1996), which is finer than any room.
    """
    position = (start + np.arange(count) * step) * sound.rate
    first = int(np.floor(position[0])) - 1
    samples = sound.read(first, int(np.floor(position[-1])) + 3)
    whole = np.floor(position).astype(np.int64)
    x = (position - whole).astype(np.float32)
    at = whole - first
    before, here, after, beyond = (samples[at + k] for k in (-1, 0, 1, 2))
    result: Samples = (
        before * (-x * (x - 1) * (x - 2) / 6)
        + here * ((x + 1) * (x - 1) * (x - 2) / 2)
        + after * (-(x + 1) * x * (x - 2) / 2)
        + beyond * ((x + 1) * x * (x - 1) / 6)
    )
    return result


def slant_stack(curves: Array, shifts: NDArray[Any]) -> Array:
    """The sum of curves ``(rows, columns)``, each read its shift (rounded) further on; zeros
    outside."""
    count = curves.shape[1]
    result = np.zeros(count, np.float32)
    for curve, shift in zip(curves, np.rint(shifts).astype(int), strict=True):
        low, high = max(shift, 0), min(count + shift, count)
        if high > low:
            result[low - shift : high - shift] += curve[low:high]
    return result


def highest_slants(
    curves: Array, positions: NDArray[Any], slopes: NDArray[Any]
) -> tuple[Array, NDArray[np.int8]]:
    """The highest of the slant stacks over slopes (127 at most) at each column, divided by the root
    of the number of curves, and the number of its slope."""
    highest = np.full(curves.shape[1], -np.inf, np.float32)
    steepest = np.zeros(curves.shape[1], np.int8)
    for number, slope in enumerate(slopes):
        stack = slant_stack(curves, positions * slope)
        steepest[stack > highest] = number
        np.maximum(highest, stack, out=highest)
    return highest / np.float32(np.sqrt(len(curves))), steepest


def best_slant(curves: Array, positions: NDArray[Any], slopes: NDArray[Any]) -> tuple[Array, float]:
    """The highest slant stack over slopes (columns a position), and its slope; of equal ones that
    of the least slope."""
    stacks = [slant_stack(curves, positions * slope) for slope in slopes]
    heights = [float(np.abs(stack).max()) for stack in stacks]
    best = int(np.argmax(np.array(heights) - 1e-9 * np.abs(slopes)))
    return stacks[best], float(slopes[best])


def vertex(curve: NDArray[Any], top: int) -> float:
    """Where between -1 and 1 from ``top`` the parabola through a curve's values around it has its
    top; 0 at the curve's ends."""
    if not 0 < top < len(curve) - 1:
        return 0.0
    left, middle, right = (float(curve[top + k]) for k in (-1, 0, 1))
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (left - right) / bend, -1.0, 1.0))


def earliest_top(
    size: Array, reach: int, least: float, mirrored: float, allowed: Callable[[int], bool]
) -> int:
    """The earliest of the ``allowed`` local tops of at least a height, up to ``reach`` before the
    highest; that one where there is none.

    None counts that has an equal, a ``mirrored``-th of its height, at the same distance behind the
    highest: side lobes of a tone are symmetrical, arrivals are not.
    """
    top = int(size.argmax())
    for place in range(max(top - reach, 1), top):
        value = float(size[place])
        if value < least or value < size[place - 1] or value < size[place + 1]:
            continue
        mirror = size[2 * top - place - 2 : 2 * top - place + 3]
        if value >= mirrored * float(mirror.max(initial=0.0)) and allowed(place):
            return place
    return top


def robust_sigma(values: NDArray[Any], axis: int | None = None) -> NDArray[Any]:
    """The standard deviation that the median of absolute deviations stands for."""
    middle = np.median(values, axis=axis, keepdims=axis is not None)
    return np.asarray(1.4826 * np.median(np.abs(values - middle), axis=axis))
