"""Results made from plans: packets that are shared or copied, the index, colours."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.media import ffmpeg
from pipeline.media.info import MediaInfo
from pipeline.media.probe import probe
from pipeline.render import mp4
from pipeline.render import result as rendering
from pipeline.render.result import render
from tests.media import measure
from tests.media.clips import Clip, make_dance, write_sound
from tests.media.work import SETTINGS, Pair, late_by, make_result, read_pair
from tests.pipeline.pairs import OFFSET, PLAIN, WHOLE


def test_both_results_share_one_encoding_and_are_exact(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    first = make_result(pair, [WHOLE], tmp_path / "v2.mp4", scratch=tmp_path)
    other = replace(WHOLE, dance_start=2.3, dance_end=6.1, offset=OFFSET + 0.0123)
    second = make_result(pair, [other], tmp_path / "m.mp4", variant="modular", scratch=tmp_path)
    assert not first.report.sound_shared
    assert second.report.sound_shared
    begin = float(second.plan.picture.start * second.plan.picture.time_base)
    mono = song.mean(axis=1)
    assert abs(late_by(measure.sound(first.path), mono, OFFSET)) < 1e-4
    late = late_by(measure.sound(second.path), mono, OFFSET + 0.0123 + begin, seconds=3)
    assert abs(late) < 1e-4


def test_the_references_own_packets_are_used_when_nothing_changes(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    result = make_result(pair, [WHOLE], tmp_path / "copied.mp4", options=PLAIN)
    assert result.plan.sound.action == "copy"
    with av.open(str(pair.reference)) as a, av.open(str(result.path)) as b:
        theirs = {bytes(packet) for packet in a.demux(audio=0)}
        ours = [bytes(packet) for packet in b.demux(audio=0)]
    assert len(ours) > 300
    assert all(packet in theirs for packet in ours)
    for heard in (measure.sound(result.path), measure.sound_by_pyav(result.path)):
        assert abs(late_by(heard, song.mean(axis=1), OFFSET)) < 1e-4


def test_hevc_is_marked_for_apples_players(
    song: NDArray[np.float32], own: NDArray[np.float32], pair: Pair, tmp_path: Path
) -> None:
    dance = make_dance(Clip("mkv", "hevc", seconds=4), own, tmp_path)
    result = make_result(
        read_pair(dance, pair.reference, tmp_path / "s"), [WHOLE], tmp_path / "h.mp4"
    )
    assert b"hvc1" in result.path.read_bytes()
    assert b"hev1" not in result.path.read_bytes()


def test_the_index_is_in_front(pair: Pair, tmp_path: Path) -> None:
    data = make_result(pair, [WHOLE], tmp_path / "f.mp4").path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_large_files_index_is_in_front_without_a_second_pass(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = make_result(pair, [WHOLE], tmp_path / "small.mp4")
    monkeypatch.setattr(mp4, "RESERVE_FROM_BYTES", 0)
    monkeypatch.setattr(mp4, "MAX_INDEX_SHARE", 10.0)
    large = make_result(pair, [WHOLE], tmp_path / "large.mp4")
    data = large.path.read_bytes()
    assert data.index(b"moov") < data.index(b"free") < data.index(b"mdat")
    assert measure.pictures(large.path) == measure.pictures(small.path)
    assert np.array_equal(measure.sound(large.path), measure.sound(small.path))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux begins to write what is needless")
def test_a_result_is_on_its_way_to_the_disk_while_it_is_written(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stretch once: what is called needless again, when it is written, leaves the memory."""
    begun: list[tuple[int, int]] = []

    def note(file: int, begin: int, size: int, advice: int) -> None:
        assert advice == os.POSIX_FADV_DONTNEED and begin + size <= os.fstat(file).st_size
        begun.append((begin, begin + size))

    monkeypatch.setattr(os, "posix_fadvise", note)
    monkeypatch.setattr(rendering, "BYTES_BETWEEN_CHECKS", 1)
    path = make_result(pair, [WHOLE], tmp_path / "w.mp4").path
    begins, ends = zip(*begun, strict=True)
    assert begins == (0, *ends[:-1])
    assert ends[-1] > 0.5 * path.stat().st_size, (
        "the muxer holds 32 KiB back, the rest is at the end"
    )


