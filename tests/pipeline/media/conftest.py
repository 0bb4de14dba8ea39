"""What the tests of files share: a folder for a module, and a good film in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.media.crafted import (
    make,
    picture,
    tone,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def good(folder: Path) -> Path:
    path = folder / "good.mp4"
    make(*picture(), *tone(), "-c:v", "libx264", "-c:a", "aac", "-shortest", str(path))
    return path
