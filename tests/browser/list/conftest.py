"""A list's tasks are short: what is done with them is looked at, not what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="package")
def pair(short_pair: tuple[Path, Path]) -> tuple[Path, Path]:
    return short_pair
