"""The one primary button that brings a result onto the visitor's device."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.tasks.record import TaskRecord
from ui.components import load
from ui.parts.viewer import Viewer
from ui.parts.without_routes import save, without_routes
from ui.routes.files import MEDIA_TYPES, file_path, file_size
from ui.routes.share import MAX_SHARED_BYTES, SAVE_WORDS
from ui.service import Service
from ui.words.names import download_name
from ui.words.text import t

_SAVE = load("save", "save/button")


@without_routes(save)
def show_save(service: Service, viewer: Viewer, task: TaskRecord, kind: str) -> None:
    """The button for one file of a task; nothing where the file is missing."""
    path = file_path(service, task, kind)
    if path is None:
        return
    _SAVE(
        key=f"save-{task.id}-{kind}",
        data={
            "words": {**_words(service), "clean": t("save.clean") if kind == task.best else ""},
            "kind": kind,
            # As the player asks for it: what the browser has of it is not fetched twice.
            "url": viewer.url(service, task, kind),
            "download": viewer.url(service, task, kind, download="1"),
            "name": download_name(task, kind, path.suffix),
            "type": MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream"),
            "size": file_size(service, task, kind, path),
            "limit": MAX_SHARED_BYTES,
        },
    )


def _words(service: Service) -> Mapping[str, str]:
    words = {name: t(f"save.{name}") for name in SAVE_WORDS}
    # Another browser has another cookie: there only a shared link opens a private task.
    return {**words, "wechat": t("save.wechat_private")} if service.private else words
