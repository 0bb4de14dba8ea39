"""Recipes of the cases at the same speed: what a room, a phone and a class do to the sound."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.cases import degrade, warp
from benchmarks.cases.case import (
    Case,
    Draw,
    Scene,
    matched,
    most_distinct,
    phone,
    recipe,
    record,
    resemblance,
    rival,
    room_tone,
    scene,
)
from benchmarks.cases.tracks import RATE, speech
from pipeline.model import Samples, Segment


def _plain(draw: Draw, seconds: float | None = None) -> tuple[Samples, Scene, Segment]:
    length = float(draw.random.uniform(20, 60)) if seconds is None else seconds
    where = scene(draw, length)
    length = min(length, len(where.reference) / RATE - where.start)
    dance, truth = record(where.reference, where.start, length)
    return dance, where, truth


def _degraded(draw: Draw, change: Callable[[Samples], Samples]) -> Case:
    dance, where, truth = _plain(draw)
    return matched(draw, change(dance), where.reference, truth)


@recipe("clean", 6)
def clean(draw: Draw) -> Case:
    """Offsets of both signs, none at all, and fractions of a sample."""
    seconds = float(draw.random.uniform(20, 60))
    where = scene(draw, seconds)
    lead = float(draw.random.uniform(1, 15))
    offset = (where.start, -lead, 0.0, where.start, -lead, where.start)[draw.index % 6]
    dance, truth = record(where.reference, offset, seconds + max(0.0, -offset))
    return matched(draw, dance + room_tone(len(dance), draw.seed()), where.reference, truth)


@recipe("phone", 5)
def whole_phone(draw: Draw) -> Case:
    """All of an ordinary recording at once, with a talker and claps."""
    dance, where, truth = _plain(draw)
    dance = phone(dance, draw, direct_db=(6, 3, 0, 3, 0)[draw.index % 5])
    talk = speech(draw.split, len(dance) / RATE, draw.seed())
    dance = degrade.add_at_snr(dance, talk, float(draw.random.uniform(0, 10)))
    dance = degrade.claps_and_stomps(dance, RATE, draw.seed(), level_db=3)
    dance = warp.codec(degrade.automatic_gain(dance, RATE), RATE, "aac64")
    return matched(draw, dance, where.reference, truth)


@recipe("noise", 7)
def noise(draw: Draw) -> Case:
    """White and pink noise, 0 to -20 dB."""
    level = (0, -5, -10, -10, -15, -20, -20)[draw.index % 7]
    colour: degrade.Colour = "pink" if draw.index % 2 else "white"
    return _degraded(draw, lambda x: degrade.noise(x, level, colour, draw.seed()))


@recipe("reverb", 4)
def reverb(draw: Draw) -> Case:
    """A room with a strong direct path."""
    response = degrade.room_response(RATE, 0.4 + 0.3 * draw.index, 0.0, draw.seed())
    return _degraded(draw, lambda x: degrade.reverberate(x, response))


@recipe("weak_direct", 5)
def weak_direct(draw: Draw) -> Case:
    """A room whose reflections are 4 to 12 dB stronger than the direct path."""
    response = degrade.room_response(RATE, 0.6, (-4, -6, -8, -10, -12)[draw.index % 5], draw.seed())
    return _degraded(draw, lambda x: degrade.reverberate(x, response))


@recipe("talker", 4)
def talker(draw: Draw) -> Case:
    """A teacher who talks, up to 12 dB louder than the music."""
    level = (0, -4, -8, -12)[draw.index % 4]

    def talk(x: Samples) -> Samples:
        return degrade.add_at_snr(x, speech(draw.split, len(x) / RATE, draw.seed()), level)

    return _degraded(draw, talk)


@recipe("babble", 3)
def babble(draw: Draw) -> Case:
    """Eight people at once, 0 to 15 dB louder than the music."""

    def crowd(x: Samples) -> Samples:
        voices = sum(speech(draw.split, len(x) / RATE, draw.seed()) for _ in range(8))
        return degrade.add_at_snr(x, np.asarray(voices), (0, -8, -15)[draw.index % 3])

    return _degraded(draw, crowd)


@recipe("claps", 4)
def claps(draw: Draw) -> Case:
    """Claps and stomps, up to 18 dB above the music's peaks."""
    return _degraded(
        draw,
        lambda x: degrade.claps_and_stomps(
            x, RATE, draw.seed(), level_db=(0, 6, 12, 18)[draw.index % 4]
        ),
    )


