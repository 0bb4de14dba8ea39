"""Files for every player: 8-bit H.264 without an edit list."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from pipeline.model import Segment
from pipeline.plan import RenderOptions
from tests.media import measure
from tests.media.work import Pair, kept, late_by, make_result
from tests.pipeline.pairs import OFFSET, WHOLE


def test_a_portable_file_has_no_edit_list_and_exact_sound(
    pair: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    segment = Segment(2.9, 7.0, OFFSET)  # away from a key frame: the picture is re-encoded
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
