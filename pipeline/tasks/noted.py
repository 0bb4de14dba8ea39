"""What was noted when a task's files were looked at: the dance's small picture, a film's size."""

from __future__ import annotations

import base64
from pathlib import Path

from pipeline.limits import Limits
from pipeline.media import facts_note
from pipeline.media.info import MediaInfo, Role
from pipeline.model import BEST_FIRST
from pipeline.tasks.record import TaskRecord


def write_noted(dance: Path, target: Path, limits: Limits) -> bool:
    """Write the JPEG that was noted beside ``dance`` to ``target``; whether there was one.

    Raises ``OSError`` where the dance is gone or nothing can be written.
    """
    noted = facts_note.read(dance, facts_note.binding(dance, "dance", limits)) or {}
    picture = noted.get("thumbnail")
    if not isinstance(picture, str) or not picture:
        return False
    part = target.with_suffix(".part")
    part.write_bytes(base64.b64decode(picture))
    part.replace(target)
    return True


def seen_size(
    task: TaskRecord, role: Role, path: Path | None, limits: Limits
) -> tuple[int, int] | None:
    """Width and height in pixels of a task's film as it is seen, turned as its file says.

    The plan of a result says it, else the note beside ``path``; None for sound alone, and where
    neither says it.
    """
    plans = (task.variant(name).plan for name in BEST_FIRST)
    plan = next((plan for plan in plans if plan), None)
    info: MediaInfo | None
    if plan is not None:
        info = plan.dance if role == "dance" else plan.reference
    else:
        info = facts_note.noted_info(path, role, limits) if path else None
    film = info.video if info else None
    if film is None or not film.width or not film.height:
        return None
    upright = film.rotation % 180 != 0
    return (film.height, film.width) if upright else (film.width, film.height)
