"""A song that is played more than once: what is said and drawn of each take."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.tasks.answer import Take, read_answer
from ui.player import takes
from ui.task import charts


def segment(start: float, end: float, offset: float, speed: float = 1.0) -> dict[str, float]:
    return {"dance_start": start, "dance_end": end, "offset": offset, "speed": speed}


TWICE = [segment(5, 45, 15), segment(57, 97, -37.02)]
DRIFTING = [segment(0, 30, 3.2), segment(30, 60, 3.2 - 30e-3, 1.001)]


def played(segments: Any) -> tuple[Take, ...]:
    return read_answer({"matched": True, "segments": segments}).takes


def test_a_take_is_what_the_song_goes_on_in() -> None:
    assert [len(take) for take in played(TWICE)] == [1, 1]
    assert [len(take) for take in played([*DRIFTING, segment(70, 90, -60)])] == [2, 1]
    assert played([{**TWICE[0], "speed": 0}, "odd", {"offset": 3}]) == ()


def test_the_takes_are_listed_in_words() -> None:
    assert takes.sentence(played(TWICE)) == (
        "The song is played 2 times: at 0:05.0 from 0:20.0 of the song,"
        " at 0:57.0 from 0:20.0 of the song."
    )
    cut = [segment(0, 30, 0), segment(30, 60, 45)]
    assert takes.sentence(played(cut)).startswith("The song is played in 2 parts: at 0:00.0 from")
    faster = [TWICE[0], segment(57, 97, -42.72, 1.1)]
    assert takes.sentence(played(faster)).endswith("with speed 1.100.")


def test_the_song_runs_away_within_a_take_only() -> None:
    assert max(abs(point["drift"]) for point in takes.drift(played(TWICE))) == pytest.approx(0)
    far = [point["drift"] for point in takes.drift(played(DRIFTING))]
    assert far == pytest.approx([0, 0, 0, 30], abs=1e-6)


def test_the_songs_waveform_stands_under_each_take() -> None:
    times = [float(second) for second in range(100)]
    columns = charts._columns("reference", times, played(TWICE))
    found = {part: ([at for at, _ in of], [index for _, index in of]) for part, of in columns}
    assert found[1][0] == list(range(5, 46)) and found[1][1] == list(range(20, 61))
    assert (min(found[2][0]), max(found[2][0])) == pytest.approx((57.02, 96.02))
    assert found[2][1] == list(range(20, 60))


def test_all_of_the_song_is_drawn_under_a_single_take() -> None:
    times = [float(second) for second in range(100)]
    [(_, placed)] = charts._columns("reference", times, played(DRIFTING))
    assert [index for _, index in placed] == list(range(100))
    assert placed[0][0] == pytest.approx(-3.2)
    assert placed[-1][0] == pytest.approx((99 - 3.17) / 1.001)
