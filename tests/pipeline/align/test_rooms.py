"""Rooms in which reflections are louder than the direct sound: the direct sound is the place."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import signal

from benchmarks.cases import degrade, responses
from benchmarks.cases.tracks import RATE as MADE_AT
from pipeline.align import METHODS, judge
from pipeline.model import MethodAlignment, Samples
from tests import music
from tests.pipeline.align.sounds import RATE, cut, track
from tests.pipeline.align.test_methods import run, worst_ms

pytestmark = pytest.mark.music

START = 7.3
"""Seconds of the song at which the film begins, in the middle of the music."""


def through(song: Samples, response: NDArray[np.float64], seconds: float = 25.0) -> Samples:
    """A film of a song in a room in which it has been playing for a while."""
    before = 2.0
    heard = signal.fftconvolve(cut(song, START - before, before + seconds), response)
    film = heard[round(before * RATE) :][: round(seconds * RATE)]
    return degrade.noise(film.astype(np.float32), 12, "pink", 1)


def tail(level_db: float) -> NDArray[np.float64]:
    """Nothing but a diffuse tail after the direct sound, so many decibels above it."""
    time = np.arange(round(0.6 * RATE)) / RATE
    response = np.random.default_rng(3).standard_normal(len(time)) * 10 ** (-3 * time / 0.6)
    response[time < 0.005] = 0
    response *= 10 ** (level_db / 20) / np.sqrt(np.square(response).sum())
    response[0] = 1.0
    return response


@cache
def answers(number: int, room: str) -> dict[str, MethodAlignment]:
    """Both methods on a track in a room: one of the packages', or the tail."""
    song = track(number)
    response = tail(13.0)
    if room != "tail":
        try:
            package = next(p for p, name in responses.MEASURED if name == room)
            response = responses.measured(package, room)
        except music.NoMusic as why:
            pytest.skip(f"no measured rooms: {why}")
        response = signal.resample_poly(response, RATE, MADE_AT)
    dance = through(song, response)
    return {name: run(name, dance, cut(song, 0, 60)) for name in METHODS}


@pytest.mark.parametrize("room", ["tail", "GrCLab1SSRPos2.wav"])
@pytest.mark.parametrize("number", [2, 5])
def test_the_direct_sound_is_the_place(number: int, room: str) -> None:
    """Also in the file of a method that could follow features only."""
    found = answers(number, room)
    assert worst_ms(found["modular"], START) < 1.0
    together = judge(found)
    [segment] = together.segments
    assert 1000 * abs(segment.offset - START) < min(1.0, together.error_ms or 0.0)
    for variant in together.variants.values():
        assert worst_ms(variant, START) < 1.5


@pytest.mark.parametrize(("package", "name"), responses.MEASURED)
def test_a_measured_response_begins_with_its_direct_sound(package: str, name: str) -> None:
    try:
        response = responses.measured(package, name)
    except music.NoMusic as why:
        pytest.skip(f"no measured rooms: {why}")
    assert np.sum(response**2) == pytest.approx(1.0)
    assert abs(response[0]) >= responses.MIN_DIRECT_RATIO * np.abs(response).max()
    assert np.abs(response[int(0.1 * MADE_AT) :]).max() < np.abs(response).max()
