"""Removes uploads that were abandoned, every hour, in a thread of the process."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import time
from pathlib import Path

from files.names import NOTE, WHOLE
from store import process
from ui.incoming import limits
from ui.incoming.taking import SUFFIXES, is_whole, remove_upload, take
from ui.service import Service, get_service

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 3600.0
KEPT_SECONDS = 24 * 3600.0
"""An upload that nobody has touched for so long is removed."""
_UID = re.compile(r"[0-9a-f]{32}")
_FETCHED = re.compile(rf"\.[0-9a-f]{{32}}\{WHOLE}\.[0-9]+\.part")
"""What is left of a fetch that a crash has ended."""


def start_tidying() -> None:
    """Start the thread, once a process; it ends with the service."""
    process.once("tidying", _start)


def _start() -> threading.Thread:
    thread = threading.Thread(target=_tidy, name="retrack-tidy", daemon=True)
    thread.start()
    return thread


def _tidy() -> None:
    while True:
        try:
            take_all(get_service())
            removed = remove_stale(get_service())
        except LookupError:  # the service was stopped
            process.forget("tidying")
            return
        except OSError:  # looked at again in an hour; the page must not end for it
            log.exception("cannot look for abandoned uploads")
        else:
            if removed:
                log.info("removed %d abandoned uploads", removed)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def take_all(service: Service) -> None:
    """Has the bucket take what had arrived when the process before this one ended: its page may
    have been told so."""
    if service.store.files.arriving is None:
        return
    for about in limits.incoming(service).glob(f"*/*{NOTE}"):
        path = about.with_suffix("")
        note = limits.note_of(path) or {}
        if note.get("offset") == note.get("size") and not is_whole(service, path, note):
            take(service, path)


def remove_stale(service: Service) -> int:
    """Remove uploads that nobody has touched for a day; gives how many. What has no name of
    ours is not ours."""
    removed = 0
    for path in limits.incoming(service).glob("*/*"):
        if not _is_ours(path):
            continue
        upload = path.with_name(path.name.removeprefix(".")[:32])
        try:
            if not _is_old(path) or (path != upload and upload.exists()):  # which goes as a whole
                continue
            if path == upload:
                remove_upload(service, path)
                removed += 1
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("cannot remove the old upload %s: %s", path, error)
    _remove_stale_locks(limits.incoming(service))
    if service.store.files.arriving:
        service.store.files.arriving.drop_lost(KEPT_SECONDS)
    return removed


def _is_old(path: Path) -> bool:
    try:
        return path.is_file() and time.time() - path.stat().st_mtime > KEPT_SECONDS
    except FileNotFoundError:  # removed at this moment
        return False


def _is_ours(path: Path) -> bool:
    """Whether a file has the name of an upload's, in a visitor's own folder."""
    visitor = path.parent
    named = _UID.fullmatch(path.name[:32]) and path.name[32:] in SUFFIXES
    known = _UID.fullmatch(visitor.name) or visitor.name == "everyone"
    return bool((named or _FETCHED.fullmatch(path.name)) and known) and not visitor.is_symlink()


def _remove_stale_locks(folder: Path) -> None:
    """Remove what tuspyserver leaves of uploads that are gone, and visitors' empty folders."""
    for visitor in folder.glob("*"):
        if not _UID.fullmatch(visitor.name) or visitor.is_symlink():
            continue
        locks = visitor / ".locks"
        old = [path for path in locks.glob("*") if _UID.fullmatch(path.name[:32])]
        with contextlib.suppress(OSError):  # gone already, or a folder that is not empty
            for path in [*old, locks, visitor]:
                if time.time() - path.lstat().st_mtime > KEPT_SECONDS:
                    path.unlink() if path in old else path.rmdir()
