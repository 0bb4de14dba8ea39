"""The sample pair: the same at every call, and with the promised map between its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from pipeline.media import MediaInfo
from pipeline.preview import make_preview, make_thumbnail, needs_preview
from pipeline.probe import probe
from pipeline.reasons import RenderError
from pipeline.sample import DANCE_LENGTH, MUSIC_AT, make_sample
from pipeline.settings import Settings
from pipeline.waveform import peaks
from tests.media import measure
from tests.media.clips import RATE
from tests.media.work import read_pair

SETTINGS = Settings()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_sample(tmp_path_factory.mktemp("sample"))


def test_it_has_the_promised_map(sample: tuple[Path, Path]) -> None:
    dance, reference = (measure.sound(path) for path in sample)
    band = butter(2, (300, 4000), "bandpass", fs=RATE, output="sos")
    heard = sosfilt(band, dance[: 15 * RATE]).astype(np.float32)
    place = round(MUSIC_AT * RATE)
    wanted = sosfilt(band, reference[place : place + 15 * RATE]).astype(np.float32)
    assert abs(measure.lag(heard, wanted)) < 1e-3
    info = probe(sample[0], role="dance", settings=SETTINGS)
    assert info.duration == pytest.approx(DANCE_LENGTH, abs=0.05)


def test_its_sound_is_degraded(sample: tuple[Path, Path]) -> None:
    dance, reference = (measure.sound(path) for path in sample)
    place = round(MUSIC_AT * RATE)
    a, b = dance[: 15 * RATE], reference[place : place + 15 * RATE]
    assert float(np.corrcoef(a, b)[0, 1]) < 0.9


def test_it_is_the_same_at_every_call(sample: tuple[Path, Path], tmp_path: Path) -> None:
    for one, other in zip(sample, make_sample(tmp_path / "again"), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_nothing_else_is_left(sample: tuple[Path, Path]) -> None:
    assert {path.name for path in sample[0].parent.iterdir()} == {path.name for path in sample}


def test_thumbnail_and_preview(sample: tuple[Path, Path], tmp_path: Path) -> None:
    thumbnail, preview = tmp_path / "t.jpg", tmp_path / "p.mp4"
    make_thumbnail(sample[0], thumbnail, at=5.0, settings=SETTINGS)
    assert thumbnail.read_bytes()[:3] == b"\xff\xd8\xff"
    heard: list[float] = []
    make_preview(sample[0], preview, duration=DANCE_LENGTH, settings=SETTINGS,
                 progress=heard.append)  # fmt: skip
    info: MediaInfo = probe(preview, role="dance", settings=SETTINGS)
    assert info.video is not None
    assert info.video.codec == "h264"
    assert not needs_preview(info.container, info.video.codec)
    assert heard == sorted(heard)
    assert needs_preview("mov,mp4", "hevc")
    assert needs_preview("avi", "h264")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.mp4", "t.jpg"]


def test_a_preview_of_a_sound_has_no_picture(sample: tuple[Path, Path], tmp_path: Path) -> None:
    preview = tmp_path / "p.mp4"
    make_preview(sample[1], preview, duration=30.0, settings=SETTINGS)
    info = probe(preview, role="reference", settings=SETTINGS)
    assert info.video is None
    assert [sound.codec for sound in info.sounds] == ["aac"]


def test_a_thumbnail_of_no_film_is_an_error(tmp_path: Path) -> None:
    text = tmp_path / "a.mp4"
    text.write_text("#EXTM3U\n")
    with pytest.raises(RenderError):
        make_thumbnail(text, tmp_path / "t.jpg", at=0, settings=SETTINGS)


def test_a_waveform_has_the_sounds_extremes(sample: tuple[Path, Path], tmp_path: Path) -> None:
    pair = read_pair(*sample, tmp_path)
    from pipeline.decode import decode_sound

    sound = decode_sound(sample[1], pair.reference_info, tmp_path, settings=SETTINGS)
    drawn = peaks(sound, columns=200)
    assert len(drawn.low) == len(drawn.high) == 200
    assert max(*drawn.high, -min(drawn.low)) == pytest.approx(sound.peak, abs=1e-3)
    assert drawn.duration == pytest.approx(sound.duration)
