"""The map between the two files, and segments on it."""

from __future__ import annotations

import pytest

from pipeline.model import LineMap, Segment

LINE = LineMap(12.0, 1.25)


def test_a_map_leads_there_and_back() -> None:
    assert LINE.reference_time(8.0) == 22.0
    assert LINE.dance_time(22.0) == 8.0


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (LINE, (0.0, 30.0)),  # the dance lies within the reference
        (LineMap(-5.0, 0.5), (10.0, 30.0)),  # it begins before it
        (LineMap(80.0, 2.0), (0.0, 10.0)),  # and ends after it
    ],
)
def test_both_files_last_over_their_overlap(line: LineMap, expected: tuple[float, float]) -> None:
    assert line.overlap(30.0, 100.0) == expected


def test_files_without_common_time_have_no_overlap() -> None:
    start, end = LineMap(200.0).overlap(30.0, 100.0)
    assert end < start


def test_a_segment_that_comes_later_plays_the_same_music() -> None:
    segment = Segment(2.0, 10.0, LINE.offset, LINE.speed, semitones=2.0)
    later = segment.shifted(3.0)
    assert (later.dance_start, later.dance_end, later.semitones) == (5.0, 13.0, 2.0)
    assert later.line.reference_time(5.0) == segment.line.reference_time(2.0)
    assert segment.on(later.line).shifted(-3.0).line == LineMap(LINE.offset, LINE.speed)
