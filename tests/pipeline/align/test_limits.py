"""Where takes start and stop: what can be heard decides, and where nothing can, what is likely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks.alignment.held_sound import HeldSound
from pipeline.align import METHODS
from pipeline.align.shared.pauses import STEP_SECONDS, without_fillings
from pipeline.align.sounds.change_point import posterior
from pipeline.model import MethodAlignment, Samples, Segment
from tests.pipeline.align.sounds import (
    RATE,
    cut,
    filtered,
    noisy,
    silence,
    track,
)

BOTH = pytest.mark.parametrize("name", list(METHODS))


def run(name: str, dance: Samples, reference: Samples) -> MethodAlignment:
    return METHODS[name](HeldSound(dance), HeldSound(reference))


def room(seconds: float, level: float = 0.003) -> Samples:
    """The noise of a room in which no music plays."""
    noise = np.random.default_rng(5).standard_normal(round(seconds * RATE))
    return np.asarray(noise * level, np.float32)


def silent_first(song: Samples, seconds: float) -> Samples:
    """A song whose file begins with silence."""
    return np.concatenate([np.zeros(round(seconds * RATE), np.float32), song])


@BOTH
@pytest.mark.music
def test_a_take_starts_where_the_recording_was_started_also_in_its_silence(name: str) -> None:
    reference = silent_first(cut(track(1), 0, 40), 1.5)
    dance = np.concatenate([silence(4), cut(reference, 0, 25), silence(6), cut(reference, 0, 30)])
    answer = run(name, dance + room(65), reference)
    starts = [s.dance_start for s in answer.segments]
    assert starts == pytest.approx([4.0, 35.0], abs=0.05)


@pytest.mark.music
def test_a_limit_that_is_only_likely_is_not_called_sharp() -> None:
    reference = silent_first(cut(track(1), 0, 40), 1.5)
    dance = np.concatenate([silence(4), cut(reference, 0, 25), silence(6)])
    assert list(run("modular", dance + room(35), reference).sharp_limits) == pytest.approx(
        [29.0], abs=0.05
    )


@BOTH
@pytest.mark.music
def test_a_start_within_the_music_is_not_carried_to_the_beginning(name: str) -> None:
    song = track(1)
    dance = np.concatenate([silence(5), cut(song, 1.2, 30)]) + room(35)
    [segment] = run(name, dance, song).segments
    assert segment.dance_start == pytest.approx(5.0, abs=0.05)


@BOTH
@pytest.mark.music
def test_music_that_stops_in_a_soft_passage_stops_there(name: str) -> None:
    song = cut(track(1), 0, 60)
    song[28 * RATE : 40 * RATE] *= np.float32(0.1)  # 20 dB softer, 10 dB above the room
    dance = np.concatenate([silence(3), cut(song, 0, 34), silence(8)]) + room(45)
    [segment] = run(name, dance, song).segments
    assert segment.dance_end == pytest.approx(37.0, abs=0.1)


@BOTH
@pytest.mark.music
def test_takes_are_told_apart_in_noise_that_hides_the_pauses(name: str) -> None:
    song = cut(track(1), 0, 60)
    song[: 14 * RATE] *= np.float32(0.2)  # a soft beginning, played three times
    parts = (cut(song, 0, 14), silence(4), cut(song, 0, 14), silence(4), cut(song, 0, 35))
    answer = run(name, noisy(np.concatenate(parts), 8), song)
    places = [(round(s.dance_start, 1), round(s.offset, 2)) for s in answer.segments]
    assert places == [(0.0, 0.0), (18.0, -18.0), (36.0, -36.0)]


A, B = Segment(0.0, 28.0, 60.0), Segment(48.0, 76.0, 40.0)
AGAIN = Segment(31.0, 44.0, 44.0)
"""Of the reference up to 88 s, where A stops and B starts."""


def clear(segments: Sequence[Segment], *pauses: tuple[float, float, float]) -> list[Segment]:
    """What is left of segments over 76 s at -20 dB with pauses: from, to, and how much softer they
    are; in each pause there is half a second without any sound."""
    level = np.full(round(76 / STEP_SECONDS), -20.0, np.float32)
    for start, stop, softer in pauses:
        level[round(start / STEP_SECONDS) : round(stop / STEP_SECONDS)] -= softer
        middle = (start + stop) / 2
        level[round((middle - 0.25) / STEP_SECONDS) : round((middle + 0.25) / STEP_SECONDS)] = -60.0
    return list(without_fillings(level, segments))


@pytest.mark.parametrize(
    "filling",
    [
        Segment(26.5, 47.0, 43.0),
        Segment(40.0, 48.8, 36.0),
        Segment(31.0, 44.0, 43.0),
        AGAIN,  # a loop that ends at the cut
        Segment(31.0, 44.0, 57.0),  # and one that begins there
    ],
)
def test_what_the_reference_lacks_is_not_filled_with_another_place(filling: Segment) -> None:
    assert clear([A, filling, B]) == [A, B]
    assert clear([A, filling, Segment(45.0, 46.0, 90.0), B]) == [A, B]
    # Soft moments are no pauses, and one pause makes no take.
    assert clear([A, filling, B], (29.0, 30.0, 0.0), (45.0, 46.5, 0.0)) == [A, B]
    assert clear([A, filling, B], (28.0, 31.0, 30.0)) == [A, B]


@pytest.mark.parametrize("softer", [30.0, 6.0])
def test_a_take_with_a_pause_on_either_side_is_no_filling(softer: float) -> None:
    """Though the teacher talks in the pauses."""
    pauses = ((28.0, 31.0, softer), (44.0, 48.0, softer))
    assert clear([A, AGAIN, B], *pauses) == [A, AGAIN, B]


@pytest.mark.parametrize(
    "segments", [[A, Segment(28.0, 48.0, 10.0), Segment(48.0, 76.0, 0.0)], [A, B]]
)
def test_takes_are_left_alone(segments: list[Segment]) -> None:
    assert clear(segments) == segments


def test_music_that_plays_instead_ends_a_take_for_good() -> None:
    """What matches beyond it is what another part shares with this one."""
    shared = np.tile(np.repeat([30.0, -20.0], 10), 10)  # outermost first
    gains = np.concatenate([shared, np.full(300, 20.0)])
    instead = gains < 0
    ended = int(np.searchsorted(np.cumsum(posterior(gains, instead, at_end=True)), 0.5))
    assert ended == 200
    # A dropout of the recording is none: nothing else is heard in it.
    lasting = int(np.searchsorted(np.cumsum(posterior(gains, ~instead, at_end=True)), 0.5))
    assert lasting == 0


@pytest.mark.music
def test_shared_drums_do_not_carry_a_take_into_another_part() -> None:
    song, other = track(1), track(3)
    away = cut(other, 20, 4) * np.float32(np.std(song) / np.std(other))
    shared = np.tile(np.repeat([0.0, 1.0, 1.0], round(0.16 * RATE)), 9)[: 4 * RATE]
    after = np.where(shared > 0, cut(song, 40, 4), away).astype(np.float32)
    dance = noisy(np.concatenate([cut(song, 15, 25), after, away]), 25)
    [segment] = run("modular", dance, song).segments
    assert segment.dance_end == pytest.approx(25.0, abs=0.15)


@pytest.mark.music
@BOTH
def test_the_stated_error_grows_with_what_is_not_known(name: str) -> None:
    song = track(1)
    clean = run(name, noisy(cut(song, 10, 25), 20), song).error_ms
    deep = run(name, noisy(cut(song, 10, 25), -8), song).error_ms
    stretched = run(name, noisy(filtered(cut(song, 10, 25), "atempo=0.95"), 20), song).error_ms
    assert clean is not None and deep is not None and stretched is not None
    assert 0.5 < clean < deep < 1.0 and 7.0 < stretched < 45.0
