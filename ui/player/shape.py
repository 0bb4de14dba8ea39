"""The shape of a film before anything of it is loaded: what stands below it stays in its place."""

from __future__ import annotations

from pipeline.media import facts_note
from pipeline.media.info import MediaInfo, Role
from pipeline.model import BEST_FIRST
from pipeline.tasks.record import TaskRecord
from ui.routes.files import file_path
from ui.service import Service

UNKNOWN = "16 / 9"
"""Of a dance of which nothing says it: on a dark ground any picture may stand in this one."""


def dance_shape(service: Service, task: TaskRecord) -> str:
    """Width by height of the dance as it is seen, for CSS."""
    return _shape(_info(service, task, "dance")) or UNKNOWN


def song_shape(service: Service, task: TaskRecord) -> str | None:
    """The same of the song; None for sound alone, and where nothing says that it has a picture."""
    return _shape(_info(service, task, "reference"))


def _info(service: Service, task: TaskRecord, role: Role) -> MediaInfo | None:
    """What the plan says of a file, else what was noted when it was uploaded."""
    plans = (task.variant(name).plan for name in BEST_FIRST)
    plan = next((plan for plan in plans if plan), None)
    if plan is not None:
        return plan.dance if role == "dance" else plan.reference
    path = file_path(service, task, "original" if role == "dance" else "reference")
    return facts_note.noted_info(path, role, service.settings) if path else None


def _shape(info: MediaInfo | None) -> str | None:
    film = info.video if info else None
    if film is None or not film.width or not film.height:
        return None
    upright = film.rotation % 180 != 0
    width, height = (film.height, film.width) if upright else (film.width, film.height)
    return f"{width} / {height}"
