"""Where takes start and stop: what can be heard decides, and where nothing can, what is likely."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.align import METHODS
from pipeline.align.modular_rest import unbridged
from pipeline.align.v2_rest import without_filling
from pipeline.model import MethodAlignment, Samples, Segment
from tests.pipeline.align.sounds import RATE, Held, cut, filtered, noisy, silence, track

BOTH = pytest.mark.parametrize("name", list(METHODS))
NO_FILLING = pytest.mark.parametrize("clear", [unbridged, without_filling])


def run(name: str, dance: Samples, reference: Samples) -> MethodAlignment:
    return METHODS[name](Held(dance), Held(reference))


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


@NO_FILLING
@pytest.mark.parametrize(
    "filling", [Segment(26.5, 47.0, 43.0), Segment(40.0, 48.8, 36.0), Segment(31.0, 44.0, 43.0)]
)
def test_what_the_reference_lacks_is_not_filled_with_another_place(clear, filling) -> None:  # type: ignore[no-untyped-def]
    assert list(clear([A, filling, B])) == [A, B]
    assert list(clear([A, filling, Segment(45.0, 46.0, 90.0), B])) == [A, B]


@NO_FILLING
@pytest.mark.parametrize(
    "segments",
    [
        [A, Segment(31.0, 44.0, 44.0), B],  # played again up to where A stopped, then on
        [A, Segment(28.0, 48.0, 10.0), Segment(48.0, 76.0, 0.0)],  # the last goes elsewhere
        [A, B],
    ],
)
def test_takes_are_left_alone(clear, segments) -> None:  # type: ignore[no-untyped-def]
    assert list(clear(segments)) == segments


@pytest.mark.music
@BOTH
def test_the_stated_error_grows_with_what_is_not_known(name: str) -> None:
    song = track(1)
    clean = run(name, noisy(cut(song, 10, 25), 20), song).error_ms
    deep = run(name, noisy(cut(song, 10, 25), -8), song).error_ms
    stretched = run(name, noisy(filtered(cut(song, 10, 25), "atempo=0.95"), 20), song).error_ms
    assert clean is not None and deep is not None and stretched is not None
    assert 0.5 < clean < deep < 1.0 and 7.0 < stretched < 45.0
