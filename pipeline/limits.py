"""The settings that media work goes by, and how a child process is given them.

Reading them from the environment takes pydantic and the store, whose imports take longer than a
look at a small file. The service has read them already: its children are given the values.
"""

from __future__ import annotations

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
    """``Limits`` as plain values."""

    task_timeout: float
    task_memory_mb: int
    max_upload_mb: int
    max_duration: float
    max_streams: int
    max_pixels: int
    max_frame_rate: float
    keep_place: bool


def limits_to_json(limits: Limits) -> dict[str, Any]:
    """As one JSON object; ``GivenLimits(**…)`` is the inverse."""
    names = GivenLimits.__dataclass_fields__
    return asdict(GivenLimits(**{name: getattr(limits, name) for name in names}))
