"""What the repository holds is what our scripts make, and small."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipeline.media import ffmpeg
from pipeline.media.probe import probe
from pipeline.sample.film import FILM_SECONDS, make_film
from pipeline.sample.pair import DANCE_SECONDS
from pipeline.sample.tune import RATE_HZ
from pipeline.settings import Settings
from tests.media import measure
from ui.assets import FILM, FOLDER, SAMPLE
from ui.assets.icons import write_icons

SETTINGS = Settings()
MAX_MEDIA_BYTES = 1_000_000
"""For the film and the sample pair together."""


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("film") / "film.mp4")


def channels(path: Path) -> NDArray[np.float32]:
    """Both channels of the sound as they are, shape (2, samples)."""
    command = [*(ffmpeg.executable(), "-v", "error", "-i", str(path), "-map", "0:a:0")]
    command += ["-ac", "2", "-ar", str(RATE_HZ), "-f", "f32le", "pipe:1"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    return np.frombuffer(done.stdout, np.float32).reshape(-1, 2).T


def bass_share(sound: NDArray[np.float32]) -> float:
    """How much of the sound lies below 110 Hz: a phone in a hall hears little of it."""
    low = sosfilt(butter(4, 110, "lowpass", fs=RATE_HZ, output="sos"), sound)
    return float(np.sum(low**2) / np.sum(sound**2))


def test_the_script_makes_the_film_that_the_page_shows(film: Path) -> None:
    for path in (film, FILM):
        info = probe(path, role="dance", settings=SETTINGS)
        assert info.duration == pytest.approx(FILM_SECONDS, abs=0.1)
        assert info.video is not None and (info.video.width, info.video.height) == (960, 540)
        assert len(info.sounds) == 1 and info.sounds[0].channels == 2
    assert film.stat().st_size == pytest.approx(FILM.stat().st_size, rel=0.25)
    assert list(film.parent.iterdir()) == [film], "nothing else is left"


def test_its_channels_are_the_phones_sound_and_the_song_in_step() -> None:
    phone, song = channels(FILM)
    assert bass_share(song) > 4 * bass_share(phone)
    band = butter(2, (300, 4000), "bandpass", fs=RATE_HZ, output="sos")
    heard, wanted = (sosfilt(band, sound).astype(np.float32) for sound in (phone, song))
    assert abs(measure.lag(heard, wanted)) < 1e-3


def test_film_and_sample_are_small() -> None:
    assert sum(path.stat().st_size for path in (FILM, *SAMPLE)) <= MAX_MEDIA_BYTES
    assert probe(SAMPLE[0], role="dance", settings=SETTINGS).duration == pytest.approx(
        DANCE_SECONDS, abs=0.05
    )


def test_the_icons_are_the_scripts(tmp_path: Path) -> None:
    write_icons(tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (FOLDER / path.name).read_bytes(), path.name
