"""Everyday tests take one of a kind; the others are for ``make test-media``."""

from __future__ import annotations

from typing import Any

import pytest


def more(*parameters: Any) -> list[Any]:
    """Parameters of kinds of which there is one already; each is a value, or a tuple of several."""
    return [
        pytest.param(*(one if isinstance(one, tuple) else (one,)), marks=pytest.mark.media)
        for one in parameters
    ]
