"""Recipes of cases that combine difficulties, or that invite a particular wrong answer."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import degrade, warp
from benchmarks.cases.case import (
    Case,
    Draw,
    fit,
    matched,
    most_distinct,
    phone,
    recipe,
    record,
    resemblance,
    rival,
    room_tone,
    scene,
    unrelated,
)
from benchmarks.cases.tracks import RATE, Track, same_music, speech, tracks
from pipeline.model import Samples, Segment


@recipe("speed_hard", 8)
def speed_hard(draw: Draw) -> Case:
    """Another speed together with noise, a talker, claps, or only 10 s of it."""
    speed = (1.05, 0.94, 1.03, 0.97, 1.2, 0.85, 1.06, 0.95)[draw.index % 8]
    engine: warp.Engine | None = "rubberband" if draw.index % 4 >= 2 else None
    seconds = 12.0 if draw.index in (3, 6) else 45.0
    where = scene(draw, seconds * speed, 150)
    dance, truth = record(where.reference, where.start, seconds, speed=speed, engine=engine)
    dance = phone(dance, draw)
    if draw.index % 2:
        dance = degrade.add_at_snr(dance, speech(draw.split, seconds, draw.seed()), 0)
    else:
        dance = degrade.noise(dance, 0, "pink", draw.seed())
    dance = degrade.claps_and_stomps(dance, RATE, draw.seed(), level_db=0)
    return matched(draw, dance, where.reference, truth)


@recipe("strong_reflection", 6)
def strong_reflection(draw: Draw) -> Case:
    """One reflection 6 to 12 dB above the direct path, 8 to 41 ms after it, and a room's tail."""
    level = (6, 8, 10, 12, 8, 12)[draw.index % 6]
    late = (0.008, 0.015, 0.025, 0.041, 0.012, 0.030)[draw.index % 6]
    response = degrade.room_response(RATE, 0.4, -3.0, draw.seed(), first_reflection=late + 0.002)
    direct = response[0]
    response[round(late * RATE)] += direct * 10 ** (level / 20)
    where = scene(draw, 45, 150)
    dance, truth = record(where.reference, where.start, 45)
    dance = degrade.noise(degrade.reverberate(dance, response), 20, "pink", draw.seed())
    return matched(draw, dance, where.reference, truth)


@recipe("other_music", 4)
def other_music(draw: Draw) -> Case:
    """The class next door: other music, from 6 dB below to 8 dB above ours."""
    where = scene(draw, 45, 150)
    dance, truth = record(where.reference, where.start, 45)
    other = draw.other_track(where.track).samples()[10 * RATE : 55 * RATE]
    dance = degrade.add_at_snr(phone(dance, draw), other, (6, 0, -4, -8)[draw.index % 4])
    return matched(draw, dance, where.reference, truth)


@recipe("medley", 3)
def medley(draw: Draw) -> Case:
    """A dance to two songs of which only one is the reference; first, second, and in between."""
    where = scene(draw, 30, 120)
    other = draw.other_track(where.track).samples()[10 * RATE : 40 * RATE]
    ours, _ = record(where.reference, where.start, 30)
    gap = np.zeros(2 * RATE, dtype=np.float32)
    parts = ([other, gap, ours], [ours, gap, other], [other, gap, ours, gap, other[::-1]])
    pieces = parts[draw.index % 3]
    begin = 0.0 if draw.index % 3 == 1 else 32.0
    truth = Segment(begin, begin + 30, where.start - begin)
    return matched(draw, phone(np.concatenate(pieces), draw), where.reference, truth)


@recipe("mostly_talk", 2)
def mostly_talk(draw: Draw) -> Case:
    """A minute of explanation, with 12 s of music in the middle."""
    where = scene(draw, 12, 150)
    ours, _ = record(where.reference, where.start, 12)
    talk = speech(draw.split, 60, draw.seed())
    dance = np.zeros(60 * RATE, dtype=np.float32)
    dance[30 * RATE : 42 * RATE] = ours / max(degrade.rms(ours), 1e-6) * 0.1
    quiet = np.where(
        (np.arange(len(dance)) > 30 * RATE) & (np.arange(len(dance)) < 42 * RATE), 0.5, 1
    )
    dance = phone(dance + (talk * quiet).astype(np.float32), draw)
    truth = Segment(30.0, 42.0, where.start - 30)
    return matched(draw, dance, where.reference, truth)


@recipe("edge", 4)
def edge(draw: Draw) -> Case:
    """Only the first or last 8 to 12 s of the dance lie within the reference."""
    overlap = (12.0, 8.0, 10.0, 9.0)[draw.index % 4]

    def attempt(turn: int) -> tuple[float, tuple[Samples, Samples, float]]:
        sound = draw.track(150, turn).samples()[: 150 * RATE]
        if draw.index % 2:  # the dance's end is the reference's start
            reference, start = sound[60 * RATE :], 60 + overlap - 45
        else:
            reference, start = sound[: 60 * RATE], 60 - overlap
        dance = warp.play(sound, RATE, start, 45)
        offset = start - 60 if draw.index % 2 else start
        return rival(dance, reference, offset), (dance, reference, offset)

    dance, reference, offset = most_distinct(attempt)
    truth = Segment(max(0.0, -offset), min(45.0, len(reference) / RATE - offset), offset)
    return matched(draw, phone(dance, draw), reference, truth)


@recipe("long", 3)
def long(draw: Draw) -> Case:
    """A dance of more than four minutes, with drift or slightly faster."""
    speed = (1.0005, 1.02, 0.9995)[draw.index % 3]
    sound = draw.track(290).samples()
    seconds = 250.0
    dance, truth = record(sound, 12.0, seconds, speed=speed)
    return matched(draw, phone(dance, draw), sound, truth)