@recipe("clipping", 3)
def clipping(draw: Draw) -> Case:
    """A microphone driven into clipping: rms at -9, -3 and 3 dB of full scale."""
    return _degraded(draw, lambda x: degrade.clip(x, (9, 3, -3)[draw.index % 3]))


@recipe("gain", 3)
def gain(draw: Draw) -> Case:
    """Automatic gain that pumps at each clap."""

    def pump(x: Samples) -> Samples:
        clapped = degrade.claps_and_stomps(x, RATE, draw.seed(), level_db=12, period=1.3)
        return degrade.automatic_gain(degrade.noise(clapped, 20, "pink", draw.seed()), RATE)

    return _degraded(draw, pump)


@recipe("band", 3)
def band(draw: Draw) -> Case:
    """A phone's band: 300 to 3400 Hz, only treble, only bass through a wall."""
    low, high = ((300, 3400), (2000, 7500), (40, 250))[draw.index % 3]
    return _degraded(draw, lambda x: degrade.band_limit(x, RATE, low, high, 4))


@recipe("codec", 4)
def codec(draw: Draw) -> Case:
    """AAC at 64 and 24 kb/s, Opus at 24, AMR."""
    name: warp.Codec = ("aac64", "aac24", "opus24", "amr")[draw.index % 4]
    return _degraded(
        draw, lambda x: warp.codec(degrade.noise(x, 15, "pink", draw.seed()), RATE, name)
    )


@recipe("denoised", 3)
def denoised(draw: Draw) -> Case:
    """A phone that takes the music for noise."""
    quantile = (0.3, 0.5, 0.6)[draw.index % 3]
    return _degraded(draw, lambda x: degrade.spectral_gate(phone(x, draw), RATE, quantile=quantile))


@recipe("moving", 3)
def moving(draw: Draw) -> Case:
    """A phone that is carried about."""
    return _degraded(draw, lambda x: degrade.moving_phone(phone(x, draw), RATE, draw.seed()))


@recipe("handling", 2)
def handling(draw: Draw) -> Case:
    """Wind and handling noise 6 and 14 dB above the music."""
    return _degraded(
        draw,
        lambda x: degrade.handling(x, RATE, draw.seed(), level_db=(6, 14)[draw.index % 2]),
    )


@recipe("short", 6)
def short(draw: Draw) -> Case:
    """3, 5 and 10 s in 5 minutes, clean and by phone."""
    seconds = (3, 5, 10)[draw.index % 3]
    where = scene(draw, seconds, 300)
    dance, truth = record(where.reference, where.start, seconds)
    if draw.index >= 3:
        dance = phone(dance, draw)
    return matched(draw, dance, where.reference, truth)


@recipe("low_rate", 3)
def low_rate(draw: Draw) -> Case:
    """Recorded at 8 kHz, at 8 bits, and at 8 kHz with the polarity turned."""

    def poor(x: Samples) -> Samples:
        thin = degrade.band_limit(x, RATE, 50, 3600, 4)
        if draw.index % 3 == 1:
            return np.asarray(np.round(thin * 100) / 128, dtype=np.float32)
        return -thin if draw.index % 3 == 2 else thin

    return _degraded(draw, poor)


@recipe("one_channel", 2)
def one_channel(draw: Draw) -> Case:
    """The phone stands at the left loudspeaker; the reference is the sum of both."""
    seconds = 40.0
    where = _in_a_song(draw, seconds)
    left = where.reference + where.track.samples("side")[: len(where.reference)]
    dance, truth = record(left, where.start, seconds)
    return matched(draw, phone(dance, draw), where.reference, truth)


