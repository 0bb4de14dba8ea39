"""The small picture of each dance in the list: found with the upload, or made in a child.

The page's process decodes nothing: it writes down the JPEG that was noted when the upload was
looked at, and for a task without that note a child makes one, which is there at a later look.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from pathlib import Path

from pipeline.child import cached_calls
from pipeline.tasks import thumbnail
from pipeline.tasks.record import TaskRecord
from ui.parts.viewer import Viewer
from ui.parts.without_routes import without_routes
from ui.routes.files import THUMBNAIL, file_path, thumbnail_path
from ui.service import Service

TIMEOUT_SECONDS = 60.0
AT_SECONDS = 1.0
"""Where the picture is taken: the first ones of a phone's film are often blurred or dark."""


def picture_url(service: Service, viewer: Viewer, task: TaskRecord) -> str:
    """An address of the picture for this viewer; empty while there is none."""
    target = thumbnail_path(service, task)
    if target is None:
        return ""
    if not target.is_file():
        _make(service, task, target)
    return _address(service, viewer, task) if target.is_file() else ""


def _make(service: Service, task: TaskRecord, target: Path) -> None:
    dance = file_path(service, task, "original")
    if dance is None:
        return
    with suppress(OSError):  # removed at this moment, or no room for a picture
        if thumbnail.write_noted(dance, target, service.settings):
            return
    arguments = {"path": str(dance), "out": str(target), "at": AT_SECONDS}
    cached_calls.fetch(
        "thumbnail", arguments, dance, timeout=TIMEOUT_SECONDS, group=task.visitor, quick=True
    )


def _within_the_page(service: Service, viewer: Viewer, task: TaskRecord) -> str:
    """The picture itself, where no route serves it."""
    path = file_path(service, task, THUMBNAIL)
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}" if path else ""


@without_routes(_within_the_page)
def _address(service: Service, viewer: Viewer, task: TaskRecord) -> str:
    return viewer.url(service, task, THUMBNAIL)
