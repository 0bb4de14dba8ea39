"""The small picture of each dance in the list, as an address that a browser can ask for."""

from __future__ import annotations

import base64

from pipeline.tasks.record import TaskRecord
from ui.parts.viewer import Viewer
from ui.parts.without_routes import without_routes
from ui.routes.files import THUMBNAIL
from ui.routes.thumbnail import find_thumbnail, thumbnail_path
from ui.service import Service


def _within_the_page(service: Service, viewer: Viewer, task: TaskRecord) -> str:
    """The picture itself, where no route serves it; it may be there at a later look only."""
    path, _ = find_thumbnail(service, task)
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}" if path else ""


@without_routes(_within_the_page)
def picture_url(service: Service, viewer: Viewer, task: TaskRecord) -> str:
    """An address of the picture for this viewer, whether it is made already or not; empty where
    there is no dance to take it from."""
    there = thumbnail_path(service, task) is not None
    return viewer.url(service, task, THUMBNAIL) if there else ""