def _in_a_song(draw: Draw, seconds: float) -> Scene:
    """A place in the first 150 s of a track, so that its other channel can be found."""

    def attempt(turn: int) -> tuple[float, Scene]:
        track = draw.track(150, turn // 4)
        reference = track.samples()[: 150 * RATE]
        start = float(draw.random.uniform(5, 100))
        return resemblance(reference, start, seconds), Scene(reference, start, track)

    return most_distinct(attempt)


@recipe("quiet", 2)
def quiet(draw: Draw) -> Case:
    """Music recorded 50 dB too low, and a reference that is 40 dB down."""
    dance, where, truth = _plain(draw)
    reference = where.reference
    if draw.index % 2:
        reference = reference * np.float32(0.01)
    else:
        dance = np.round(dance * 0.003 * 32768).astype(np.float32) / np.float32(32768)
    return matched(draw, dance, reference, truth)


@recipe("drift", 6)
def drift(draw: Draw) -> Case:
    """A phone's clock up to 500 millionths off, over up to 90 s."""
    ppm = (500, -500, 200, -100, 500, -500)[draw.index % 6]
    seconds = float(draw.random.uniform(40, 90))
    where = scene(draw, seconds * 1.001, 180)
    seconds = min(seconds, (len(where.reference) / RATE - where.start) / 1.001)
    dance, truth = record(where.reference, where.start, seconds, speed=1 + ppm * 1e-6)
    if draw.index >= 2:
        dance = phone(dance, draw)
    return matched(draw, dance, where.reference, truth)


@recipe("long_intro", 3)
def long_intro(draw: Draw) -> Case:
    """A reference with half a minute of talk or silence before the song."""
    dance, where, truth = _plain(draw)
    intro = speech(draw.split, 30, draw.seed()) if draw.index % 2 else np.zeros(30 * RATE)
    reference = np.concatenate((intro, where.reference)).astype(np.float32)
    moved = Segment(truth.dance_start, truth.dance_end, truth.offset + 30, 1.0)
    return matched(draw, phone(dance, draw), reference, moved)


def _within(dance: Samples, reference: Samples, truth: Segment) -> float:
    """How well the shared stretch fits elsewhere in either sound."""
    shared = truth.dance_end - truth.dance_start
    return max(
        resemblance(reference, truth.dance_start + truth.offset, shared),
        resemblance(dance, truth.dance_start, shared),
    )


@recipe("part", 4)
def part(draw: Draw) -> Case:
    """A reference that holds only a part of what was danced to: its start, middle or end."""
    length = (40, 25, 40, 20)[draw.index % 4]
    first = int((-20.5, 25.3, 55.2, 30.1)[draw.index % 4] * RATE)

    def attempt(turn: int) -> tuple[float, tuple[Samples, Samples, Segment]]:
        sound = draw.track(150, turn).samples()
        begin = int(draw.random.uniform(21, 65) * RATE)
        dance = sound[begin : begin + 80 * RATE]
        reference = sound[begin + first : begin + first + length * RATE]
        offset = -first / RATE
        truth = Segment(max(0.0, -offset), min(80.0, length - offset), offset)
        likeness = max(rival(dance, reference, offset), _within(dance, reference, truth))
        return likeness, (dance, reference, truth)

    dance, reference, truth = most_distinct(attempt)
    return matched(draw, phone(dance, draw), reference, truth)


@recipe("other_mix", 8)
def other_mix(draw: Draw) -> Case:
    """Another mix or master: equaliser, stems taken out, drums or a voice added, compressed."""
    seconds = 40.0
    where = _in_a_song(draw, seconds)
    reference = where.reference
    side = where.track.samples("side")[: len(reference)]
    way = draw.index % 8
    if way == 0:
        sound = degrade.equalise(reference, RATE, draw.seed(), 18)
    elif way == 1:  # what is panned to the middle taken out, as for karaoke
        loud = degrade.rms(side) > 0.1 * degrade.rms(reference)
        sound = side if loud else degrade.band_limit(reference, RATE, 800, 7500, 4)
    elif way == 2:  # without bass and drums
        sound = degrade.band_limit(reference, RATE, 500, 4000, 4)
    elif way == 3:
        loop = degrade.drum_loop(len(reference), RATE, warp.tempo(reference, RATE), draw.seed())
        sound = degrade.add_at_snr(reference, loop, -3)
    elif way == 4:
        sound = degrade.add_at_snr(reference, speech(draw.split, 150, draw.seed()), -3)
    elif way == 5:
        squeezed = degrade.automatic_gain(reference, RATE, attack=0.003, release=0.08)
        sound = degrade.equalise(squeezed, RATE, draw.seed(), 9)
    elif way == 6:  # the parts played through a chorus: phases no longer agree
        sound = degrade.chorus(reference, RATE, draw.seed())
    else:  # another singer's version: the middle band replaced by another melody
        other = draw.other_track(where.track, 150).samples()[: 150 * RATE]
        kept = reference - degrade.band_limit(reference, RATE, 400, 2000)
        sound = degrade.add_at_snr(kept, degrade.band_limit(other, RATE, 400, 2000), 3)
    dance, truth = record(sound, where.start, seconds)
    return matched(draw, phone(dance, draw), reference, truth)
