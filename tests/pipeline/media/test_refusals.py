"""Files that are no film or no sound: refused with a reason, whatever they are called."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.media.info import Role
from pipeline.media.probe import probe
from pipeline.reasons import InputError
from pipeline.sound.decode import decode_sound
from tests.pipeline.media.crafted import (
    SETTINGS,
    make,
    picture,
    refusal,
    tone,
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", reasons.EMPTY_FILE),
        (b"this is a text file, not a film\n" * 50, reasons.NOT_MEDIA),
        (b"<!doctype html><html><body><video src=x></video></body></html>", reasons.NOT_MEDIA),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', reasons.NOT_MEDIA),
        (bytes(range(256)) * 64, reasons.NOT_MEDIA),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00isomiso2avc1mp41", reasons.UNREADABLE),
    ],
    ids=["empty", "text", "html", "svg", "bytes", "no-moov"],
)
@pytest.mark.parametrize("role", ["dance", "reference"])
def test_what_is_no_film(content: bytes, reason: str, role: str, tmp_path: Path) -> None:
    path = tmp_path / "upload.mp4"
    path.write_bytes(content)
    assert refusal(path, role).reason == reason


def test_a_zip_archive(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "upload.mp4"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(good, "good.mp4")
    assert refusal(path).reason == reasons.NOT_MEDIA


def test_a_missing_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.mp4").reason == reasons.MISSING_FILE


def test_cut_off_at_half_without_an_index(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    path.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    assert refusal(path).reason == reasons.UNREADABLE


def test_sound_only_picture_only_and_cover_art_only(good: Path, tmp_path: Path) -> None:
    sound, mute, cover = (tmp_path / name for name in ("a.m4a", "b.mp4", "c.mp4"))
    make("-i", str(good), "-map", "0:a", "-c", "copy", str(sound))
    make("-i", str(good), "-map", "0:v", "-c", "copy", str(mute))
    jpeg = tmp_path / "art.jpg"
    make("-i", str(good), "-frames:v", "1", str(jpeg))
    make("-i", str(sound), "-i", str(jpeg), "-map", "0", "-map", "1", "-c", "copy",
         "-disposition:v:0", "attached_pic", str(cover))  # fmt: skip
    assert refusal(sound).reason == reasons.NO_PICTURE
    assert refusal(cover).reason == reasons.NO_PICTURE
    assert refusal(mute).reason == reasons.NO_SOUND
    assert refusal(mute, "reference").reason == reasons.NO_SOUND
    assert probe(cover, role="reference", settings=SETTINGS).other == ("cover art",)


def test_too_short(tmp_path: Path) -> None:
    path = tmp_path / "short.mp4"
    make(*picture(seconds=0.3), *tone(0.3), "-c:v", "libx264", "-c:a", "aac", str(path))
    assert refusal(path).reason == reasons.TOO_SHORT


def test_titles_are_data(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "title.mp4"
    make("-i", str(good), "-c", "copy", "-metadata", "title=<script>alert(1)</script>",
         "-metadata", f"comment={'x' * 100_000}", str(path))  # fmt: skip
    info = probe(path, role="dance", settings=SETTINGS)
    assert "script" not in str(info.to_json())


@pytest.mark.parametrize(
    "value", [np.nan, np.inf, -np.inf, 3e38, 32768.0], ids=["nan", "inf", "-inf", "3e38", "whole"]
)
@pytest.mark.parametrize("form", ["f32le", "f64le"])
@pytest.mark.parametrize("role", ["dance", "reference"])
def test_samples_that_are_no_sound(value: float, form: str, role: Role, tmp_path: Path) -> None:
    """One of them is enough: the encoder would refuse it after all the work was done."""
    samples = np.sin(np.arange(3 * 48000) / 20) * 0.3
    samples[70_000] = value
    path = tmp_path / "sound.wav"
    subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-f", form, "-ar", "48000", "-ac", "1"),
            *("-i", "pipe:0", "-c:a", f"pcm_{form}", str(path)),
        ],
        input=samples.astype(form.replace("le", "").replace("f32", "<f4").replace("f64", "<f8"))
        .tobytes(),
        timeout=60,
        check=True,
    )  # fmt: skip
    info = probe(path, role=role, settings=SETTINGS, need_picture=False)
    with pytest.raises(InputError) as caught:
        decode_sound(path, info, tmp_path, settings=SETTINGS)
    assert (caught.value.reason, caught.value.role) == (reasons.UNREADABLE, role)
    assert "no numbers" in str(caught.value)


def test_a_float_sound_with_headroom_is_read(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    make(*tone(3), "-af", "volume=20", "-c:a", "pcm_f32le", str(path))
    info = probe(path, role="reference", settings=SETTINGS)
    assert decode_sound(path, info, tmp_path, settings=SETTINGS).peak == pytest.approx(1, abs=0.01)
