"""Recipes of the cases with changed speed, takes, repeats, and of those to be rejected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal

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
    room_tone,
    scene,
    unrelated,
)
from benchmarks.cases.tracks import RATE, Track, speech
from pipeline.model import Samples, Segment


def _changed_speed(draw: Draw, speed: float, engine: warp.Engine | None) -> Case:
    seconds = float(draw.random.uniform(25, 60))
    where = scene(draw, seconds * speed, float(draw.random.uniform(90, 200)))
    seconds = min(seconds, (len(where.reference) / RATE - where.start) / speed)
    lead = 4.0 if draw.index % 4 == 3 else 0.0
    offset = -lead * speed if lead else where.start
    dance, truth = record(where.reference, offset, seconds + lead, speed=speed, engine=engine)
    dance = phone(dance, draw) if draw.index % 2 else dance + room_tone(len(dance), draw.seed())
    return matched(draw, dance, where.reference, truth)


MILD_SPEEDS = (1.03, 0.95, 0.92, 1.08, 1.02, 0.98, 1.05, 0.97, 1.01, 1.065)
FULL_SPEEDS = (0.70, 1.40, 0.80, 1.25, 0.90, 1.10, 0.75, 1.33, 0.85, 1.18)


@recipe("mild_moved", 10)
def mild_moved(draw: Draw) -> Case:
    """Up to 8 % faster or slower, the pitch moved."""
    speed = MILD_SPEEDS[draw.index] + float(draw.random.uniform(-0.004, 0.004))
    return _changed_speed(draw, speed, None)


@recipe("mild_kept", 10)
def mild_kept(draw: Draw) -> Case:
    """Up to 8 % faster or slower, the pitch kept."""
    engine: warp.Engine = "atempo" if draw.index in (4, 7) else "rubberband"
    speed = MILD_SPEEDS[draw.index] + float(draw.random.uniform(-0.004, 0.004))
    return _changed_speed(draw, speed, engine)


def _full_speed(draw: Draw) -> float:
    """A speed of the full range; in the later splits not a round one."""
    if draw.split in ("develop", "held"):
        return FULL_SPEEDS[draw.index]
    return float(np.clip(FULL_SPEEDS[draw.index] * draw.random.uniform(0.97, 1.03), 0.70, 1.40))


@recipe("full_moved", 10)
def full_moved(draw: Draw) -> Case:
    """0.70 to 1.40 times as fast, the pitch moved."""
    return _changed_speed(draw, _full_speed(draw), None)


@recipe("full_kept", 10)
def full_kept(draw: Draw) -> Case:
    """0.70 to 1.40 times as fast, the pitch kept."""
    engine: warp.Engine = "atempo" if draw.index in (4, 7) else "rubberband"
    return _changed_speed(draw, _full_speed(draw), engine)


Takes = list[tuple[float, float, float]]
"""For each take the silence before it, its start in the reference, its length (seconds)."""


def _assemble(
    draw: Draw,
    reference: Samples,
    plan: Takes,
    speeds: Sequence[float] = (),
) -> Case:
    """A dance of several takes, each at its own speed."""
    pieces: list[Samples] = []
    truth: list[Segment] = []
    now = 0
    for number, (gap, start, seconds) in enumerate(plan):
        pieces.append(np.zeros(round(gap * RATE), dtype=np.float32))
        now += len(pieces[-1])
        speed = speeds[number] if speeds else 1.0
        length = min(seconds, (len(reference) / RATE - start) / speed)
        take = warp.play(reference, RATE, start, length, speed)
        edge = np.minimum(1, np.arange(len(take)) / 160).astype(np.float32)
        pieces.append(take * edge * edge[::-1])
        begin = now / RATE
        now += len(take)
        truth.append(
            Segment(begin, now / RATE, start - speed * begin, speed, pitch_moved=speed != 1)
        )
    pieces.append(np.zeros(2 * RATE, dtype=np.float32))
    dance = np.concatenate(pieces)
    music = phone(dance, draw)
    if draw.index % 2:  # the teacher talks between the takes and over them
        talk = speech(draw.split, len(dance) / RATE, draw.seed())
        music = degrade.add_at_snr(music, talk, 6)
    return matched(draw, music, reference, tuple(truth))


@recipe("takes", 8)
def takes(draw: Draw) -> Case:
    """Music that stops, restarts, is paused, or is played again from the top."""
    u = draw.random.uniform

    def attempt(turn: int) -> tuple[float, tuple[Samples, Takes]]:
        reference = draw.track(150, turn).samples()[: 150 * RATE]
        a, b = float(u(0, 20)), float(u(40, 105))
        plans: tuple[Takes, ...] = (
            [(3, a, 25), (6, b, 30)],  # stopped, and started elsewhere
            [(0, 0, 20), (5, 0, 40)],  # broken off, again from the top
            [(2, a, 25), (4, a + 25, 30)],  # paused
            [(0, 0, 15), (4, 0, 15), (4, 0, 35)],  # three attempts
            [(1, b, 20), (8, a, 30)],  # back to an earlier place
            [(0, a, 22), (0, b, 28)],  # cut in the dance video: no gap at all
            [(0, a, 30), (3, a + 10, 30)],  # rewound by 20 s
            [(5, a, 12), (5, b, 12), (5, a + 5, 20)],
        )
        plan = plans[draw.index % len(plans)]
        likeness = max(resemblance(reference, start, length) for _, start, length in plan)
        return likeness, (reference, plan)

    return _assemble(draw, *most_distinct(attempt))


@recipe("takes_speed", 3)
def takes_speed(draw: Draw) -> Case:
    """Takes at another speed, and a slow rehearsal before the full tempo."""
    where = scene(draw, 35, 150)
    a = where.start
    speeds = ((1.04, 1.04), (0.85, 1.0), (0.97, 1.0))[draw.index % 3]
    return _assemble(draw, where.reference, [(2, a, 30), (5, a, 30)], speeds)


@recipe("cut", 3)
def cut(draw: Draw) -> Case:
    """A reference from which a stretch was cut, 4 to 20 s long, within what was danced to."""
    gap = (4.0, 10.0, 20.0)[draw.index % 3]
    skip = round(gap * RATE)

    def attempt(turn: int) -> tuple[float, tuple[Samples, int]]:
        sound = draw.track(200, turn).samples()[: 200 * RATE]
        keep = round(float(draw.random.uniform(60, 100)) * RATE)
        at = keep / RATE
        stretches = ((at - 28, 28), (at + gap, 28), (at - 28, 56 + gap))
        likeness = max(resemblance(sound, *stretch) for stretch in stretches)
        return likeness, (sound, keep)

    sound, keep = most_distinct(attempt)
    reference = np.concatenate((sound[:keep], sound[keep + skip :]))
    begin, seconds = keep / RATE - 28, 56 + gap
    dance = warp.play(sound, RATE, begin, seconds)
    before = Segment(0.0, keep / RATE - begin, begin)
    after = Segment((keep + skip) / RATE - begin, seconds, begin - skip / RATE)
    return matched(draw, phone(dance, draw), reference, (before, after))


def _tiled(draw: Draw, passage: float, between: float) -> tuple[Samples, float, float]:
    """A reference whose passage comes twice, and where (seconds) each begins."""

    def attempt(turn: int) -> tuple[float, tuple[Samples, float]]:
        sound = draw.track(110, turn // 3).samples()
        at = float(draw.random.uniform(20, 40))
        return resemblance(sound[: 110 * RATE], at, passage), (sound, at)

    sound, at = most_distinct(attempt)
    intro = sound[: round(15 * RATE)]
    phrase = sound[round(at * RATE) : round((at + passage) * RATE)]
    after = round((at + passage) * RATE)
    bridge = sound[after : after + round(between * RATE)]
    outro = sound[after + len(bridge) :][: 30 * RATE]
    reference = np.concatenate((intro, phrase, bridge, phrase, outro))
    first = len(intro) / RATE
    return reference, first, first + passage + len(bridge) / RATE


@recipe("ambiguous", 6)
def ambiguous(draw: Draw) -> Case:
    """All of the dance lies in a passage that comes twice, sample for sample."""
    between = (0.0, 17.0, 25.0, 12.0, 0.0, 30.0)[draw.index % 6]
    passage = 25.0
    reference, one, two = _tiled(draw, passage, between)
    into = float(draw.random.uniform(1, 5))
    seconds = (15.0, 18.0, 12.0, 10.0, 18.0, 16.0)[draw.index % 6]
    speed = 1.04 if draw.index % 6 == 5 else 1.0
    dance, truth = record(reference, one + into, seconds, speed=speed)
    dance = phone(dance, draw) if draw.index % 2 else dance
    places = ((one + into, speed), (two + into, speed))
    return Case(draw.name, draw.kind, fit(dance), fit(reference), RATE, (truth,), True, places)


@recipe("repeat", 8)
def repeat(draw: Draw) -> Case:
    """A passage that comes twice, and a dance that runs a few seconds beyond it."""
    between = (10.0, 17.0, 25.0, 12.0, 8.0, 30.0, 17.0, 20.0)[draw.index % 8]
    passage = 25.0
    reference, one, two = _tiled(draw, passage, between)
    beyond = (8.0, 6.0, 4.0, 5.0, 8.0, 6.0, 3.0, 10.0)[draw.index % 8]
    speed = 1.03 if draw.index % 8 == 5 else 1.0
    start = (one, two)[draw.index % 2] + 3
    if draw.index % 4 >= 2:  # begins before the passage instead
        start = (one, two)[draw.index % 2] - beyond
        seconds = passage - 3 + beyond
    else:
        seconds = passage - 3 + beyond
    dance, truth = record(reference, start, seconds / speed, speed=speed)
    return matched(draw, phone(dance, draw), reference, truth)


def _two_tracks(draw: Draw, *, one_artist: bool | None = None) -> tuple[Track, Track]:
    first = draw.track(60)
    for _ in range(50):
        other = draw.other_track(first)
        if one_artist is None or (other.artist == first.artist) == one_artist:
            break
    return first, other


def _piece(draw: Draw, track: Track, seconds: float) -> Samples:
    sound = track.samples()
    length = min(len(sound), round(seconds * RATE))
    first = int(draw.random.integers(0, len(sound) - length + 1))
    return sound[first : first + length]


@recipe("unrelated", 10)
def other_tracks(draw: Draw) -> Case:
    """Another piece: of another artist, of the same one, short and long, clean and by phone."""
    one, other = _two_tracks(draw, one_artist=draw.index % 2 == 0)
    dance = _piece(draw, one, (20, 45, 90, 10, 60)[draw.index % 5])
    dance = phone(dance, draw) if draw.index % 3 else dance
    return unrelated(draw, dance, _piece(draw, other, float(draw.random.uniform(60, 240))))


@recipe("same_tempo", 6)
def same_tempo(draw: Draw) -> Case:
    """Another piece, stretched to exactly the same tempo."""
    one, other = _two_tracks(draw)
    dance, reference = _piece(draw, one, 60), _piece(draw, other, 150)
    ratio = warp.tempo(reference, RATE) / warp.tempo(dance, RATE)
    dance = warp.stretch(dance, RATE, 0, len(dance) / RATE / ratio - 1, ratio)
    return unrelated(draw, phone(dance, draw), reference)


@recipe("same_drums", 4)
def same_drums(draw: Draw) -> Case:
    """Another piece with the same drum samples, in the same pattern or in another."""
    one, other = _two_tracks(draw)
    dance, reference = _piece(draw, one, 50), _piece(draw, other, 150)
    beats = float(draw.random.uniform(90, 130))
    pattern = draw.seed()
    theirs = degrade.drum_loop(len(reference), RATE, beats, pattern)
    second = pattern if draw.index % 2 else pattern + 1
    ours = degrade.drum_loop(len(dance), RATE, beats, second)
    dance = degrade.add_at_snr(dance, ours, 3)
    return unrelated(draw, phone(dance, draw), degrade.add_at_snr(reference, theirs, 3))


@recipe("other_version", 3)
def other_version(draw: Draw) -> Case:
    """The song at a tempo no class plays: 0.5, 1.7 and 2 times, the pitch kept."""
    where = scene(draw, 80, 150)
    speed = (0.5, 1.7, 2.0)[draw.index % 3]
    seconds = 40.0
    dance = warp.stretch(where.reference, RATE, 20.0, seconds, speed)
    return unrelated(draw, dance, where.reference)


@recipe("no_music", 10)
def no_music(draw: Draw) -> Case:
    """Metronome, talk, silence, noise, room tone, hum, claps instead of music; both ways round."""
    seconds = 40.0
    count = round(seconds * RATE)
    reference = _piece(draw, draw.track(100), 120)
    way = draw.index % 10
    time = np.arange(count) / RATE
    dance: NDArray[np.floating]
    if way == 0:
        click = np.zeros(count)
        click[:: round(60 / 118 * RATE)] = 1
        dance = signal.fftconvolve(click, np.sin(2 * np.pi * 1500 * time[:400]))[:count]
    elif way == 1:
        click = np.zeros(count)
        click[:: round(60 / warp.tempo(reference, RATE) * RATE)] = 1
        burst = degrade.coloured_noise(800, "white", 5) * np.exp(-np.arange(800) / 150)
        dance = signal.fftconvolve(click, burst)[:count]
    elif way in (2, 3):
        dance = speech(draw.split, seconds, draw.seed())
    elif way == 4:
        dance = np.zeros(count)
    elif way == 5:
        dance = 0.2 * degrade.coloured_noise(count, "white", draw.seed())
    elif way == 6:
        dance = room_tone(count, draw.seed(), 0.002)
    elif way == 7:  # mains hum
        dance = 0.1 * np.sin(2 * np.pi * 50 * time) + 0.03 * np.sin(2 * np.pi * 150 * time)
        dance = dance + room_tone(count, draw.seed())
    elif way == 8:  # only the class's own claps
        quiet = room_tone(count, draw.seed(), 0.01)
        dance = degrade.claps_and_stomps(quiet, RATE, draw.seed(), level_db=30)
    else:  # a talk as the reference
        return unrelated(draw, phone(reference, draw), speech(draw.split, 100, draw.seed()))
    return unrelated(draw, np.asarray(dance, dtype=np.float32), reference)
