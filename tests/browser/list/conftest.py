"""A list's tasks are short: what is done with them is looked at, not what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.media import ffmpeg


@pytest.fixture(scope="package")
def pair(
    sample_pair: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The first eight seconds of the sample."""
    folder = tmp_path_factory.mktemp("short")
    for path in sample_pair:
        short = ["-nostdin", "-t", "8", "-i", ffmpeg.file_url(path), "-c", "copy"]
        ffmpeg.run([*short, ffmpeg.file_url(folder / path.name)])
    dance, reference = (folder / path.name for path in sample_pair)
    return dance, reference
