"""A reference that is one loop over and over: it fits in several places, and that is the answer."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from benchmarks.cases import degrade
from benchmarks.cases.in_rooms import edged
from pipeline.align import METHODS, judge
from pipeline.media.ffmpeg import executable
from pipeline.model import Alignment, MethodAlignment, Samples
from tests.kinds import more
from tests.pipeline.align.sounds import RATE, cut, track
from tests.pipeline.align.test_methods import run
from tests.wav import write_wav

pytestmark = pytest.mark.music

LOOP = 8.0
"""Seconds of a song's loop."""
STEP = 950
"""Samples of a step of a drum loop, of which its bar has sixteen."""


def in_a_room(sound: Samples) -> Samples:
    """A dance to it: a room, and noise 8 dB below."""
    room = degrade.room_response(RATE, 0.4, -4.0, 5)
    return degrade.noise(degrade.reverberate(sound, room), 8, "pink", 1)


def drums(seconds: float, pattern: int) -> Samples:
    return degrade.drum_loop(round(seconds * RATE), RATE, 15 * RATE / STEP, pattern)


@cache
def answers(song: int | None) -> dict[str, MethodAlignment]:
    """Both methods on a song's loop of which two are danced to, or on a loop of drums."""
    if song is None:
        reference = drums(60, 1)
        dance = cut(reference, 3.0, 16)
    else:
        # ``edged`` fades as it does at its own rate; how long the fade is does not matter here.
        reference = edged(cut(track(song), 20, LOOP))
        dance = cut(reference, 3.0, 2 * LOOP)
    return {name: run(name, in_a_room(dance), reference) for name in METHODS}


def places(answer: Alignment) -> list[float]:
    """The offsets that an answer names, its own first."""
    return [s.offset for s in answer.segments] + [c.offset for c in answer.candidates]


def off(offset: float, loop: float) -> float:
    """Seconds from the nearest place that is whole loops from the danced one."""
    return abs(offset - 3.0 - loop * round((offset - 3.0) / loop))


@pytest.mark.parametrize("song", [1, *more(2, 5)])  # within whose loops nothing comes twice
def test_a_songs_loop_fits_in_all_its_places(song: int) -> None:
    found = answers(song)
    together = judge(found)
    assert together.matched and together.ambiguous and together.confidence <= 0.5
    [segment] = together.segments
    assert off(segment.offset, LOOP) < 0.002
    near = {round((at - 3.0) / LOOP) for at in places(together) if off(at, LOOP) < 0.1}
    assert near == set(range(7))
    for answer in found.values():  # both variants are at a place that fits
        assert answer.matched and answer.ambiguous
        assert off(answer.segments[0].offset, LOOP) < 0.002


def test_a_loop_of_drums_fits_in_many_places() -> None:
    found = answers(None)
    together = judge(found)
    assert together.matched and together.ambiguous and together.confidence <= 0.5
    assert off(together.segments[0].offset, 16 * STEP / RATE) < 0.002
    assert sum(off(at, 16 * STEP / RATE) < 0.1 for at in places(together)) >= 8


def test_the_same_drums_in_another_pattern_are_no_match() -> None:
    dance = in_a_room(cut(drums(60, 2), 3.0, 16))
    found = {name: run(name, dance, drums(60, 1)) for name in METHODS}
    assert not judge(found).matched


def test_the_same_drums_under_another_song_are_no_match() -> None:
    one, other = cut(track(1), 20, 20), cut(track(3), 5, 40)
    dance = degrade.add_at_snr(one, drums(20, 1), 3)
    reference = degrade.add_at_snr(other, drums(40, 1), 3)
    found = {name: run(name, in_a_room(dance), reference) for name in METHODS}
    assert not judge(found).matched


def test_a_task_succeeds_though_only_one_method_hears_the_loop(tmp_path: Path) -> None:
    """Its video is made, at a place that fits, and the answer says that there are others."""
    reference = drums(60, 1)
    write_wav(tmp_path / "drums.wav", reference / 4, RATE)
    write_wav(tmp_path / "sound.wav", in_a_room(cut(reference, 3.0, 16)) / 8, RATE)
    film = [
        executable(), "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=30:d=16",
        "-i", str(tmp_path / "sound.wav"), "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac",
        "-ar", "48000", str(tmp_path / "dance.mp4"),
    ]  # fmt: skip
    subprocess.run(film, check=True, timeout=120)
    command = [
        sys.executable, "-m", "pipeline", "run", "--out", str(tmp_path / "out"), "--json",
        str(tmp_path / "dance.mp4"), str(tmp_path / "drums.wav"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["alignment"]
    assert said["matched"] and said["ambiguous"] and len(said["candidates"]) >= 7
    assert not said["variants"]["v2"]["matched"]
    assert off(said["offset"], 16 * STEP / RATE) < 0.005
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["dance_modular.mp4"]
