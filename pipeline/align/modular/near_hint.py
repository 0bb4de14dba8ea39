"""Refining a person's placing by features: only within the hint's reach."""

from __future__ import annotations

import numpy as np

from pipeline.align.modular.features import PER_SECOND, Features, extract
from pipeline.align.modular.fit import Line, chance, fit_stretch, products
from pipeline.align.modular.takes import Take, find_takes, genuine, track
from pipeline.align.modular.tempo import SEMITONES
from pipeline.align.shared.hint import REACH, Hint
from pipeline.model import Sound

SIGMAS = 5.5
"""Height of the best lag over chance from which there is something to refine by."""


def near(
    dance: Sound, reference: Sound, listening: Features, hint: Hint
) -> tuple[Features, list[Take]]:
    """Features at the hint's speed, and the takes within its reach; none when nothing fits."""
    pitches = [1.0] if abs(hint.speed - 1) < 2e-3 else [hint.speed, 1.0]
    keys = [2 ** (key / 12) for key in SEMITONES]
    best: tuple[float, Features, Line] | None = None
    heard = extract(dance, hint.speed, pitches[0])
    for number, pitch in enumerate([*pitches, *keys]):
        if number == len(pitches) and best is not None and best[0] >= SIGMAS:
            break  # other keys are tried when nothing fits
        heard = extract(dance, hint.speed, pitch)
        line = Line(hint.offset * PER_SECOND)
        low, high = line.overlap(heard, listening)
        if high - low < PER_SECOND:
            continue
        reach = round(REACH * PER_SECOND)
        curve = products(heard, listening, line, low, high, reach).sum(axis=1)
        sigma = float(np.sqrt(np.square(chance(heard, low, high)).sum())) + 1e-6
        top = int(curve.argmax())
        height = float(curve[top]) / sigma
        if best is None or height > best[0]:
            best = (height, heard, Line(line.lag + top - reach))
    if best is None or best[0] < SIGMAS:
        return heard, []
    _, heard, line = best
    low, high = line.overlap(heard, listening)
    line = fit_stretch(heard, listening, line, low, high, 5e-4)
    found = find_takes(heard, listening, [track(heard, listening, line)])
    takes = genuine(heard, listening, found)
    return heard, takes or [Take(line, low, high, best[0])]
