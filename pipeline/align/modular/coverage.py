"""Is all of the reference heard on a line, or only a loop that both places share?

Through the room (H1, as in ``limits``) every part of the reference is heard with the
same gain, whatever else is heard. On a line where only loops of one song agree, the gain is
high where they play alone and nil where the reference has something else. The gain is measured
second by second and band by band, and the share of cells in which the reference should be heard
and is not, less the share that noise alone explains, is the doubt about the line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.align.shared.echoes import odd_share
from pipeline.align.shared.signal import Array, Complex, read_warped, window
from pipeline.model import Sound

FRAME = 2048
HOP = 1024
"""Samples: frames half over each other."""
EDGES = (150.0, 250.0, 350.0, 500.0, 700.0, 1000.0, 1400.0, 2000.0, 2800.0, 3500.0)
"""Hertz."""
BLOCK = 1.0
"""Seconds of a cell."""
MOST = 60
"""Seconds that are looked at, spread evenly."""
MERGED = (1, 2, 4)
"""Blocks taken together: the deeper in noise, the more of them are needed."""
QUIET = 0.05
"""Power of the reference in a band, relative to its mean, below which a cell says nothing."""
SILENT = 1e-5
"""Power of a band of the dance, relative to all, below which nothing is recorded there."""
SIGNIFICANT = 4.0
"""Deviations by which a band has to be heard at all."""
KNOWN = 0.3
"""Relative variance of a gain from which it tells nothing."""
FEWEST = 8

WHOLE, LACKING = 0.03, 0.15
"""Doubt up to which a take is beyond suspicion, and from which another one then is an echo."""
CLEAN, DOUBTFUL = 0.05, 0.1
"""Doubt up to which nothing is missing, and from which the line is as likely an echo."""

SAME_NOTES = (0.34, 0.6)
"""Tonal coefficients from which doubt weighs less, and little; echoes come to 0.31."""

Doubles = NDArray[np.float64]


def confidence_cap(doubts: list[float | None], rho: float) -> float:
    """The highest confidence that lines with these doubts allow: 1 to 0.5.

    Doubt weighs less where the notes agree (``rho``, the tonal match's coefficient): the same
    notes in another arrangement, or in a moving room, are no echo.
    """
    worst = max((d for d in doubts if d is not None), default=0.0)
    allowed = float(np.interp(worst, [CLEAN, DOUBTFUL], [1.0, 0.5]))
    return max(allowed, float(np.interp(rho, SAME_NOTES, [0.5, 0.85])))


def spectra(sound: Sound, start: float, step: float, count: int) -> Complex:
    """Short-time spectra of ``count`` samples at times ``start + n * step``."""
    samples = read_warped(sound, start, step, count)
    views = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    result: Complex = np.fft.rfft(views * window(FRAME), axis=1).astype(np.complex64)
    return result


def pieces(start: float, stop: float) -> list[tuple[float, float]]:
    """Stretches of four blocks, spread evenly, that hold at most ``MOST`` seconds."""
    length = BLOCK * MERGED[-1]
    if stop - start <= MOST:
        return [(start, stop)]
    begins = np.linspace(start, stop - length, int(MOST / length))
    return [(float(b), float(b) + length) for b in begins]


def missing_share(
    dance: Sound, reference: Sound, offset: float, speed: float, start: float, stop: float
) -> float | None:
    """The share of cells without the music that should be there, at least: 0 to 1.

    One standard error is taken off, so that what cannot be told raises no doubt. None where
    too few cells tell anything: a very short stretch, or deep noise.
    """
    rate = dance.rate
    heard: list[Complex] = []
    played: list[Complex] = []
    per = int(BLOCK * rate / HOP)
    for low, high in pieces(start, stop):
        count = int((high - low) * rate)
        if count < FRAME + HOP * per:
            continue
        here = spectra(dance, low, 1 / rate, count)
        there = spectra(reference, speed * low + offset, speed / rate, count)
        whole = len(here) // per * per
        heard.append(here[:whole])
        played.append(there[:whole])
    if not heard:
        return None
    own, other = np.concatenate(heard), np.concatenate(played)
    power = np.square(np.abs(own)).sum(axis=1, keepdims=True)
    weight = 1 / (power + 0.05 * power.mean() + 1e-12)
    auto = (np.square(np.abs(other)) * weight).sum(axis=0)
    room = (own * np.conj(other) * weight).sum(axis=0) / (auto + 0.01 * auto.mean() + 1e-12)
    return share_of_cells_by_blocks(own, other * room, per, rate)


def share_of_cells_by_blocks(own: Complex, heard: Complex, per: int, rate: int) -> float | None:
    """The doubt, from spectra of the dance and of the reference as heard through the room."""
    cuts = np.searchsorted(np.arange(FRAME // 2 + 1) * rate / FRAME, [*EDGES])
    cuts = cuts[cuts < FRAME // 2]

    def cells(values: Array) -> Doubles:
        bands = np.add.reduceat(values, cuts, axis=1)[:, :-1]
        rows: Doubles = bands.reshape(-1, per, bands.shape[1]).sum(axis=1).astype(np.float64)
        return rows

    power, mine = np.square(np.abs(heard)), np.square(np.abs(own))
    cross = cells(np.real(own * np.conj(heard)))
    expected, total = cells(power), cells(mine)
    # Frames half over each other are nearly independent; neighbouring bins are not.
    variance = 0.75 * cells(power * mine)
    recorded = total.sum(axis=0) > SILENT * total.sum()
    if not recorded.any():
        return None
    said: list[float] = []
    for number in MERGED:
        rows = len(cross) // number * number
        merged = [
            v[:rows].reshape(-1, number, v.shape[1]).sum(axis=1)[:, recorded]
            for v in (cross, expected, variance)
        ]
        found = share_of_cells(*merged) if merged[0].size else None
        if found is not None:
            said.append(found)
    return max(said, default=None)


def share_of_cells(cross: Doubles, expected: Doubles, variance: Doubles) -> float | None:
    """The share of cells whose gain is not their band's usual one, less chance and one error."""
    expected = expected + 1e-12
    sums = cross.sum(axis=0)
    heard = sums > SIGNIFICANT * np.sqrt(variance.sum(axis=0))
    # By H1 the gain of a band is 1 on the whole, but for what was added to the auto spectrum.
    usual = np.where(heard, sums / expected.sum(axis=0), 1.0)
    gain, error = cross / expected / usual, variance / np.square(expected * usual)
    known = heard & (expected > QUIET * expected.mean(axis=0)) & (error < KNOWN)
    if np.count_nonzero(known) < FEWEST:
        return None
    return odd_share(gain[known], error[known])
