"""Is all of the reference present on a line, or only a loop that both places share?

Through one room response (H1, as in ``limits``) every part of the reference has the same gain in
the dance, whatever else is recorded. On a line where only loops of one song agree, the gain is
high where they play alone and nil where the reference has something else. The gain is measured
second by second and band by band, and the share of cells in which the reference should be present
and is not, less the share that noise alone explains, is the doubt about the line.
"""

from __future__ import annotations

import numpy as np

from pipeline.align.shared.confidence import Ramp
from pipeline.align.sounds.odd_cells import Gains, worst_share
from pipeline.align.sounds.pair import Pair, transfer
from pipeline.align.sounds.signal import Array, Complex, Doubles, short_time
from pipeline.model import Segment

FRAME_SAMPLES = 2048
"""Samples of a frame."""
HOP_SAMPLES = 1024
"""Frames overlap by half."""
BAND_EDGES_HZ = (150.0, 250.0, 350.0, 500.0, 700.0, 1000.0, 1400.0, 2000.0, 2800.0, 3500.0)
"""Half an octave apart, about."""
BLOCK_SECONDS = 1.0
"""Length of a cell."""
MAX_SECONDS = 60
"""How much of a take is measured, spread evenly."""
MERGED_BLOCKS = (1, 2, 4)
"""Blocks taken together: the deeper in noise, the more of them are needed."""
QUIET_RATIO = 0.05
"""Power of the reference in a band, relative to its mean, below which a cell says nothing."""
SILENT_RATIO = 1e-5
"""Power of a band of the dance, relative to all, below which nothing is recorded there."""
MIN_SIGMAS = 4.0
"""Standard deviations by which a band has to be present at all."""

WHOLE_SHARE, LACKING_SHARE = 0.03, 0.15
"""Doubt up to which a take is beyond suspicion, and from which another one then is an echo."""
DOUBT = Ramp((0.05, 0.1), (1.0, 0.5))
"""Over doubt: up to the first nothing is missing; from the second on the line is as likely an
echo."""
NOTES = Ramp((0.34, 0.6), (0.5, 0.85))
"""Over the tonal match's coefficient: from the first on doubt weighs less, from the second little.
Echoes come to 0.31; ``python -m benchmarks.rules.calibrate`` fits the same middle."""


def confidence_cap(doubt: float | None, rho: float) -> float:
    """The highest confidence that a line with this doubt allows: 1 to 0.5.

    Doubt weighs less where the notes agree (``rho``, the tonal match's coefficient): the same
    notes in another arrangement, or in a moving room, are no echo.
    """
    return max(DOUBT.at(doubt or 0.0), NOTES.at(rho))


def pieces(start: float, stop: float) -> list[tuple[float, float]]:
    """Stretches of four blocks, spread evenly, that hold at most ``MAX_SECONDS`` seconds."""
    length = BLOCK_SECONDS * MERGED_BLOCKS[-1]
    if stop - start <= MAX_SECONDS:
        return [(start, stop)]
    begins = np.linspace(start, stop - length, int(MAX_SECONDS / length))
    return [(float(b), float(b) + length) for b in begins]


def missing_share(pair: Pair, segment: Segment) -> float | None:
    """The share of cells of a segment without the music that should be there, at least: 0 to 1.

    One standard error is taken off, so that what is unknown raises no doubt. None where too few
    cells are known: a very short stretch, or deep noise.
    """
    rate = pair.rate
    recorded: list[Complex] = []
    played: list[Complex] = []
    per = int(BLOCK_SECONDS * rate / HOP_SAMPLES)
    for low, high in pieces(segment.dance_start, segment.dance_end):
        count = int((high - low) * rate)
        if count < FRAME_SAMPLES + HOP_SAMPLES * per:
            continue
        sounds = pair.read(round(low * rate), count)
        here, there = (short_time(sound, FRAME_SAMPLES, HOP_SAMPLES) for sound in sounds)
        whole = len(here) // per * per
        recorded.append(here[:whole])
        played.append(there[:whole])
    if not recorded:
        return None
    own, other = np.concatenate(recorded), np.concatenate(played)
    return share_of_cells(own, other * transfer(own, other, 0.05), per, rate)


def share_of_cells(own: Complex, predicted: Complex, per: int, rate: int) -> float | None:
    """The doubt, from spectra of the dance and of the reference through the room response."""
    frequencies = np.fft.rfftfreq(FRAME_SAMPLES, 1 / rate)
    cuts = np.searchsorted(frequencies, [*BAND_EDGES_HZ])
    cuts = cuts[cuts < FRAME_SAMPLES // 2]

    def cells(values: Array) -> Doubles:
        bands = np.add.reduceat(values, cuts, axis=1)[:, :-1]
        rows: Doubles = bands.reshape(-1, per, bands.shape[1]).sum(axis=1).astype(np.float64)
        return rows

    power, mine = np.square(np.abs(predicted)), np.square(np.abs(own))
    cross = cells(np.real(own * np.conj(predicted)))
    expected, total = cells(power), cells(mine)
    # Frames half over each other are nearly independent; neighbouring bins are not.
    variance = 0.75 * cells(power * mine)
    recorded = total.sum(axis=0) > SILENT_RATIO * total.sum()
    by_band = [values[:, recorded] for values in (cross, expected, variance)]
    return worst_share(by_band, MERGED_BLOCKS, gains_of)


def gains_of(cells: list[Doubles]) -> Gains:
    """Gains of cells relative to their band's usual one, their variances, and which are of use."""
    cross, expected, variance = cells[0], cells[1] + 1e-12, cells[2]
    sums = cross.sum(axis=0)
    present = sums > MIN_SIGMAS * np.sqrt(variance.sum(axis=0))
    # By H1 the gain of a band is 1 on the whole, but for what was added to the auto spectrum.
    usual = np.where(present, sums / expected.sum(axis=0), 1.0)
    gain, error = cross / expected / usual, variance / np.square(expected * usual)
    return gain, error, present & (expected > QUIET_RATIO * expected.mean(axis=0))