def test_progress_rises_to_one(pair: Pair, tmp_path: Path) -> None:
    plan = make_result(pair, [WHOLE], tmp_path / "a.mp4").plan
    heard: list[float] = []
    render(plan, pair.dance, pair.reference, tmp_path / "b.mp4", settings=SETTINGS,
           scratch=tmp_path, progress=heard.append)  # fmt: skip
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert len(heard) > 20


def test_colour_depth_and_rotation_survive(
    own: NDArray[np.float32], pair: Pair, tmp_path: Path
) -> None:

    clip = Clip("mov", "hevc", rotation=90, pixel_format="yuv420p10le", b_frames=2, extra="hdr")
    turned = make_dance(clip, own, tmp_path)
    ready = read_pair(turned, pair.reference, tmp_path / "s")
    result = make_result(ready, [replace(WHOLE, dance_start=2.7)], tmp_path / "hdr.mp4",
                         variant="modular")  # fmt: skip
    before, after = ready.dance_info.video, probe(
        result.path, role="dance", settings=SETTINGS
    ).video  # fmt: skip
    assert before is not None
    assert after is not None
    for name in ("rotation", "bit_depth", "pixel_format", "color_primaries", "color_transfer",
                 "color_matrix", "color_range", "width", "height"):  # fmt: skip
        assert getattr(after, name) == getattr(before, name), name
    with av.open(str(result.path)) as container:
        sides: Any = next(container.decode(video=0)).side_data  # PyAV's stub has keys here
        kinds = {data.type.name for data in sides}
    assert {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL", "DISPLAYMATRIX"} <= kinds


def test_an_h264_films_shape_and_colours_are_in_the_index_too(pair: Pair, tmp_path: Path) -> None:
    """They stand within its pictures, which are not decoded to copy them."""
    wide = tmp_path / "wide.mp4"
    colours = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709"
    ffmpeg.run(
        [
            *("-i", str(pair.dance), "-vf", f"{colours},setsar=4/3"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy", str(wide)),
        ]
    )
    ready = read_pair(wide, pair.reference, tmp_path / "s")
    boxes = []
    for known in (ready.dance_info, without_shape(ready.dance_info)):
        result = make_result(replace(ready, dance_info=known), [WHOLE], tmp_path / "out.mp4")
        assert result.plan.picture.action == "copy"
        data = result.path.read_bytes()
        boxes.append([data[(at := data.index(name)) : at + 12] for name in (b"pasp", b"colr")])
    assert boxes[0] == boxes[1]
    assert boxes[0][0] == b"pasp" + bytes([0, 0, 0, 4, 0, 0, 0, 3])


def without_shape(info: MediaInfo) -> MediaInfo:
    """As an earlier version described a film: its shape is found out by decoding."""
    assert info.video is not None and info.video.sample_aspect_ratio == Fraction(4, 3)
    return replace(info, video=replace(info.video, sample_aspect_ratio=None))


def test_bare_aac_is_used_bit_by_bit_too(
    song: NDArray[np.float32], pair: Pair, tmp_path: Path
) -> None:
    reference = write_sound(song, tmp_path / "song.aac", "-c:a", "aac", "-b:a", "192k")
    ready = read_pair(pair.dance, reference, tmp_path / "s")
    result = make_result(ready, [WHOLE], tmp_path / "bare.mp4", options=PLAIN)
    assert result.plan.sound.action == "copy"
    heard = measure.sound(result.path)
    clean = measure.sound(reference)  # with the encoder's delay, which bare AAC does not tell
    assert abs(late_by(heard, clean, OFFSET)) < 1e-4
