"""Films that were trimmed by an edit list alone: copied where that is possible, and exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.media.info import MediaInfo
from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from pipeline.sound.decode import decode_sound
from tests.media import films, measure
from tests.media.clips import RATE, Clip, make_dance, write_sound
from tests.media.work import SETTINGS, Pair, late_by, make_result, read_pair

OFFSET = 2.0
FPS = 30


def trimmed(
    song: NDArray[np.float32], folder: Path, edits: films.Edits, clip: Clip | None = None
) -> Pair:
    """A dance of 8 s whose tracks both have the same edits, read."""
    plain = make_dance(clip or Clip(b_frames=2), song[round(OFFSET * RATE) :], folder)
    dance = films.with_edits(plain, folder / "edited.mp4", {0: edits, 1: edits})
    return read_pair(dance, write_sound(song, folder / "r.flac"), folder / "scratch")


def heard(pair: Pair) -> NDArray[np.float32]:
    sound = decode_sound(
        pair.dance, pair.dance_info, pair.dance.parent, settings=SETTINGS, rate=RATE
    )
    return sound.read(0, sound.frames)


@pytest.mark.parametrize(
    "clip",
    [Clip(b_frames=2), Clip("mp4", "hevc", b_frames=3, pixel_format="yuv420p10le")],
    ids=["h264", "hevc10"],
)
def test_a_hidden_picture_behind_the_end_does_not_force_encoding(
    clip: Clip, song: NDArray[np.float32], tmp_path: Path
) -> None:
    # 161 pictures: the last one shown is a B-picture that refers to one that is not.
    pair = trimmed(song, tmp_path, [(0.0, 161 / FPS)], clip)
    frames = pair.measurements.frames
    shown = frames.pts[~frames.hidden]
    assert np.any(frames.hidden & (frames.pts > shown.max())), "nothing is hidden behind the end"
    result = make_result(pair, [Segment(0.0, 8.0, OFFSET)], tmp_path / "out.mp4")
    assert result.plan.picture.action == "copy"
    got = measure.pictures(result.path)
    assert 161 - 4 <= len(got.numbers) <= 161
    assert list(got.numbers) == list(range(len(got.numbers)))
    late = late_by(measure.sound(result.path), song.mean(axis=1), OFFSET, seconds=4.0)
    assert abs(late) < 0.001


@pytest.mark.parametrize("portable", [False, True], ids=["copied", "encoded"])
def test_an_edit_that_begins_between_two_pictures_is_exact(
    portable: bool, song: NDArray[np.float32], tmp_path: Path
) -> None:
    begin = 50.1 / FPS
    pair = trimmed(song, tmp_path, [(begin, 5.0)])
    assert MediaInfo.from_json(pair.dance_info.to_json()) == pair.dance_info
    segment = Segment(0.0, 5.0, OFFSET + begin)
    options = RenderOptions(portable=portable)
    result = make_result(pair, [segment], tmp_path / "out.mp4", options=options)
    assert result.plan.picture.action == ("encode" if portable else "copy")
    got = measure.pictures(result.path)
    assert got.numbers[0] == 51
    assert list(got.numbers) == list(range(51, 51 + len(got.numbers)))
    assert len(got.numbers) >= 146
    truth = OFFSET + got.numbers[0] / FPS
    late = late_by(measure.sound(result.path), song.mean(axis=1), truth, seconds=3.0)
    assert abs(late) < 0.001
    own = late_by(heard(pair), song.mean(axis=1), OFFSET + begin, seconds=3.0)
    assert abs(own) < 0.001


def test_an_edit_that_begins_on_a_picture_is_left_to_the_demuxer(
    song: NDArray[np.float32], tmp_path: Path
) -> None:
    pair = trimmed(song, tmp_path, [(51 / FPS, 5.0)])
    assert pair.dance_info.video is not None and pair.dance_info.video.edits == ()
    assert pair.dance_info.sounds[0].edits == ()


TWO = [(0.7, 2.0), (4.111, 3.0)]
"""Neither begins on a picture or on a packet of sound."""


def test_two_edits_are_exact(song: NDArray[np.float32], tmp_path: Path) -> None:
    pair = trimmed(song, tmp_path, TWO)
    own = heard(pair)
    assert len(own) / RATE == pytest.approx(5.0, abs=0.001)
    for at, truth in ((0.1, 0.7 + 0.1), (2.1, 4.111 + 0.1)):
        late = late_by(own[round(at * RATE) :], song.mean(axis=1), OFFSET + truth, seconds=1.7)
        assert abs(late) < 0.0005
    segments = [Segment(0.0, 2.0, OFFSET + 0.7), Segment(2.0, 5.0, OFFSET + 4.111 - 2.0)]
    result = make_result(pair, segments, tmp_path / "out.mp4")
    got = measure.pictures(result.path)
    first = list(range(21, 81))
    assert list(got.numbers[:60]) == first
    assert list(got.numbers[60:]) == list(range(124, 124 + len(got.numbers) - 60))
    assert len(got.numbers) >= 148
    sound = measure.sound(result.path)
    for place in (0, 70):  # each picture's own moment in the song
        at, number = got.times[place], got.numbers[place]
        truth = OFFSET + number / FPS - at
        assert abs(late_by(sound, song.mean(axis=1), truth, at=at, seconds=1.5)) < 0.001


def test_the_original_sound_of_two_edits_is_exact(
    song: NDArray[np.float32], tmp_path: Path
) -> None:
    """Without a reference under it: all is kept, and the reference begins late."""
    pair = trimmed(song, tmp_path, TWO)
    options = RenderOptions(keep_all=True, loudness=False)
    # The reference (from its 11th second on) for the last half second alone.
    result = make_result(
        pair, [Segment(4.5, 5.0, 6.5)], tmp_path / "out.mp4", options=options, variant="modular"
    )
    got = measure.pictures(result.path)
    sound = measure.sound(result.path)
    for place in (0, 70):
        at, number = got.times[place], got.numbers[place]
        truth = OFFSET + number / FPS - at
        assert abs(late_by(sound, song.mean(axis=1), truth, at=at, seconds=1.5)) < 0.001


def test_a_reference_of_two_edits_is_exact(song: NDArray[np.float32], tmp_path: Path) -> None:
    plain = make_dance(Clip(), song, tmp_path)
    reference = films.with_edits(plain, tmp_path / "reference.mp4", {1: TWO})
    dance = make_dance(Clip("mkv"), song, tmp_path)
    pair = read_pair(dance, reference, tmp_path / "scratch")
    result = make_result(pair, [Segment(0.0, 5.0, 0.0)], tmp_path / "out.mp4")
    sound = measure.sound(result.path)
    for at, truth in ((0.1, 0.7), (2.1, 4.111 - 2.0)):
        assert abs(late_by(sound, song.mean(axis=1), truth, at=at, seconds=1.7)) < 0.001
