"""Interlaced pictures: every field is kept, and what is encoded again has no combs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import reasons
from pipeline.media import ffmpeg
from pipeline.model import Segment
from pipeline.reasons import RenderError
from pipeline.render.result import render
from pipeline.render.verify import verify
from tests.media import measure
from tests.media.clips import HEIGHT, RATE, WIDTH, read_barcode, write_sound
from tests.media.fields import FPS, make_fields
from tests.media.work import SETTINGS, late_by, make_result, read_pair

OFFSET = 2.0
SECONDS = 6.0


def numbers_of_fields(path: Path) -> list[int]:
    found: list[int] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            grey = np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8)
            assert frame.interlaced_frame
            found += [read_barcode(grey[k::2].repeat(2, axis=0)) for k in (0, 1)]
    return found


@pytest.mark.parametrize("start", [0.0, 2.5])
def test_fields_without_stamps_are_kept(
    start: float, song: NDArray[np.float32], tmp_path: Path
) -> None:
    dance = make_fields(tmp_path, song[round(OFFSET * RATE) :], SECONDS)
    pair = read_pair(dance, write_sound(song, tmp_path / "r.flac"), tmp_path / "scratch")
    assert pair.dance_info.video is not None and pair.dance_info.video.field_pictures
    segment = Segment(start, SECONDS + 0.1, OFFSET)
    result = make_result(pair, [segment], tmp_path / "out.mp4", variant="modular")
    assert result.plan.picture.action == "copy"
    got = numbers_of_fields(result.path)
    assert got == list(range(got[0], round(SECONDS * FPS * 2)))
    assert got[0] % 2 == 0 and got[0] <= start * FPS * 2
    begin = pair.measurements.frames.seconds(result.plan.picture.start)
    assert abs(begin - got[0] / (FPS * 2)) < 0.03  # the sound begins a little earlier
    late = late_by(measure.sound(result.path), song.mean(axis=1), OFFSET + begin, seconds=3.0)
    assert abs(late) < 0.001
    with pytest.raises(RenderError) as caught:
        verify(dance, result.plan, settings=SETTINGS)
    assert caught.value.reason == reasons.VERIFY_FAILED


def combed(path: Path) -> list[float]:
    """By how much more the neighbouring lines of each picture differ than those next but one."""
    found: list[float] = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            grey = np.asarray(frame.to_ndarray(format="gray"))[48:].astype(float)
            near = float(np.abs(np.diff(grey, axis=0)).mean())
            far = float(np.abs(grey[2:] - grey[:-2]).mean())
            found.append(near / max(far, 1.0))
    return found


@pytest.mark.parametrize("interlaced", [True, False])
def test_what_is_encoded_again_is_deinterlaced(
    interlaced: bool, song: NDArray[np.float32], tmp_path: Path
) -> None:
    """MPEG-2, whose two fields show a bar at two places."""
    dance, count = tmp_path / "combed.ts", 100
    sound = write_sound(song[round(OFFSET * RATE) :][: 4 * RATE], tmp_path / "s.flac")
    pictures = b""
    for number in range(count):
        picture = np.full((HEIGHT, WIDTH), 60, dtype=np.uint8)
        for parity in (0, 1):
            left = (number * 6 + 3 * parity * interlaced) % (WIDTH - 40)
            picture[parity::2, left : left + 40] = 200
        pictures += picture.tobytes()
    flags = ["-flags", "+ildct+ilme", "-field_order", "tt"] if interlaced else []
    field_order = "setfield=tff" if interlaced else "setfield=prog"
    arguments = [
        *("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", "25"),
        *("-i", "pipe:0", "-i", str(sound), "-vf", f"format=yuv420p,{field_order}"),
        *("-c:v", "mpeg2video", "-q:v", "2", *flags, "-c:a", "mp2", "-y", str(dance)),
    ]
    with ffmpeg.process(arguments, write=True) as pipe:
        pipe.write(pictures)
    pair = read_pair(dance, write_sound(song, tmp_path / "r.flac"), tmp_path / "scratch")
    result = make_result(pair, [Segment(0.0, 4.0, OFFSET)], tmp_path / "out.mp4")
    assert result.plan.picture.action == "encode"
    before, after = combed(dance), combed(result.path)
    assert len(after) == result.plan.picture.frames == len(before)
    if interlaced:
        assert np.median(before) > 1.5, "the dance itself should be combed"
        assert max(after) < 1.2
    else:
        assert max(after) < 1.1
    begin = pair.measurements.frames.seconds(result.plan.picture.start)
    late = late_by(measure.sound(result.path), song.mean(axis=1), OFFSET + begin, seconds=3.0)
    assert abs(late) < 0.002


def test_fields_that_are_encoded_become_whole_pictures(
    song: NDArray[np.float32], tmp_path: Path
) -> None:
    dance = make_fields(tmp_path, song[round(OFFSET * RATE) :], SECONDS)
    pair = read_pair(dance, write_sound(song, tmp_path / "r.flac"), tmp_path / "scratch")
    plan = make_result(pair, [Segment(0.0, SECONDS + 0.1, OFFSET)], tmp_path / "copy.mp4").plan
    plan = replace(plan, picture=replace(plan.picture, action="encode"))
    out = tmp_path / "out.mp4"
    render(plan, pair.dance, pair.reference, out, settings=SETTINGS, scratch=tmp_path)
    assert len(measure.pictures(out).times) == round(SECONDS * FPS)
