"""The sample pair: the same at every call, and with the promised map between its files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from pipeline.media.probe import probe
from pipeline.previews.waveform import peaks
from pipeline.sample.pair import DANCE_SECONDS, OFFSET_SECONDS, make_sample
from pipeline.settings import Settings
from tests.media import measure
from tests.media.clips import RATE
from tests.media.work import read_pair

SETTINGS = Settings()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_sample(tmp_path_factory.mktemp("made"))


def test_it_has_the_promised_map(made: tuple[Path, Path]) -> None:
    dance, reference = (measure.sound(path) for path in made)
    band = butter(2, (300, 4000), "bandpass", fs=RATE, output="sos")
    heard = sosfilt(band, dance[: 15 * RATE]).astype(np.float32)
    place = round(OFFSET_SECONDS * RATE)
    wanted = sosfilt(band, reference[place : place + 15 * RATE]).astype(np.float32)
    assert abs(measure.lag(heard, wanted)) < 1e-3
    info = probe(made[0], role="dance", settings=SETTINGS)
    assert info.duration == pytest.approx(DANCE_SECONDS, abs=0.05)


def test_its_sound_is_degraded(made: tuple[Path, Path]) -> None:
    dance, reference = (measure.sound(path) for path in made)
    place = round(OFFSET_SECONDS * RATE)
    a, b = dance[: 15 * RATE], reference[place : place + 15 * RATE]
    assert float(np.corrcoef(a, b)[0, 1]) < 0.9


def test_it_is_the_same_at_every_call_and_nothing_else_is_left(
    made: tuple[Path, Path], tmp_path: Path
) -> None:
    again = make_sample(tmp_path)
    for one, other in zip(made, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert set(tmp_path.iterdir()) == set(again)


def test_a_waveform_has_the_sounds_extremes(made: tuple[Path, Path], tmp_path: Path) -> None:
    pair = read_pair(*made, tmp_path)
    from pipeline.sound.decode import decode_sound

    sound = decode_sound(made[1], pair.reference_info, tmp_path, settings=SETTINGS)
    drawn = peaks(sound, columns=200)
    assert len(drawn.low) == len(drawn.high) == 200
    assert max(*drawn.high, -min(drawn.low)) == pytest.approx(sound.peak, abs=1e-3)
    assert drawn.duration == pytest.approx(sound.duration)
