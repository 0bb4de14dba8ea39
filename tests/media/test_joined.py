"""Transport streams of several recordings, or whose clock runs over: all pictures, one clock."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.media import ffmpeg
from pipeline.media.packets import packets
from pipeline.media.transport import one_clock
from pipeline.model import Segment
from tests.media import measure
from tests.media.clips import RATE, Clip, make_dance, write_sound
from tests.media.work import Pair, late_by, make_result, read_pair

Make = Callable[[NDArray[np.float32], Path], Path]

OFFSET = 2.0
SECONDS = 5.0
FRAMES = 150
WRAP = 2**33 / 90_000


def part(
    song: NDArray[np.float32], folder: Path, number: int, *, start: float = 0.0, form: str = "ts"
) -> Path:
    """Pictures and sound of the ``number``-th five seconds."""
    clip = Clip(form, b_frames=2, gop=50, seconds=SECONDS, start=start, first=number * FRAMES)
    return make_dance(clip, song[round((OFFSET + number * SECONDS) * RATE) :], folder)


def other_pids(path: Path, out: Path) -> Path:
    pids = ["-mpegts_start_pid", "0x300", "-mpegts_pmt_start_pid", "0x1100"]
    ffmpeg.run(["-copyts", "-i", str(path), "-map", "0", "-c", "copy", *pids, "-y", str(out)])
    return out


def joined(out: Path, *paths: Path, torn: int = 0) -> Path:
    data = [path.read_bytes() for path in paths]
    data[0] = data[0][: len(data[0]) - torn]
    out.write_bytes(b"".join(data))
    return out


def anew(song: NDArray[np.float32], folder: Path) -> Path:
    return joined(folder / "j.ts", part(song, folder, 0), part(song, folder, 1))


def later(song: NDArray[np.float32], folder: Path) -> Path:
    return joined(folder / "j.ts", part(song, folder, 0), part(song, folder, 1, start=5000.0))


def camcorder(song: NDArray[np.float32], folder: Path) -> Path:
    parts = [part(song, folder, n, form="m2ts") for n in (0, 1)]
    return joined(folder / "j.m2ts", *parts)


def other_tracks(song: NDArray[np.float32], folder: Path) -> Path:
    second = other_pids(part(song, folder, 1), folder / "o.ts")
    return joined(folder / "j.ts", part(song, folder, 0), second)


def torn(song: NDArray[np.float32], folder: Path) -> Path:
    """The first recording ends inside a packet, which holds nothing of a picture."""
    first = part(song, folder, 0)
    null = b"\x47\x1f\xff\x10" + bytes(184)
    first.write_bytes(first.read_bytes() + null)
    return joined(folder / "j.ts", first, part(song, folder, 1), torn=100)


@pytest.mark.parametrize("make", [anew, later, camcorder, other_tracks, torn])
def test_two_recordings_have_one_clock(
    make: Make, song: NDArray[np.float32], tmp_path: Path
) -> None:
    given = make(song, tmp_path)
    mended = one_clock(given, tmp_path / "one.ts")
    assert mended.joints == pytest.approx((SECONDS,), abs=0.1)
    check(mended.path, song, tmp_path, 2 * FRAMES)


def test_a_clock_that_runs_over_is_no_joint(song: NDArray[np.float32], tmp_path: Path) -> None:
    given = part(song, tmp_path, 0, start=WRAP - 2.5)
    mended = one_clock(given, tmp_path / "one.ts")
    assert mended.joints == ()
    check(mended.path, song, tmp_path, FRAMES)


def test_a_stream_that_appears_late_ends_nothing(song: NDArray[np.float32], tmp_path: Path) -> None:
    """PyAV's own ``demux`` raises IndexError, or not, by what lies in memory."""
    given = other_tracks(song, tmp_path)
    for _ in range(20):
        with av.open(str(given)) as container:
            picture = container.streams.video[0]
            found = list(packets(container, picture))
        assert sum(packet.size > 0 for packet in found) == FRAMES
        assert sum(packet.size == 0 for packet in found) == 1, "the end is told once"


def test_an_ordinary_recording_is_read_as_it_is(song: NDArray[np.float32], tmp_path: Path) -> None:
    for given in (part(song, tmp_path, 0, start=33.3), part(song, tmp_path, 1, form="mp4")):
        assert one_clock(given, tmp_path / "one.ts").path == given


def check(dance: Path, song: NDArray[np.float32], folder: Path, count: int) -> None:
    pair = read_pair(dance, write_sound(song, folder / "r.flac"), folder / "scratch")
    seconds = pair.measurements.frames.seconds
    frames = pair.measurements.frames
    first = seconds(int(frames.pts.min()))
    # The map that the dance's own sound follows, by its pictures.
    segment = Segment(0.0, 30.0, OFFSET - first)
    result = make_result(pair, [segment], folder / "out.mp4")
    got = measure.pictures(result.path)
    assert list(got.numbers) == list(range(count))
    assert result.plan.picture.action == "copy"
    assert np.allclose(np.diff(got.times), 1 / 30, atol=2e-3)
    heard = measure.sound(result.path)
    own = read_pcm(pair)
    for at in (1.0, count / 30 - 2.5):
        assert abs(late_by(heard, song.mean(axis=1), OFFSET, at=at, seconds=2.0)) < 0.002
        assert abs(late_by(own, song.mean(axis=1), OFFSET - first, at=at, seconds=2.0)) < 0.005


def read_pcm(pair: Pair) -> NDArray[np.float32]:
    """What the alignment hears of the dance, at 48 kHz."""
    from pipeline.sound.decode import decode_sound
    from tests.media.work import SETTINGS

    folder = pair.dance.parent
    sound = decode_sound(pair.dance, pair.dance_info, folder, settings=SETTINGS, rate=RATE)
    return sound.read(0, sound.frames)


@pytest.mark.parametrize("make", [anew, other_tracks])
def test_the_command_line_tells_of_the_joint(
    make: Make, song: NDArray[np.float32], tmp_path: Path
) -> None:
    reference = write_sound(song, tmp_path / "r.flac")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pipeline", "run", str(make(song, tmp_path)), str(reference)),
            *("--out", str(tmp_path / "out"), "--variant", "v2"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [w["code"] for w in answer["warnings"]] == ["dance_joined"]
    assert "the joint at 0:05 was mended" in done.stderr
    got = measure.pictures(Path(answer["v2_output"]))
    assert list(got.numbers) == list(range(2 * FRAMES))
    heard = measure.sound(Path(answer["v2_output"]))
    for at in (1.0, 7.0):
        assert abs(late_by(heard, song.mean(axis=1), OFFSET, at=at, seconds=2.0)) < 0.002
