"""The small picture of a task's dance, as it was noted when the upload was looked at."""

from __future__ import annotations

import base64
from pathlib import Path

from pipeline.limits import Limits
from pipeline.media import facts_note


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
