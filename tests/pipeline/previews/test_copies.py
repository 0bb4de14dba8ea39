"""Thumbnails and previews: what a browser gets, and that nothing outlives the service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.media.ffmpeg import executable
from pipeline.media.info import MediaInfo
from pipeline.media.probe import probe
from pipeline.previews.copies import make_preview, make_sound_copy, make_thumbnail
from pipeline.reasons import RenderError
from pipeline.sample.pair import DANCE_SECONDS
from tests.media import measure
from tests.media.clips import RATE, Clip, make_dance
from tests.media.fixtures import make_song
from tests.media.work import SETTINGS


def test_thumbnail_and_preview(sample_pair: tuple[Path, Path], tmp_path: Path) -> None:
    thumbnail, preview = tmp_path / "t.jpg", tmp_path / "p.mp4"
    make_thumbnail(sample_pair[0], thumbnail, at=5.0, settings=SETTINGS)
    assert thumbnail.read_bytes()[:3] == b"\xff\xd8\xff"
    reported: list[float] = []
    make_preview(sample_pair[0], preview, duration=DANCE_SECONDS, settings=SETTINGS,
                 progress=reported.append)  # fmt: skip
    info: MediaInfo = probe(preview, role="dance", settings=SETTINGS)
    assert info.video is not None
    assert info.video.codec == "h264"
    assert reported == sorted(reported)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.mp4", "t.jpg"]


def test_a_preview_of_a_sound_has_no_picture(
    sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    preview = tmp_path / "p.mp4"
    make_preview(sample_pair[1], preview, duration=30.0, settings=SETTINGS)
    info = probe(preview, role="reference", settings=SETTINGS)
    assert info.video is None
    assert [sound.codec for sound in info.sounds] == ["aac"]


def test_a_thumbnail_of_no_film_is_an_error(tmp_path: Path) -> None:
    text = tmp_path / "a.mp4"
    text.write_text("#EXTM3U\n")
    with pytest.raises(RenderError):
        make_thumbnail(text, tmp_path / "t.jpg", at=0, settings=SETTINGS)


def test_a_preview_is_in_sync_and_has_its_index_in_front(tmp_path: Path) -> None:
    """Pictures that a browser does not show, with B-frames, and music from the first one on."""
    song = make_song()
    source = make_dance(Clip("mkv", "hevc", b_frames=3, seconds=6), song, tmp_path)
    preview = tmp_path / "preview.mp4"
    make_preview(source, preview, duration=6.0, settings=SETTINGS)
    data = preview.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    shown = measure.pictures(preview)
    assert len(shown.times) == 180
    assert shown.times[0] == pytest.approx(0.0, abs=1e-3)
    for reported in (measure.sound(preview), measure.sound_by_pyav(preview)):
        wanted = song.mean(axis=1)[RATE : 5 * RATE]
        assert abs(measure.lag(reported[RATE : 5 * RATE], wanted)) < 2e-3
        assert np.abs(reported).max() > 0.05


@pytest.mark.parametrize("clip", [
    Clip(seconds=6, extra="late_sound", start=5.0), Clip(seconds=6), Clip("mkv", "hevc", seconds=6),
], ids=str)  # fmt: skip
def test_the_sound_alone_is_heard_when_it_was(clip: Clip, tmp_path: Path) -> None:
    source, alone = make_dance(clip, make_song(), tmp_path), tmp_path / "alone.mp4"
    info = probe(source, role="reference", settings=SETTINGS)
    assert info.played is not None
    make_sound_copy(source, alone, info=info, sound=info.played, settings=SETTINGS)
    made = probe(alone, role="reference", settings=SETTINGS)
    assert made.video is None and [sound.codec for sound in made.sounds] == ["aac"]
    wanted = measure.sound(source)[2 * RATE : 5 * RATE]
    for heard in (measure.sound(alone), measure.sound_by_pyav(alone)):
        assert abs(measure.lag(heard[2 * RATE : 5 * RATE], wanted)) < 2e-3
    assert np.abs(wanted).max() > 0.05


SERVICE = """
import sys
from pipeline.child.supervise import call
print("ready", flush=True)
call("preview", {"path": sys.argv[1], "out": sys.argv[2], "role": "dance"}, timeout=600)
"""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes, six seconds over and over."""
    folder = tmp_path_factory.mktemp("long")
    part, whole = folder / "part.avi", folder / "long.avi"
    picture = ("-f", "lavfi", "-i", "testsrc2=s=640x480:r=30", "-f", "lavfi", "-i", "sine")
    for made in (
        [*picture, "-t", "6", "-c:v", "mjpeg", str(part)],
        ["-stream_loop", "19", "-i", str(part), "-c", "copy", str(whole)],
    ):
        subprocess.run([executable(), "-loglevel", "error", *made], check=True, timeout=100)
    return whole


@pytest.mark.parametrize("with_worker", [False, True], ids=["service", "service-and-worker"])
def test_no_ffmpeg_outlives_a_killed_service(with_worker: bool, long: Path, tmp_path: Path) -> None:
    """Killed outright in the middle of a preview, also together with the child between."""
    out = tmp_path / "preview.mp4"
    service = subprocess.Popen(
        [sys.executable, "-c", SERVICE, str(long), str(out)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )
    working: dict[str, psutil.Process] = {}
    while not (encoders := [name for name in working if "ffmpeg" in name]):
        assert service.poll() is None
        time.sleep(0.02)
        with suppress(psutil.NoSuchProcess):  # one that probed ended just now
            children = psutil.Process(service.pid).children(recursive=True)
            working = {process.name(): process for process in children}
    ours = [psutil.Process(service.pid), *(p for n, p in working.items() if n not in encoders)]
    for process in ours if with_worker else ours[:1]:
        process.send_signal(signal.SIGKILL)
    service.wait()
    assert service.stdout is not None
    service.stdout.close()
    _, alive = psutil.wait_procs(working.values(), timeout=15)
    assert not alive
    assert not out.exists()
