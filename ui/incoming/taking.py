"""What has arrived of an upload, brought in order: cut to what was noted, or taken into a bucket.

Without a bucket an upload is one file on the disk. With one the bucket takes it part by part, the
disk keeps what makes no part yet, and the whole file has a name of its own (``files.arriving``).
"""

from __future__ import annotations

import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

from files.errors import Gone, StorageError
from files.names import NOTE, PARTS, WHOLE
from pipeline.tasks.submit import NOTE_SUFFIX
from ui.incoming import limits
from ui.service import Service

log = logging.getLogger(__name__)

SUFFIXES = (
    *("", NOTE, f"{NOTE}.tmp", NOTE_SUFFIX, f"{NOTE_SUFFIX}.tmp"),
    *(PARTS, f"{PARTS}.tmp", f"{PARTS}.rest", WHOLE),
)
"""What an upload's files have behind its id."""
BUCKET_AWAY = 503
"""A status that has the page's uploader try again."""
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def whole_path(service: Service, path: Path) -> Path:
    """Where an upload is once it is whole; perhaps in the bucket alone."""
    return path.with_suffix(WHOLE) if service.store.files.arriving else path


def is_whole(service: Service, path: Path, note: dict[str, Any]) -> bool:
    """Whether all of an upload is there and was taken."""
    arriving = service.store.files.arriving
    if note.get("offset") != note.get("size") or not path.is_file():
        return False
    return arriving.is_whole(path) if arriving else path.stat().st_size == note["size"]


def take(service: Service, path: Path) -> tuple[dict[str, Any] | None, int]:
    """Bring in order what has arrived; gives the note, and 0 or the status that says why not.

    Bytes beyond the noted offset are those of a request that died or was refused.
    """
    note, arriving = limits.note_of(path), service.store.files.arriving
    size, offset = (note.get("size"), note.get("offset")) if note else (None, None)
    if note is None or not isinstance(offset, int) or not path.is_file():
        return note, 0
    if arriving is None or not isinstance(size, int):
        if path.stat().st_size > offset:
            os.truncate(path, offset)
        return note, 0
    try:
        taken = arriving.take(path, note)
    except Gone as error:
        log.warning("an upload has to begin anew: %s", error)
        remove_upload(service, path)
        return None, 404
    except FileNotFoundError:  # removed at this moment
        return None, 404
    except OSError as error:
        if not isinstance(error, StorageError) and error.errno not in FULL:
            raise
        log.warning("a piece of an upload is kept until it can be taken: %s", error)
        return note, BUCKET_AWAY if isinstance(error, StorageError) else 507
    return _noted(path, note, taken), 0


def _noted(path: Path, note: dict[str, Any], offset: int) -> dict[str, Any]:
    """The note with this offset, also on the disk."""
    if note["offset"] != offset:
        note = note | {"offset": offset}
        part = path.with_suffix(f"{NOTE}.tmp")
        part.write_text(json.dumps(note), "utf-8")
        part.replace(path.with_suffix(NOTE))
    return note


def remove_upload(service: Service, path: Path) -> None:
    """Take an upload, by the path of any of its files, from the disk and the bucket."""
    path = path.with_suffix("")
    if service.store.files.arriving:
        service.store.files.arriving.drop(path)
    for suffix in SUFFIXES:
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
