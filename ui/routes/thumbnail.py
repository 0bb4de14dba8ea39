"""The small picture of a dance: as it was noted when the upload was looked at, else made in a
child once somebody asks for it. The page's process decodes nothing.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import anyio
import anyio.to_thread

from files.errors import StorageError
from pipeline.child import cached_calls
from pipeline.tasks.noted import write_noted
from pipeline.tasks.record import TaskRecord
from ui.service import Service

TIMEOUT_SECONDS = 60.0
AT_SECONDS = 1.0
"""Where the picture is taken: the first ones of a phone's film are often blurred or dark."""
PATIENCE_SECONDS = 20.0
"""How long a request waits for a picture that is being made: a browser opens few connections."""
LOOK_SECONDS = 0.2


def thumbnail_path(service: Service, task: TaskRecord) -> Path | None:
    """Where the dance's small picture stands once it is made; None for a dance that is not in the
    task's own folder, where nothing is written."""
    dance = service.store.safe_path(task.dance_file)
    if dance is None or dance.parent.name != task.id or not service.store.files.has(dance):
        return None
    return dance.with_name("thumbnail.jpg")


def find_thumbnail(service: Service, task: TaskRecord) -> tuple[Path | None, bool]:
    """The picture (a JPEG) if it is there, and whether it is being made in a child."""
    target, dance = thumbnail_path(service, task), service.store.safe_path(task.dance_file)
    if target is None or dance is None:
        return None, False
    if target.is_file():
        return target, False
    if not dance.is_file():  # it is in the bucket, and so is its picture, if somebody has seen it
        with suppress(StorageError):
            if service.store.files.fetch(target):
                return target, False
        if not service.settings.broker_url:  # a film is not fetched for the sake of its picture
            return None, False
    with suppress(OSError):  # removed at this moment, or no room for a picture
        if write_noted(dance, target, service.settings):
            return target, False
    arguments = {"path": str(dance), "out": str(target), "at": AT_SECONDS}
    done = cached_calls.fetch(
        "thumbnail", arguments, dance, timeout=TIMEOUT_SECONDS, group=task.visitor, quick=True
    )
    return (target if target.is_file() else None), not cached_calls.is_answer(done)


async def wait_thumbnail(service: Service, task: TaskRecord) -> Path | None:
    """The picture, as soon as it is there; None where there is none, or none in time."""
    path = None
    with anyio.move_on_after(PATIENCE_SECONDS):
        making = True
        while path is None and making:
            path, making = await anyio.to_thread.run_sync(find_thumbnail, service, task)
            if path is None and making:
                await anyio.sleep(LOOK_SECONDS)
    return path
