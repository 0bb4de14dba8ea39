"""What of a film's own metadata is in the result."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.media import ffmpeg
from pipeline.media.info import MediaInfo
from pipeline.media.metadata import tags
from pipeline.media.probe import probe
from pipeline.settings import Settings
from tests.media import films
from tests.media.clips import Clip, make_dance, write_sound
from tests.media.work import SETTINGS, make_result, read_pair
from tests.pipeline.pairs import WHOLE

DATE = "2024-05-06T07:08:09.000000Z"
PLACE = "+48.8577+002.2950/"


def told(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return dict(container.metadata)


def tagged(source: Path, out: Path, *options: str) -> Path:
    ffmpeg.run(["-i", str(source), "-map", "0", "-c", "copy", *options, "-y", str(out)])
    return out


@pytest.mark.parametrize("container", ["mp4", "mov", "mkv"])
def test_the_date_is_carried_over_and_the_place_is_not(
    container: str, song: NDArray[np.float32], tmp_path: Path
) -> None:
    plain = make_dance(Clip(container), song, tmp_path)
    more = ["-metadata", f"creation_time={DATE}", "-metadata", f"location={PLACE}"]
    dance = tagged(plain, tmp_path / f"tagged.{container}", *more)
    pair = read_pair(dance, write_sound(song, tmp_path / "r.flac"), tmp_path / "scratch")
    result = make_result(pair, [WHOLE], tmp_path / "out.mp4")
    found = told(result.path)
    assert found["creation_time"] == DATE
    assert "location" not in found
    assert PLACE not in str(result.plan.to_json())


def test_the_place_is_carried_over_with_the_setting(
    song: NDArray[np.float32], tmp_path: Path
) -> None:
    dance = tagged(
        make_dance(Clip(), song, tmp_path), tmp_path / "t.mp4", "-metadata", f"location={PLACE}"
    )
    info = probe(dance, role="dance", settings=Settings(keep_place=True))
    assert MediaInfo.from_json(info.to_json()) == info
    assert tags(info) == {"location": PLACE}
    assert tags(probe(dance, role="dance", settings=SETTINGS)) == {}


def test_apples_date_of_filming_counts_more_than_that_of_an_export(
    song: NDArray[np.float32], tmp_path: Path
) -> None:
    plain = make_dance(Clip("mov"), song, tmp_path)
    own = "com.apple.quicktime.creationdate=2024-05-06T09:08:09+0200"
    more = ["-movflags", "use_metadata_tags", "-metadata", own]
    dance = tagged(
        plain, tmp_path / "t.mov", *more, "-metadata", "creation_time=2025-01-01T00:00:00Z"
    )
    assert probe(dance, role="dance", settings=SETTINGS).created == "2024-05-06T07:08:09Z"


def test_a_dolby_vision_record_is_kept(song: NDArray[np.float32], tmp_path: Path) -> None:
    plain = make_dance(Clip("mp4", "hevc", pixel_format="yuv420p10le"), song, tmp_path)
    dance = films.with_dolby_vision(plain, tmp_path / "dolby.mp4")
    pair = read_pair(dance, write_sound(song, tmp_path / "r.flac"), tmp_path / "scratch")
    result = make_result(pair, [WHOLE], tmp_path / "out.mp4")
    assert result.plan.picture.action == "copy"
    data, kept = dance.read_bytes(), result.path.read_bytes()
    start, end = next((a, b) for kind, a, b in films.boxes(data) if kind == b"dvvC")
    assert b"dvvC" + data[start:end] in kept
