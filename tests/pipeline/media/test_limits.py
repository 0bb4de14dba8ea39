"""Files that declare, or are, more than any camera makes: refused with that reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.media import picture as media_picture
from pipeline.media.probe import probe
from pipeline.settings import Settings
from tests.pipeline.media.crafted import (
    SETTINGS,
    make,
    opens,
    picture,
    refusal,
    tone,
)


def test_sixty_sound_tracks(folder: Path) -> None:
    path = folder / "tracks.mp4"
    maps = [part for _ in range(60) for part in ("-map", "1:a")]
    make(*picture(), *tone(), "-map", "0:v", *maps, "-c:v", "libx264", "-c:a", "aac", str(path))
    assert refusal(path).reason == reasons.TOO_MANY_STREAMS
    options = ffmpeg.open_options()
    assert not opens(path, **options)
    assert opens(path, **{**options, "max_streams": "100"})


def test_of_sixty_tracks_in_a_transport_stream_no_more_than_the_limit_are_seen(
    folder: Path,
) -> None:
    """libavformat leaves out streams above the limit there instead of failing."""
    path = folder / "tracks.ts"
    maps = [part for _ in range(60) for part in ("-map", "1:a")]
    make(*picture(), *tone(), "-map", "0:v", *maps, "-c:v", "libx264", "-c:a", "aac", str(path))
    info = probe(path, role="dance", settings=SETTINGS)
    assert 1 <= len(info.sounds) < SETTINGS.max_streams


def test_a_huge_picture_is_refused_by_its_size(folder: Path) -> None:
    path = folder / "huge.mp4"
    make(*picture("8192x8192", "1", 2), *tone(), *("-c:v", "libx264", "-preset", "ultrafast"),
         *("-c:a", "aac"), str(path))  # fmt: skip
    assert refusal(path).reason == reasons.PICTURE_TOO_LARGE


def test_a_hundred_hours_in_a_few_bytes(folder: Path) -> None:
    path = folder / "long.mp4"
    make(
        *picture("64x64", "1/1000", 360_000), *tone(2), "-c:v", "libx264", "-c:a", "aac", str(path)
    )
    assert path.stat().st_size < 400_000
    error = refusal(path)
    assert error.reason == reasons.TOO_LONG
    assert "6000 minutes" in str(error)


def test_more_pictures_than_can_be_encoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, settings = folder / "many.avi", Settings(max_duration=2.5)
    make(*picture("640x480", "100", 2), *tone(), "-c:v", "mjpeg", "-c:a", "pcm_s16le", str(path))
    count = 2 * 100 * 640 * 480
    monkeypatch.setattr(media_picture, "MAX_ENCODED_HZ", 0.9 * count / settings.max_duration)
    error = refusal(path, settings=settings)
    assert error.reason == reasons.TOO_LONG and "export it as H.264" in str(error)
    monkeypatch.setattr(media_picture, "MAX_ENCODED_HZ", 1.1 * count / settings.max_duration)
    probe(path, role="dance", settings=settings)


def test_a_sound_of_more_samples_than_any_recorder_makes(folder: Path) -> None:
    path = folder / "wide.wav"
    make("-f", "lavfi", "-t", "2", "-i", "anullsrc=r=655350:cl=7.1", "-c:a", "pcm_u8", str(path))
    error = refusal(path, "reference")
    assert error.reason == reasons.UNSUPPORTED and "655350 Hz" in str(error)
    make("-f", "lavfi", "-t", "2", "-i", "anullsrc=r=192000:cl=7.1", "-c:a", "pcm_u8", str(path))
    probe(path, role="reference", settings=SETTINGS)


def test_an_index_that_lists_the_same_bytes_again_and_again(folder: Path) -> None:
    path = folder / "again.mov"
    make(*picture("320x240", "25", 60), *tone(60), "-c:v", "mjpeg", "-c:a", "pcm_s16le",
         "-movflags", "+faststart", str(path))  # fmt: skip
    data = bytearray(path.read_bytes())
    probe(path, role="dance", settings=SETTINGS)
    first, at = len(data), 0
    while (at := data.find(b"stco", at) + 4) > 3:
        count = int.from_bytes(data[at + 4 : at + 8], "big")
        places = [
            int.from_bytes(data[p : p + 4], "big") for p in range(at + 8, at + 8 + 4 * count, 4)
        ]
        assert count > 30
        first = min(first, *places)
        data[at + 8 : at + 8 + 4 * count] = places[0].to_bytes(4, "big") * count
    path.write_bytes(data[: first + len(data) // 30])
    assert refusal(path).reason == reasons.UNREADABLE


def test_a_thousand_frames_a_second(folder: Path) -> None:
    path = folder / "fast.mp4"
    make(*picture("64x64", "1000", 2), *tone(), "-c:v", "libx264", "-c:a", "aac", str(path))
    assert refusal(path).reason == reasons.FRAME_RATE


def test_larger_than_the_limit(good: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    path.write_bytes(good.read_bytes())
    with path.open("r+b") as file:
        file.truncate(3 * 2**20)  # sparse
    assert refusal(path, settings=Settings(max_upload_mb=2)).reason == reasons.TOO_LARGE


def test_an_index_too_large_for_the_memory_is_not_called_too_many_streams(
    good: Path, tmp_path: Path
) -> None:
    """libavformat says the same of both: that memory is short."""
    data = bytearray(good.read_bytes())
    at = data.index(b"stts") + 8
    data[at : at + 4] = b"\x7f\xff\xff\xff"
    path = tmp_path / "entries.mp4"
    path.write_bytes(data)
    with pytest.raises(MemoryError):
        ffmpeg.open_input(path)
    error = refusal(path)
    assert error.reason == reasons.LARGE_INDEX
    assert "streams" not in str(error)
