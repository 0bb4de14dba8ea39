"""Correlation of windows of features with a whole sound, block by block.

Overlap-save (Oppenheim and Schafer, "Discrete-Time Signal Processing", chapter 8), so that memory
does not grow with the spectra of a long sound. What the features are, and how far above chance a
value is, is for the methods to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.align.sounds.feature_frames import FeatureFrames, FramedPair, Line
from pipeline.align.sounds.fourier import rfft
from pipeline.align.sounds.signal import Array, Complex, spans, spread_max

GROUP_BLOCKS, GROUP_WINDOWS = 16, 8
"""Blocks that are transformed at once, and windows that are correlated at once."""


@dataclass(frozen=True)
class BlockSpectra:
    """The spectra of overlapping blocks of a sound's frames."""

    groups: Iterable[Complex]
    """Each ``(bins, features, blocks)``."""
    columns: int
    """Lags at which a window can lie."""
    longest: int
    """Frames of a window at most."""
    size: int
    """Frames of a block."""

    def kept(self) -> BlockSpectra:
        """The same, all in memory, to be read more than once."""
        return replace(self, groups=[np.ascontiguousarray(group) for group in self.groups])


def block_spectra(frames: FeatureFrames, longest: int, size: int) -> BlockSpectra:
    """Spectra of blocks of ``size`` frames for windows of at most ``longest`` frames, made while
    they are read, once."""
    columns, step = frames.count + longest - 1, size - longest + 1

    def groups() -> Iterator[Complex]:
        for start, stop in spans(columns, step * GROUP_BLOCKS):
            begins = (begin - longest + 1 for begin in range(start, stop, step))
            blocks = np.stack([frames.part(begin, begin + size) for begin in begins])
            yield rfft(blocks, axis=1).transpose(1, 2, 0)

    return BlockSpectra(groups(), columns, longest, size)


def correlated(windows: Array, sound: BlockSpectra, later: Sequence[int] = ()) -> Array:
    """Sums of products of windows ``(windows, frames, features)`` with a sound at every lag.

    Returns ``(windows, columns)``; column ``k`` is the lag ``k - (longest - 1)`` of a window's
    first frame. With ``later`` each row begins so many columns later, on an axis that all of them
    fit on.
    """
    number, step = len(windows), sound.size - sound.longest + 1
    later = later or [0] * number
    spectra = np.conj(rfft(windows.transpose(0, 2, 1), sound.size, axis=2))
    weights = np.ascontiguousarray(spectra.transpose(2, 0, 1))
    result = np.zeros((number, sound.columns + max(later)), np.float32)
    begin = 0
    for group in sound.groups:
        product = np.matmul(weights, group)
        curves = np.fft.irfft(product.transpose(1, 2, 0), sound.size, axis=2)[:, :, :step]
        del product  # hours of reference: some tens of megabytes each
        found = curves.reshape(number, -1)[:, : sound.columns - begin]
        for row, shift in enumerate(later):
            result[row, shift + begin : shift + begin + found.shape[1]] = found[row]
        begin += found.shape[1]
    return result


def stacked(
    pair: FramedPair,
    line: Line,
    starts: Sequence[int],
    length: int,
    correlate: Callable[[Array, FeatureFrames], Array],
) -> tuple[Array, int]:
    """The stack over all places of windows of the dance that lie along a line, over its chance
    deviation, and the column of lag 0.

    ``correlate``: curves of windows over chance, on the axis of ``correlated``; each value counts
    as far as the next ones on either side.
    """
    count = pair.dance_frames.count
    total = np.zeros(pair.reference_frames.count + length + count * 2, np.float32)
    zero = length - 1 + count + count // 2
    for low, high in spans(len(starts), GROUP_WINDOWS):
        windows = [pair.dance_frames.part(s, s + length) for s in starts[low:high]]
        curves = correlate(np.stack(windows), pair.reference_frames)
        for start, curve in zip(starts[low:high], curves, strict=True):
            at = zero - (length - 1) - start - round(line.drift * (start + length / 2))
            total[at : at + len(curve)] += spread_max(curve, 1)
    return total / np.float32(np.sqrt(len(starts))), zero
