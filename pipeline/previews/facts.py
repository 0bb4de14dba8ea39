"""What the page says of an upload."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.limits import Limits
from pipeline.media.info import MediaInfo, Role
from pipeline.media.probe import probe
from pipeline.media.transport import one_clock
from pipeline.previews.copies import make_thumbnail
from pipeline.reasons import RenderError
from pipeline.scratch import scratch_folder
from pipeline.sound.level import levels

log = logging.getLogger(__name__)


def facts_of(
    path: Path,
    role: Role,
    *,
    settings: Limits,
    before_all: Callable[[MediaInfo], None] = lambda info: None,
) -> dict[str, Any]:
    """The file's ``MediaInfo`` as JSON, and ``levels_db`` of its sound tracks (see
    ``pipeline.sound.level``), and a ``thumbnail`` (a JPEG as base64, empty without a picture or
    where none could be made). ``before_all`` is called before all of its sound is decoded, which
    a silent beginning asks for. Raises ``InputError`` for a file that no task could use.
    """
    with scratch_folder() as folder:
        whole = one_clock(path, folder / "one-clock.ts").path
        info = probe(whole, role=role, settings=settings)
        return {
            **info.to_json(),
            "levels_db": levels(whole, info, folder, settings=settings, before_all=before_all),
            "thumbnail": _thumbnail(whole, info, folder, settings),
        }


def _thumbnail(path: Path, info: MediaInfo, folder: Path, settings: Limits) -> str:
    if info.video is None:
        return ""
    picture = folder / "thumbnail.jpg"
    at = min(1.0, info.duration / 2)
    try:
        make_thumbnail(path, picture, at=at, settings=settings, stream=info.video.index)
    except RenderError as error:  # the other facts hold all the same
        log.info("no thumbnail: %s", error)
        return ""
    return base64.b64encode(picture.read_bytes()).decode()
