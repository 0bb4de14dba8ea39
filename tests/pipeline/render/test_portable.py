"""Files for every player: 8-bit H.264 without an edit list."""

from __future__ import annotations

import subprocess
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.media.ffmpeg import executable
from pipeline.media.probe import probe
from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from tests.media import measure
from tests.media.clips import Clip, make_dance
from tests.media.work import SETTINGS, Pair, kept, late_by, make_result, read_pair
from tests.pipeline.pairs import OFFSET, WHOLE


def test_a_portable_file_has_no_edit_list_and_exact_sound(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    segment = Segment(3.5, 7.0, OFFSET)  # away from a key frame: the picture is re-encoded
    options = RenderOptions(portable=True)
    result = make_result(pair, [segment], tmp_path / "p.mp4", variant="modular", options=options)
    assert b"elst" not in result.path.read_bytes()
    with av.open(str(result.path)) as container:
        video = container.streams.video[0]
        assert video.codec_context.codec.canonical_name == "h264"
        assert video.codec_context.pix_fmt == "yuv420p"
    source = measure.pictures(pair.dance)
    _, begin = kept(result, source)
    late = late_by(measure.sound(result.path), song.mean(axis=1), OFFSET + source.times[begin])
    assert abs(late) < 2e-3
    whole = make_result(pair, [WHOLE], tmp_path / "w.mp4", options=options)
    assert whole.plan.picture.action == "copy"
    assert b"elst" not in whole.path.read_bytes()
    kept(whole, source)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_becomes_standard_range_of_the_same_brightness(
    transfer: str, pair: Pair, own: NDArray[np.float32], tmp_path: Path
) -> None:
    """What a camera of standard range would have filmed is graded up and has to come back."""
    plain = make_dance(Clip("mov", seconds=4), own, tmp_path)
    graded = tmp_path / "graded.mov"
    up = (
        "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=limited,"
        "zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=bt2020,"
        f"zscale=transfer={transfer}:matrix=bt2020nc:range=limited:npl=203,format=yuv420p10le"
    )
    tags = f"log-level=error:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:pools=1"
    subprocess.run(
        [
            *(executable(), "-loglevel", "error", "-i", str(plain), "-vf", up, "-c:a", "copy"),
            *("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", tags),
            *("-tag:v", "hvc1", str(graded)),
        ],
        check=True,
        timeout=100,
    )
    ready = read_pair(graded, pair.reference, tmp_path / "s")
    assert ready.dance_info.video is not None and ready.dance_info.video.bit_depth == 10
    result = make_result(ready, [WHOLE], tmp_path / "out.mp4", options=RenderOptions(portable=True))
    assert result.plan.picture.action == "encode"
    got, _ = kept(result, measure.pictures(plain))  # the graded white is too dark to be read
    assert len(got.numbers) == 120
    video = probe(result.path, role="dance", settings=SETTINGS).video
    assert video is not None
    assert (video.codec, video.pixel_format) == ("h264", "yuv420p")
    assert (video.color_primaries, video.color_transfer, video.color_matrix) == (1, 1, 1)
    before, after = grey(plain), grey(result.path)
    order = np.argsort(before, axis=None)
    steps = after.ravel()[order].reshape(8, -1).mean(axis=1)
    assert np.all(np.diff(steps) > -1)  # brighter stays brighter
    middle = (before > 60) & (before < 140)
    assert float(np.mean(after[middle] - before[middle])) == pytest.approx(0, abs=10)
    assert float(after[before > 220].mean()) > 185


def grey(path: Path) -> NDArray[np.float64]:
    """The luma of the tenth picture."""
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number == 10:
                return np.asarray(frame.to_ndarray(format="gray"), dtype=np.float64)
    raise AssertionError("there is no tenth picture")


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_picture_is_upright_in_its_pixels(
    turn: int, pair: Pair, own: NDArray[np.float32], tmp_path: Path
) -> None:
    """Re-encoded because it does not start on a key frame; no player has to turn it."""
    dance = make_dance(Clip("mov", rotation=turn, b_frames=2, seconds=5), own, tmp_path)
    ready = read_pair(dance, pair.reference, tmp_path / "s")
    result = make_result(ready, [Segment(3.2, 4.8, OFFSET)], tmp_path / "out.mp4",
                         variant="modular", options=RenderOptions(portable=True))  # fmt: skip
    assert result.plan.picture.action == "encode"
    kept(result, measure.pictures(dance))
    before, after = ready.dance_info.video, probe(
        result.path, role="dance", settings=SETTINGS
    ).video  # fmt: skip
    assert before is not None and after is not None
    assert (before.rotation % 360, after.rotation) == (turn, 0)
    upright = (before.width, before.height)
    assert (after.width, after.height) == (upright if turn == 180 else upright[::-1])
