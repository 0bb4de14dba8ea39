"""What is heard: loudness, room sound, original sound where there is no music, takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipeline.media import ffmpeg
from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from pipeline.sound.timestamps import STEREO
from tests.media import measure
from tests.media.clips import RATE, read_music, struck, write_sound
from tests.media.work import Pair, kept, late_by, make_result, read_pair
from tests.pipeline.pairs import OFFSET, WHOLE, level, shares_of


def test_loudness_is_one_static_gain(pair: Pair, song: NDArray[np.float32], tmp_path: Path) -> None:
    result = make_result(pair, [WHOLE], tmp_path / "loud.mp4")
    loudness = pair.measurements.loudness
    assert loudness is not None
    wished = min(-14 - loudness.integrated, -1 - loudness.true_peak)
    assert result.plan.sound.pieces[0].gain_db == pytest.approx(wished)
    place = round(OFFSET * RATE)
    heard = measure.sound(result.path)
    mono = song.mean(axis=1)
    low = butter(4, 4000, fs=RATE, output="sos")
    after, before = sosfilt(low, heard), sosfilt(low, mono[place:])
    gains = [
        20 * np.log10(level(after[at : at + RATE]) / level(before[at : at + RATE]))
        for at in range(RATE, 6 * RATE, RATE)
    ]
    # AAC itself loses a few tenths of a decibel, twice here.
    assert gains == pytest.approx([wished] * len(gains), abs=0.6)
    assert np.std(gains) < 0.15


def test_channels_of_opposite_signs_stay_what_they_are(pair: Pair, tmp_path: Path) -> None:
    song = struck(14) * np.array([1, -1], dtype=np.float32)
    path = write_sound(song, tmp_path / "song.flac")
    result = make_result(read_pair(pair.dance, path, tmp_path / "s"), [WHOLE], tmp_path / "o.mp4")
    heard = read_music(result.path, 0.5, 6.0)
    assert level(heard) > 0.05
    assert level(heard.sum(axis=1)) < 0.05 * level(heard)


def test_loudness_is_that_of_what_is_heard(pair: Pair, tmp_path: Path) -> None:
    """Six channels are quieter when they are two."""
    song = write_sound(struck(), tmp_path / "song.wav")
    mixing = {
        "six": "pan=5.1|FL=0.5*c0|FR=0.5*c1|BL=0.3*c0|BR=0.3*c1|FC=0.4*c0|LFE=0*c0",
        "two": f"aresample=48000:{STEREO}",
    }
    measured = []
    source = song
    for name, filters in mixing.items():
        path = tmp_path / f"{name}.flac"
        command = [ffmpeg.executable(), "-loglevel", "error", "-i", str(source), "-af", filters]
        subprocess.run([*command, str(path)], timeout=60, check=True)
        measured.append(read_pair(pair.dance, path, tmp_path / name).measurements.loudness)
        source = path
    six, two = measured
    assert six is not None and two is not None
    assert six.integrated == pytest.approx(two.integrated, abs=0.1)
    assert six.true_peak == pytest.approx(two.true_peak, abs=0.1)


def test_an_ogg_reference_is_heard_without_holes(pair: Pair, tmp_path: Path) -> None:
    """Its stamps jitter by 10 ms at every stroke, which is no gap."""
    path = write_sound(struck(14), tmp_path / "song.ogg", "-c:a", "libvorbis", "-ar", "44100")
    options = RenderOptions(loudness=False)
    result = make_result(
        read_pair(pair.dance, path, tmp_path / "s"), [WHOLE], tmp_path / "o.mp4", options=options
    )
    heard = measure.sound(result.path)[RATE : 7 * RATE]
    wanted = read_music(path, 0.0, 14.0).mean(axis=1)[round((OFFSET + 1) * RATE) :][: 6 * RATE]
    rest = heard - shares_of(heard, wanted)[0] * wanted
    assert level(rest) < 0.1 * level(wanted)


def test_room_sound_is_aligned_and_ducked(
    pair: Pair, song: NDArray[np.float32], own: NDArray[np.float32], tmp_path: Path
) -> None:
    half = make_result(pair, [WHOLE], tmp_path / "room.mp4", options=RenderOptions(room_sound=0.5))
    heard = measure.sound(half.path)
    mine = own.mean(axis=1)
    mono, place = song.mean(axis=1), round(OFFSET * RATE)
    music, room = shares_of(heard[RATE : 7 * RATE], mono[place + RATE :], mine[RATE:])
    assert 0.5 * 10 ** (-9.5 / 20) < room < 0.35  # there, and ducked by 3 to 9 dB
    rest = heard[RATE : 5 * RATE] - music * mono[place + RATE : place + 5 * RATE]
    assert abs(measure.lag(rest, mine[RATE : 5 * RATE], 0.05)) < 5e-4
    assert abs(late_by(heard, song.mean(axis=1), OFFSET)) < 2e-4
    assert np.abs(heard).max() <= 1.0
    quiet = np.zeros((14 * RATE, 2), dtype=np.float32)
    quiet[: 6 * RATE] = song[: 6 * RATE]  # music up to dance time 4, then silence
    quiet[13 * RATE :] = song[13 * RATE :]
    silent = write_sound(quiet, tmp_path / "pause.flac")
    paused = make_result(
        read_pair(pair.dance, silent, tmp_path / "s"),
        [WHOLE],
        tmp_path / "pause.mp4",
        options=RenderOptions(room_sound=0.5),
    )
    after = measure.sound(paused.path)[6 * RATE : 7 * RATE]
    (open_room,) = shares_of(after, mine[6 * RATE :])
    assert open_room == pytest.approx(0.5, abs=0.03)  # nothing to duck under


def test_keep_all_keeps_every_picture_and_the_original_sound_where_there_is_no_music(
    pair: Pair, song: NDArray[np.float32], own: NDArray[np.float32], tmp_path: Path
) -> None:
    part = Segment(3.0, 6.0, -3.0)  # the song begins at dance time 3
    options = RenderOptions(keep_all=True)
    result = make_result(pair, [part], tmp_path / "all.mp4", variant="modular", options=options)
    source = measure.pictures(pair.dance)
    got, begin = kept(result, source)
    assert (begin, len(got.numbers)) == (0, len(source.numbers))
    heard = measure.sound(result.path)
    mine = own.mean(axis=1)
    assert shares_of(heard[: 2 * RATE], mine) == pytest.approx([1], abs=0.03)
    assert shares_of(heard[7 * RATE :], mine[7 * RATE :]) == pytest.approx([1], abs=0.03)
    mono = song.mean(axis=1)
    _, rest = shares_of(heard[4 * RATE : 5 * RATE], mono[RATE:], mine[4 * RATE :])
    assert abs(rest) < 0.02
    assert abs(late_by(heard, song.mean(axis=1), -3.0, at=3.2, seconds=2.5)) < 2e-4


def test_between_takes_the_original_sound_stays(
    pair: Pair, song: NDArray[np.float32], own: NDArray[np.float32], tmp_path: Path
) -> None:
    takes = [Segment(0.5, 3.0, OFFSET), Segment(4.5, 7.5, OFFSET - 3.0)]
    result = make_result(pair, takes, tmp_path / "takes.mp4", variant="modular")
    begin = float(result.plan.picture.start * result.plan.picture.time_base)
    sources = [piece.source for piece in result.plan.sound.pieces]
    assert sources[-3:] == ["reference", "dance", "reference"]
    heard, mono = measure.sound(result.path), song.mean(axis=1)
    first, second = 1.0 - begin, 4.8 - begin
    assert abs(late_by(heard, mono, OFFSET + begin, at=first, seconds=1.5)) < 2e-4
    assert abs(late_by(heard, mono, OFFSET - 3.0 + begin, at=second, seconds=2)) < 2e-4
    low, high = round((3.2 - begin) * RATE), round((4.3 - begin) * RATE)
    mine = own.mean(axis=1)[round(3.2 * RATE) : round(4.3 * RATE)]
    assert shares_of(heard[low:high], mine) == pytest.approx([1], abs=0.03)
    seam = heard[round((3.0 - begin - 0.03) * RATE) : round((3.0 - begin + 0.03) * RATE)]
    assert level(seam) > 0.02  # no hole at the cross-fade
