"""The settings that media work goes by, and how a child process is given them.

Reading them from the environment takes pydantic and the store, whose imports take longer than a
look at a small file. The service has read them already: its children are given the values, and the
command line takes the defaults where the environment has none.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from typing import Any, Protocol


class Limits(Protocol):
    """Those fields of ``pipeline.settings.Settings`` that media work reads; what each one means
    is said there."""

    @property
    def task_timeout(self) -> float:
        """Seconds."""

    @property
    def task_memory_mb(self) -> int:
        """Mebibytes."""

    @property
    def max_upload_mb(self) -> int:
        """Mebibytes."""

    @property
    def max_duration(self) -> float:
        """Seconds."""

    @property
    def max_streams(self) -> int:
        """A number of streams."""

    @property
    def max_pixels(self) -> int:
        """Width times height."""

    @property
    def max_frame_rate(self) -> float:
        """Hertz."""

    @property
    def keep_place(self) -> bool:
        """Whether a result says where the dance was filmed."""


@dataclass(frozen=True, kw_only=True)
class GivenLimits:
    """``Limits`` as plain values; by themselves the defaults of the settings."""

    task_timeout: float = 4 * 3600.0
    task_memory_mb: int = 3000
    max_upload_mb: int = 4096
    max_duration: float = 3 * 3600.0
    max_streams: int = 16
    max_pixels: int = 8192 * 4320
    max_frame_rate: float = 250.0
    keep_place: bool = False


def for_own_files(limits: Limits) -> GivenLimits:
    """The same without the limit of size, for files that are on this machine already."""
    return GivenLimits(**limits_to_json(limits) | {"max_upload_mb": sys.maxsize // 2**20})


def limits_to_json(limits: Limits) -> dict[str, Any]:
    """As one JSON object; ``GivenLimits(**…)`` is the inverse."""
    names = GivenLimits.__dataclass_fields__
    return asdict(GivenLimits(**{name: getattr(limits, name) for name in names}))
