"""Recipes of the cases in rooms that were measured, and of loops danced to in a room."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import degrade
from benchmarks.cases.case import (
    Case,
    Draw,
    Scene,
    fit,
    matched,
    most_distinct,
    phone,
    recipe,
    record,
    resemblance,
    scene,
)
from benchmarks.cases.responses import Response, packaged
from benchmarks.cases.tracks import RATE
from pipeline.model import Samples


def in_room(draw: Draw, response: Response, where: Scene, seconds: float) -> Case:
    """A dance recorded through a measured response, pink noise 12 dB below."""
    dance, truth = record(where.reference, where.start, seconds)
    dance = degrade.noise(degrade.reverberate(dance, response), 12, "pink", draw.seed())
    return matched(draw, dance, where.reference, truth)


@recipe("measured_room", 10)
def measured_room(draw: Draw) -> Case:
    """Rooms that were measured: a sports centre, two laboratories, a living room."""
    responses = list(packaged().values())
    seconds = float(draw.random.uniform(20, 45))
    where = scene(draw, seconds, 150)
    return in_room(draw, responses[draw.index % len(responses)], where, seconds)


LOOP_TIMES = 8
"""How often a song's loop is played; a drum loop, of one bar, four times as often."""


def _loop(draw: Draw) -> tuple[Samples, float]:
    """A reference that is one loop over and over, and the loop's seconds."""
    if draw.index % 2:
        beats = float(draw.random.uniform(85, 130))
        bar = round(16 * int(60 / beats / 4 * RATE)) / RATE
        count = round(4 * LOOP_TIMES * bar * RATE)
        return degrade.drum_loop(count, RATE, 15 * RATE / int(15 / beats * RATE), draw.seed()), bar
    seconds = float(draw.random.uniform(6, 10))
    length = round(seconds * RATE)

    def attempt(turn: int) -> tuple[float, Samples]:
        sound = draw.track(60, turn).samples()
        first = int(draw.random.integers(0, len(sound) - length))
        loop = sound[first : first + length]
        return resemblance(loop, 0.0, seconds / 2), loop

    return edged(most_distinct(attempt)), length / RATE


def edged(loop: Samples) -> Samples:
    """A loop over and over, faded at its edges as players do."""
    edge = np.minimum(1, np.arange(len(loop)) / (RATE // 50)).astype(np.float32)
    return np.tile(loop * edge * edge[::-1], LOOP_TIMES)


@recipe("practice_loop", 8)
def practice_loop(draw: Draw) -> Case:
    """A loop for practice, of a song or of drums alone, danced to twice in a room with noise."""
    reference, loop = _loop(draw)
    seconds = max(2 * loop, 12.0)
    into = float(draw.random.uniform(0, loop))
    dance, truth = record(reference, into, seconds)
    recorded = phone(dance, draw, direct_db=(3, 0, -4, -8)[draw.index // 2 % 4])
    recorded = degrade.noise(recorded, 8, "pink", draw.seed())
    count = 1 + int((len(reference) / RATE - into - seconds) / loop)
    places = tuple((into + loop * k, 1.0) for k in range(count))
    return Case(draw.name, draw.kind, fit(recorded), fit(reference), RATE, (truth,), True, places)
