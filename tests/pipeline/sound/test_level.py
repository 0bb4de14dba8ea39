"""The level of a file is known without decoding all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.media.probe import probe
from pipeline.reasons import InputError
from pipeline.settings import Settings
from pipeline.sound import level
from pipeline.sound.decode import decode_tracks


def made(path: Path, sound: str, *more: str) -> Path:
    ffmpeg.run(["-nostdin", "-f", "lavfi", "-i", sound, *more, ffmpeg.file_url(path)])
    return path


NOISE = "anoisesrc=d=120:c=pink:r=48000:a=0.2:seed=1"


@pytest.mark.parametrize("name", ["a.m4a", "a.mp3", "a.flac", "a.wav", "a.ogg", "a.ts", "a.mka"])
def test_windows_tell_the_level_of_the_whole(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings()
    path = made(tmp_path / name, NOISE)
    info = probe(path, role="reference", settings=settings)
    (whole,) = decode_tracks(path, info, tmp_path, settings=settings)
    monkeypatch.setattr(level, "decode_tracks", None)  # not even in a container without an index
    (found,) = level.levels(path, info, tmp_path, settings=settings)
    assert found == pytest.approx(level._decibels(whole.rms), abs=0.5)


def test_a_sound_that_no_window_meets_is_found(tmp_path: Path) -> None:
    settings = Settings()
    only = "volume=0:enable='not(between(t,20,40))'"
    late = made(tmp_path / "a.flac", "sine=d=600:r=8000", "-af", only)
    info = probe(late, role="reference", settings=settings)
    (found,) = level.levels(late, info, tmp_path, settings=settings)
    assert found is not None and -40 < found < -25


def test_silence_is_called_so(tmp_path: Path) -> None:
    settings = Settings()
    path = made(tmp_path / "a.flac", "anullsrc=d=20:r=8000")
    info = probe(path, role="reference", settings=settings)
    with pytest.raises(InputError) as refused:
        level.levels(path, info, tmp_path, settings=settings)
    assert refused.value.reason == reasons.SILENT