@recipe("dropouts", 2)
def dropouts(draw: Draw) -> Case:
    """A phone that drops out: 30 gaps of 50 to 400 ms, the time line kept."""
    where = scene(draw, 45, 150)
    dance, truth = record(where.reference, where.start, 45)
    dance = phone(dance, draw)
    for start in draw.random.uniform(0, 44, 30):
        length = float(draw.random.uniform(0.05, 0.4))
        dance[int(start * RATE) : int((start + length) * RATE)] = 0
    return matched(draw, dance, where.reference, truth)


@recipe("cover", 4)
def cover(draw: Draw) -> Case:
    """The same arrangement on other instruments: the phases mean nothing, only the events do."""
    where = scene(draw, 45, 150)
    dance, truth = record(where.reference, where.start, 45)
    if draw.index % 2:
        dance = degrade.vocoder(dance, RATE, draw.seed())
    else:
        dance = degrade.scramble_phases(dance, RATE, draw.seed())
    return matched(draw, dance + room_tone(len(dance), draw.seed()), where.reference, truth)


def _distinct_song(draw: Draw, start: float, seconds: float) -> Track:
    """A track in which the stretch from ``start`` does not come again."""

    def attempt(turn: int) -> tuple[float, Track]:
        track = draw.track(110, turn)
        return resemblance(track.samples()[: 110 * RATE], start, seconds), track

    return most_distinct(attempt)


@recipe("natural_repeat", 5)
def natural_repeat(draw: Draw) -> Case:
    """A place that the song itself brings back almost alike (correlation 0.7 to 0.93)."""

    def attempt(turn: int) -> tuple[float, tuple[Samples, float]]:
        sound = draw.track(150, turn // 3).samples()
        reference = sound[: 180 * RATE]
        start = float(draw.random.uniform(0, 120))
        likeness = resemblance(reference, start, 20)
        return (0.0 if 0.7 < likeness < 0.93 else 1 + likeness), (reference, start)

    reference, start = most_distinct(attempt, 24)
    dance, truth = record(reference, start, 20)
    if draw.index % 2:
        dance = degrade.noise(dance, 10, "pink", draw.seed())
    return matched(draw, phone(dance, draw), reference, truth)


@recipe("repeat_varied", 4)
def repeat_varied(draw: Draw) -> Case:
    """A passage that comes twice, the second time with another voice 6 dB below it."""
    where = _distinct_song(draw, 40, 25)
    sound = where.samples()
    voice = draw.other_track(where).samples()[10 * RATE : 35 * RATE]
    passage = sound[40 * RATE : 65 * RATE]
    voiced = degrade.add_at_snr(passage, degrade.band_limit(voice, RATE, 500, 3000), 6)
    reference = np.concatenate((sound[: 15 * RATE], passage, sound[65 * RATE : 80 * RATE], voiced))
    reference = np.concatenate((reference, sound[80 * RATE : 100 * RATE]))
    start = (18.0, 58.0)[draw.index % 2]
    dance, truth = record(reference, start, 20)
    return matched(draw, phone(dance, draw), reference, truth)


@recipe("loop", 4)
def loop(draw: Draw) -> Case:
    """A loop played four times in a row; the dance is inside it, so that places are equal."""
    length = 12.0
    sound = _distinct_song(draw, 40, length).samples()
    bar = sound[40 * RATE : round((40 + length) * RATE)]
    reference = np.concatenate((sound[: 15 * RATE], *([bar] * 4), sound[90 * RATE : 105 * RATE]))
    seconds = (10.0, 15.0, 20.0, 30.0)[draw.index % 4]
    into = 2.0
    count = 1 + int((4 * length - into - seconds) // length)
    dance, truth = record(reference, 15 + into, seconds)
    dance = phone(dance, draw) if draw.index % 2 else dance
    places = tuple((15 + into + length * k, 1.0) for k in range(count))
    return Case(draw.name, draw.kind, fit(dance), fit(reference), RATE, (truth,), True, places)


@recipe("other_part", 5)
def other_part(draw: Draw) -> Case:
    """Another part of the very song, which the reference does not have."""

    def attempt(turn: int) -> tuple[float, tuple[Samples, Samples]]:
        sound = draw.track(250, turn).samples()
        dance = sound[200 * RATE : 240 * RATE]
        reference = sound[50 * (turn % 3) * RATE :][: 90 * RATE]
        windows = [dance[at * RATE : (at + 8) * RATE] for at in range(0, 33, 4)]
        return 2 * max(rival(w, reference, None) for w in windows), (dance, reference)

    dance, reference = most_distinct(attempt, 20)
    return unrelated(draw, phone(dance, draw), reference)


@recipe("backwards", 3)
def backwards(draw: Draw) -> Case:
    """The song backwards: the same tempo, notes and spectrum, and nothing in common."""
    where = scene(draw, 45, 120)
    dance, _ = record(where.reference, where.start, 45)
    return unrelated(draw, phone(dance[::-1].copy(), draw), where.reference)


@recipe("unrelated_many", 16)
def unrelated_many(draw: Draw) -> Case:
    """More pairs of different songs, by phone, of all lengths."""
    every = [t for t in tracks(draw.split) if t.seconds > 60]
    one = every[draw.index % len(every)]
    others = [t for t in every if not same_music(one, t)]
    other = others[int(draw.random.integers(len(others)))]
    seconds = float(draw.random.uniform(8, 60))
    start = float(draw.random.uniform(0, one.seconds - seconds))
    dance = warp.play(one.samples(), RATE, start, seconds)
    return unrelated(draw, phone(dance, draw), other.samples()[: 240 * RATE])
