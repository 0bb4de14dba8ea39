"""The shape of a film before anything of it is loaded: what stands below it stays in its place."""

from __future__ import annotations

from pipeline.tasks.noted import seen_size
from pipeline.tasks.record import TaskRecord
from ui.routes.files import file_path
from ui.service import Service

UNKNOWN = "16 / 9"
"""Of a dance of which nothing says it: on a dark ground any picture may stand in this one."""


def dance_shape(service: Service, task: TaskRecord) -> str:
    """Width by height of the dance as it is seen, for CSS."""
    path = file_path(service, task, "original")
    return _shape(seen_size(task, "dance", path, service.settings)) or UNKNOWN


def song_shape(service: Service, task: TaskRecord) -> str | None:
    """The same of the song; None for sound alone, and where nothing says that it has a picture."""
    return _shape(
        seen_size(task, "reference", file_path(service, task, "reference"), service.settings)
    )


def _shape(size: tuple[int, int] | None) -> str | None:
    return f"{size[0]} / {size[1]}" if size else None
