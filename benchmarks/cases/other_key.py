"""Recipes of the cases in another key: the pitch moved by itself, at the same tempo."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import degrade, warp
from benchmarks.cases.case import (
    Case,
    Draw,
    matched,
    phone,
    recipe,
    record,
    room_tone,
    scene,
    unrelated,
)
from benchmarks.cases.tracks import RATE, speech
from pipeline.model import Samples

SEMITONES = (-3.0, -2.0, -1.0, 1.0, 2.0, 3.0)


@recipe("pitch", 12)
def pitch(draw: Draw) -> Case:
    """Up to three semitones lower or higher, by both engines, clean and by phone."""
    again, number = divmod(draw.index, len(SEMITONES))
    engine: warp.Engine = "atempo" if (number + again) % 2 else "rubberband"
    seconds = float(draw.random.uniform(25, 60))
    where = scene(draw, seconds, float(draw.random.uniform(90, 200)))
    dance, truth = record(
        where.reference, where.start, seconds, engine=engine, semitones=SEMITONES[number]
    )
    by_phone = (number // 2 + again) % 2
    dance = phone(dance, draw) if by_phone else dance + room_tone(len(dance), draw.seed())
    return matched(draw, dance, where.reference, truth)


@recipe("pitch_hard", 8)
def pitch_hard(draw: Draw) -> Case:
    """Another key by phone, together with noise or a talker as loud as the music, with claps, or
    only 12 s long."""
    semitones = (2.0, -2.0, 3.0, -3.0, 1.0, -1.0, -2.0, 3.0)[draw.index]
    engine: warp.Engine = "atempo" if draw.index % 4 >= 2 else "rubberband"
    seconds = 12.0 if draw.index in (3, 6) else 45.0
    where = scene(draw, seconds, 150)
    dance, truth = record(where.reference, where.start, seconds, engine=engine, semitones=semitones)
    dance = phone(dance, draw)
    if draw.index % 2:
        dance = degrade.add_at_snr(dance, speech(draw.split, seconds, draw.seed()), 0)
    else:
        dance = degrade.noise(dance, 0, "pink", draw.seed())
    dance = degrade.claps_and_stomps(dance, RATE, draw.seed(), level_db=0)
    return matched(draw, dance, where.reference, truth)


BEYOND = (
    *((semitones, 1.0, 45.0) for semitones in (0.5, -0.5, 1.5, -1.5, 2.5, -2.5)),
    *((semitones, 1.0, 45.0) for semitones in (4.0, -4.0, 5.0, -5.0, 6.0, -6.0, 7.0, -7.0)),
    *((semitones, speed, 45.0) for semitones, speed in ((2.0, 1.02), (-2.0, 0.96), (3.0, 1.1))),
    *((semitones, 1.0, 8.0) for semitones in (2.0, -2.0, 3.0)),
    *((1.0, 1.03, 45.0), (-1.0, 0.95, 45.0), (-2.0, 1.05, 45.0), (-3.0, 0.9, 45.0)),
    (-2.0, 0.99, 45.0),
)
"""Semitones, speed and seconds of what is between two keys, farther, at another speed as well, or
very short."""


@recipe("pitch_beyond", len(BEYOND))
def pitch_beyond(draw: Draw) -> Case:
    """What nobody promises to find: the documents say what is."""
    semitones, speed, seconds = BEYOND[draw.index]
    engine: warp.Engine = "atempo" if draw.index % 2 else "rubberband"
    where = scene(draw, seconds * speed, 150)
    dance, truth = record(
        where.reference, where.start, seconds, speed=speed, engine=engine, semitones=semitones
    )
    return matched(draw, phone(dance, draw), where.reference, truth)


@recipe("pitch_unrelated", 12)
def pitch_unrelated(draw: Draw) -> Case:
    """Another key of what is not the reference: another song, at its own and at the reference's
    tempo, with the same drum samples (moved with the song), and the song backwards."""
    semitones = SEMITONES[(draw.index // 4 + draw.index) % len(SEMITONES)]
    engine: warp.Engine = "atempo" if draw.index % 2 else "rubberband"
    where = scene(draw, 50, 150)
    reference, way = where.reference, draw.index % 4
    other = draw.other_track(where.track).samples()[10 * RATE : 65 * RATE]
    speed = 1.0
    if way == 1:
        speed = warp.tempo(reference, RATE) / warp.tempo(other, RATE)
    elif way == 2:
        beats, pattern = float(draw.random.uniform(90, 130)), draw.seed()
        ours, theirs = (degrade.drum_loop(len(x), RATE, beats, pattern) for x in (other, reference))
        other = degrade.add_at_snr(other, ours, 3)
        reference = degrade.add_at_snr(reference, theirs, 3)
    elif way == 3:
        other = reversed_piece(reference, where.start)
    seconds = len(other) / RATE / speed - 3
    dance = warp.stretch(other, RATE, 1.0, seconds, speed, engine, semitones)
    return unrelated(draw, phone(dance, draw), reference)


def reversed_piece(reference: Samples, start: float) -> Samples:
    """50 s of a reference, backwards."""
    first = round(start * RATE)
    return np.ascontiguousarray(reference[first : first + 50 * RATE][::-1])
