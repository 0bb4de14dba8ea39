"""Small pieces of media work for the page, each run in a child by ``pipeline.child.call``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.settings import Settings

Call = Callable[[Mapping[str, Any], Settings], dict[str, Any]]


def _probe(arguments: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    from pipeline.probe import probe

    return asdict(probe(Path(arguments["path"]), role=arguments["role"], settings=settings))


CALLS: dict[str, Call] = {"probe": _probe}
"""By name; arguments and value are JSON objects."""
