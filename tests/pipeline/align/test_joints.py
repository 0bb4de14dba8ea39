"""A line is not carried over a joint of the reference, where it is heard that it does not go on."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import resample_poly

from benchmarks.alignment.held_sound import HeldSound
from pipeline.align import METHODS
from pipeline.align.shared.joints import CLEAR_SHORT_SIGMAS, CLEAR_SIGMAS, curve_around, with_joints
from pipeline.align.sounds.signal import read_warped
from pipeline.job.model import Job
from pipeline.job.run import run
from pipeline.model import MethodAlignment, Segment
from tests import music
from tests.kinds import more
from tests.media import measure
from tests.media.clips import RATE, Clip, make_dance, read_music, write_sound
from tests.media.work import SETTINGS, late_by

LOW = 8000
JOINT = 30.0
"""Seconds of the song at which the reference is joined."""


@pytest.fixture(scope="module")
def songs() -> list[NDArray[np.float32]]:
    """Stretches of 46 s, shape (samples, 2) at 48 kHz."""
    try:
        files = music.tracks("neverball-common")
    except music.NoMusic as error:
        pytest.skip(str(error))
    found = [read_music(path, 0.0, 46.0) for path in files]
    return [one for one in found if len(one) >= 45.9 * RATE]


def low(song: NDArray[np.float32]) -> NDArray[np.float32]:
    mono = resample_poly(song.mean(axis=1), LOW, RATE)
    return np.asarray(0.2 * mono / np.sqrt(np.mean(mono**2)), np.float32)


def marked(
    dance: NDArray[np.float32], reference: NDArray[np.float32], segment: Segment
) -> tuple[bool, bool]:
    answer = MethodAlignment(method="v2", matched=True, confidence=0.99, segments=(segment,))
    sounds = HeldSound(dance, LOW), HeldSound(reference, LOW)
    (found,) = with_joints(answer, *sounds, METHODS["v2"]).segments
    return found.begins, found.ends


@pytest.mark.parametrize(
    ("number", "begin"),
    [
        (2, 28.5), *more((0, 27.0), (4, 25.5)),  # one side is short, and is left out
        (0, 16.0), *more((3, 16.0), (4, 8.0)),  # long sides: they got one slanted line
    ],
)  # fmt: skip
def test_a_joined_mp3_is_not_played_out_of_step(
    songs: list[NDArray[np.float32]], tmp_path: Path, number: int, begin: float
) -> None:
    song = songs[number]
    parts = [
        write_sound(part, tmp_path / f"{place}.mp3", "-b:a", "192k")
        for place, part in enumerate((song[: round(JOINT * RATE)], song[round(JOINT * RATE) :]))
    ]
    joined = tmp_path / "joined.mp3"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    noise = 0.01 * np.random.default_rng(3).standard_normal((len(song), 2)).astype(np.float32)
    filmed = (0.4 * song + noise)[round(begin * RATE) :]
    seconds = len(filmed) / RATE
    dance = make_dance(Clip(seconds=seconds, gop=15), filmed, tmp_path)
    job = Job(dance, joined, tmp_path / "out", "x", tmp_path / "scratch")
    outcome = run(job, lambda event: None, SETTINGS)
    assert outcome.matched
    clean = song.mean(axis=1)
    for name, variant in outcome.variants.items():
        assert variant.output is not None and variant.plan is not None, name
        numbers = measure.pictures(Path(variant.output)).numbers
        begins = begin + numbers[0] / 30
        heard = measure.sound(Path(variant.output))
        for second in range(int(len(heard) / RATE) - 2):
            late = late_by(heard, clean, begins, at=second + 0.2, seconds=1.0)
            assert abs(late) < 0.005, f"{name}: {late * 1000:.1f} ms at {second} s"


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize(
    ("number", "begin", "ppm", "lost"),
    [
        *((5, 16.0, 0, 0.024), (4, 14.0, -500, -0.012)),
        *more((1, 16.0, 500, 0.05), (3, 0.0, 0, 0.024)),
    ],
)
def test_each_side_of_a_joint_gets_its_own_line(
    songs: list[NDArray[np.float32]],
    name: str,
    number: int,
    begin: float,
    ppm: float,
    lost: float,
) -> None:
    song, gap, at = low(songs[number]), round(abs(lost) * LOW), round(JOINT * LOW)
    filler, skipped = (gap, 0) if lost > 0 else (0, gap)
    reference = np.concatenate([song[:at], np.zeros(filler, np.float32), song[at + skipped :]])
    speed = 1 + ppm / 1e6
    dance = recorded(song, begin, speed)
    sounds = HeldSound(dance, LOW), HeldSound(reference, LOW)
    answer = with_joints(METHODS[name](*sounds), *sounds, METHODS[name])
    assert answer.error_ms is not None and answer.error_ms < 3
    # A side 50 ms away from the other may be left out, never put on the other's line.
    covered = sum(s.dance_end - s.dance_start for s in answer.segments)
    assert covered > (0.5 if abs(lost) == 0.05 else 0.9) * len(dance) / LOW
    for segment in answer.segments:
        for time in np.arange(segment.dance_start, segment.dance_end, 0.2):
            true = begin + speed * time
            if abs(true - JOINT) > 0.3:
                true += lost if true > JOINT else 0.0
                assert abs(segment.speed * time + segment.offset - true) < 0.002, time


@pytest.mark.parametrize("ppm", [-4000, 500, *more(-500, 1500)])
def test_a_drift_is_one_line(songs: list[NDArray[np.float32]], ppm: float) -> None:
    """From whatever line it is looked at: the true one, or one of the same speed."""
    speed = 1 + ppm / 1e6
    for song in map(low, songs[:4]):
        dance = recorded(song, 2.0, speed)
        length = len(dance) / LOW
        for line in (speed, 1.0):
            marked(dance, song, Segment(0, length, 2.0 + (speed - line) * length / 2, line))


def recorded(song: NDArray[np.float32], begin: float, speed: float) -> NDArray[np.float32]:
    """A song from ``begin`` on, by a clock of which ``speed`` s of the song are 1 s."""
    count = int((len(song) / LOW - begin - 0.1) / speed * LOW)
    heard = read_warped(HeldSound(song, LOW), begin, speed / LOW, count)
    noise = 0.01 * np.random.default_rng(3).standard_normal(count)
    return np.asarray(heard + noise, np.float32)


@pytest.mark.parametrize("shift", [-0.3, -0.02, 0.012, 0.048, 0.07, 0.4])
def test_a_reference_that_lost_or_gained_something_is_noticed(
    songs: list[NDArray[np.float32]], shift: float
) -> None:
    song, at, gap = low(songs[1]), round(20 * LOW), round(abs(shift) * LOW)
    filler = np.zeros(gap, np.float32) if shift > 0 else np.zeros(0, np.float32)
    rest = song[at:] if shift > 0 else song[at + gap :]
    reference = np.concatenate([song[:at], filler, rest])
    lost = max(0.0, -shift)
    after = Segment(20.0 + lost, 32.0, shift)
    assert marked(song, reference, after) == (True, False)
    before = Segment(8.0, 20.0, 0.0)
    assert marked(song, reference, before) == (False, True)


def test_a_line_that_goes_on_is_not_marked_nor_one_beside_other_sounds(
    songs: list[NDArray[np.float32]],
) -> None:
    random = np.random.default_rng(1)
    segment = Segment(15.0, 25.0, 0.0)
    for song in map(low, songs):
        room = np.zeros(round(0.2 * LOW), np.float32)
        room[0], room[round(0.017 * LOW)], room[round(0.11 * LOW)] = 0.4, 1.0, 0.5
        for noise in (0.02, 0.2, 0.6):
            hiss = noise * random.standard_normal(len(song)).astype(np.float32)
            assert marked(song + hiss, song, segment) == (False, False)
            filmed = np.convolve(song, room)[: len(song)].astype(np.float32) + hiss
            assert marked(filmed, song, segment) == (False, False)
        talked = song.copy()
        talked[: 15 * LOW] = talked[25 * LOW :][: 15 * LOW] = 0.0
        talked += 0.2 * random.standard_normal(len(song)).astype(np.float32)
        assert marked(talked, song, segment) == (False, False)


@pytest.mark.parametrize(
    ("lengths", "clear"), [((1.0, 1.5), CLEAR_SHORT_SIGMAS), ((2.0, 6.0), CLEAR_SIGMAS)]
)
def test_other_songs_are_never_clear(
    songs: list[NDArray[np.float32]], lengths: tuple[float, float], clear: float
) -> None:
    """What ``CLEAR_SIGMAS`` goes by."""
    highest = max(
        float(curve_around(Segment(t, t + 6, 3.0), a, b, t, t + length).max())
        for a, b in permutations([HeldSound(low(song), LOW) for song in songs], 2)
        for t in (5.0, 14.0, 23.0, 32.0)
        for length in lengths
    )
    assert 4.0 < highest < clear
