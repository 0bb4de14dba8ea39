"""What is read from good files of every accepted kind."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.media import ffmpeg
from pipeline.media.info import MediaInfo
from pipeline.media.opening import opened, reopened
from pipeline.media.probe import probe
from pipeline.settings import Settings
from tests.media.clips import HEIGHT, RATE, WIDTH, Clip, make_dance

SETTINGS = Settings()
SOUND = (np.random.default_rng(1).standard_normal((3 * RATE, 2)) * 0.1).astype(np.float32)


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "h264"),
        ("mov", "hevc"),
        ("avi", "h264"),
        ("mkv", "vp9"),
        ("webm", "av1"),
        ("ts", "h264"),
    ],
)
def test_dances(container: str, codec: str, tmp_path: Path) -> None:
    clip = Clip(container, codec, seconds=3, fps=Fraction(25))
    info = probe(make_dance(clip, SOUND, tmp_path), role="dance", settings=SETTINGS)
    assert info.duration == pytest.approx(3, abs=0.1)
    video = info.video
    assert video is not None
    assert (video.codec, video.width, video.height) == (codec, WIDTH, HEIGHT)
    assert video.average_rate == pytest.approx(25, rel=0.05)
    assert video.bit_depth == 8
    assert [sound.channels for sound in info.sounds] == [2]
    assert info.sounds[0].rate == RATE
    assert MediaInfo.from_json(json.loads(json.dumps(info.to_json()))) == info


@pytest.mark.parametrize(
    "name",
    [
        *("a.mp3", "a.m4a", "a.aac", "a.wav", "a.flac", "a.ogg", "a.opus"),
        *("a.aiff", "a.aifc", "a.caf", "a.wma", "a.ac3", "a.eac3", "a.wv"),
    ],
)
def test_references(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    codec = {"a.ogg": ["-c:a", "libvorbis"], "a.aifc": ["-f", "aiff"]}.get(name, [])
    subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-f", "f32le", "-ar", "48000"),
            *("-ac", "2", "-i", "pipe:0", *codec, str(path)),
        ],
        input=SOUND.tobytes(),
        timeout=60,
        check=True,
    )
    info = probe(path, role="reference", settings=SETTINGS)
    assert info.video is None
    assert info.duration == pytest.approx(3, abs=0.2)
    assert (info.sounds[0].channels, info.sounds[0].rate) == (2, 48000)


def test_a_turned_hdr_clip_with_a_late_start_and_two_tracks(tmp_path: Path) -> None:
    clip = Clip("mov", "hevc", Fraction(60), 90, 2.5, 2, pixel_format="yuv420p10le", extra="hdr",
                seconds=3)  # fmt: skip
    info = probe(make_dance(clip, SOUND, tmp_path), role="dance", settings=SETTINGS)
    video = info.video
    assert video is not None
    assert video.rotation == 90
    assert video.bit_depth == 10
    assert (video.color_primaries, video.color_transfer, video.color_matrix) == (9, 16, 9)
    assert video.has_b_frames
    assert info.start_time == pytest.approx(2.5, abs=0.05)
    two = make_dance(Clip(extra="two_sounds", seconds=3), SOUND, tmp_path)
    assert len(probe(two, role="dance", settings=SETTINGS).sounds) == 2


def test_a_described_film_is_opened_without_decoding_its_pictures(good: Path) -> None:
    """That takes longer than all else of it, and the stamps of an MP4 need none of it."""
    info = probe(good, role="dance", settings=SETTINGS)
    with (
        opened(good, role="dance", settings=SETTINGS) as whole,
        reopened(good, info, settings=SETTINGS) as again,
    ):
        shapes = [each.streams.video[0].codec_context.pix_fmt for each in (whole, again)]
        assert shapes == ["yuv420p", None]
        stamps = [
            [(packet.stream.index, packet.pts, packet.dts, packet.duration, packet.is_keyframe)
             for packet in each.demux()]
            for each in (whole, again)
        ]  # fmt: skip
    assert stamps[0] == stamps[1] and len(stamps[0]) > 10


def test_a_data_track_is_counted_but_not_in_the_way(tmp_path: Path) -> None:
    path = make_dance(Clip("mov", extra="data", seconds=3), SOUND, tmp_path)
    assert "data" in probe(path, role="dance", settings=SETTINGS).other


def test_a_webm_without_a_duration(tmp_path: Path) -> None:
    """Browsers record such: the last packet says how long it is."""
    source = make_dance(Clip("webm", "vp9", seconds=3), SOUND, tmp_path)
    piped = subprocess.run(
        [
            *(ffmpeg.executable(), "-loglevel", "error", "-i", str(source)),
            *("-c", "copy", "-f", "webm", "-live", "1", "pipe:1"),
        ],
        capture_output=True,
        timeout=60,
        check=True,
    ).stdout
    path = tmp_path / "recorded.webm"
    path.write_bytes(piped)
    assert probe(path, role="dance", settings=SETTINGS).duration == pytest.approx(3, abs=0.2)
