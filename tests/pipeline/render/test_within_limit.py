"""Files of at most so many megabytes: never above, and most of it used."""

from __future__ import annotations

import subprocess
from pathlib import Path
from time import sleep

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline import reasons
from pipeline.media.ffmpeg import executable
from pipeline.media.probe import probe
from pipeline.model import Segment
from pipeline.plan.options import RenderOptions
from pipeline.plan.size_limit import MEGABYTE
from pipeline.reasons import RenderError
from pipeline.render import growing
from pipeline.render.result import render
from tests.kinds import more
from tests.media import measure
from tests.media.work import SETTINGS, Pair, late_by, make_result, read_pair
from tests.pipeline.pairs import OFFSET
from tests.pipeline.render.test_ahead import Encoder

SECONDS = 6


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, pair: Pair) -> Pair:
    """An upright film with so much going on that there is never a bit too many."""
    folder = tmp_path_factory.mktemp("busy")
    film = folder / "busy.mp4"
    source = f"testsrc2=s=360x640:r=30:d={SECONDS},noise=alls=25:allf=t"
    subprocess.run(
        [
            *(executable(), "-loglevel", "error", "-f", "lavfi", "-i", source),
            *("-i", str(pair.dance), "-map", "0:v", "-map", "1:a", "-t", str(SECONDS)),
            *("-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "2"),
            *("-pix_fmt", "yuv420p", "-c:a", "aac", str(film)),
        ],
        check=True,
        timeout=100,
    )
    assert film.stat().st_size > 4 * MEGABYTE
    return read_pair(film, pair.reference, folder / "scratch")


@pytest.mark.parametrize(
    ("limit", "portable"),
    [(0.2, False), (1.0, True), *more((0.2, True), (1.0, False), (3.0, False), (3.0, True))],
)
def test_a_limit_is_kept_and_used(
    limit: float, portable: bool, busy: Pair, song: NDArray[np.float32], tmp_path: Path
) -> None:
    segment = Segment(1.3, SECONDS, OFFSET)  # the start moves to the key frame at 1 s
    options = RenderOptions(at_most_mb=limit, portable=portable)
    result = make_result(busy, [segment], tmp_path / "out.mp4", options=options, variant="modular")
    size = result.path.stat().st_size
    assert 0.9 * limit * MEGABYTE <= size <= limit * MEGABYTE
    assert [path.name for path in tmp_path.iterdir() if path.suffix] == ["out.mp4"]
    found = probe(result.path, role="dance", settings=SETTINGS)
    assert found.video is not None and found.video.codec == "h264"
    smaller = min(found.video.width, found.video.height) < 360
    assert smaller == (limit < 0.5)
    assert found.duration == pytest.approx(SECONDS - 1.0, abs=0.1)
    if portable:
        assert b"elst" not in result.path.read_bytes()
    late = late_by(measure.sound(result.path), song.mean(axis=1), OFFSET + 1.0, seconds=3.0)
    assert abs(late) < 2e-3


def test_a_sound_whose_size_is_needed_is_waited_for(
    busy: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = RenderOptions(at_most_mb=0.2)
    segment = Segment(0.0, SECONDS, OFFSET)
    first = make_result(busy, [segment], tmp_path / "first.mp4", options=options)
    encoder = Encoder(first, busy, tmp_path / "s", None)

    def wait(seconds: float) -> None:
        encoder.hear(1.0)
        sleep(seconds)

    monkeypatch.setattr(growing, "sleep", wait)
    report = render(first.plan, busy.dance, busy.reference, tmp_path / "out.mp4",
                    settings=SETTINGS, scratch=tmp_path / "s")  # fmt: skip
    assert report.sound_shared and report.size <= 0.2 * MEGABYTE


def test_what_is_smaller_anyway_is_copied(busy: Pair, tmp_path: Path) -> None:
    options = RenderOptions(at_most_mb=60)
    result = make_result(busy, [Segment(0.0, SECONDS, OFFSET)], tmp_path / "o.mp4", options=options)
    assert result.plan.picture.action == "copy"


def test_a_limit_for_which_there_is_no_picture_is_refused(busy: Pair, tmp_path: Path) -> None:
    options = RenderOptions(at_most_mb=0.1)
    with pytest.raises(RenderError, match="allow at least 1 MB") as caught:
        make_result(busy, [Segment(0.0, SECONDS, OFFSET)], tmp_path / "o.mp4", options=options)
    assert caught.value.reason == reasons.SIZE_LIMIT
    assert not list(tmp_path.glob("*.mp4"))
