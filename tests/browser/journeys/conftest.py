"""A journey's tasks are short, but for those that are watched for long (``sample_pair``)."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def pair(short_pair: tuple[Path, Path]) -> tuple[Path, Path]:
    return short_pair
