"""Scratch folders that are removed at the end, or by the next process if theirs was killed.

A folder is removed at the end of its block. A process that is killed at once (SIGKILL, power cut)
leaves it behind. Each folder holds a file that its process keeps locked as long as it lives, so the
next process that makes a folder in the same place finds this lock free and removes the folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline import reasons

FREE_MARGIN_BYTES = 64 * 2**20
"""Disk space that is never used."""

PREFIX = "retrack-"
"""How the names of folders in the system's place for temporary files begin."""
HIDDEN = ".retrack-"
"""How the names of folders beside a person's files begin."""
LOCK = "owner.lock"


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder in ``parent`` (default: the system's place for temporary files), removed at
    the end; folders that dead processes left there are removed too. Raises ``OSError``."""
    place = Path(tempfile.gettempdir()) if parent is None else parent
    prefix = PREFIX if parent is None else HIDDEN
    sweep(place, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    owner = None
    try:
        owner = _owned(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if owner is not None:
            os.close(owner)


def _owned(folder: Path) -> int | None:
    """The descriptor that holds the folder's lock; its file gets its name only once it is locked.

    None where the file system has no locks (some shares): what a killed process leaves in such a
    place stays, since it is unknown whether its process lives.
    """
    new = folder / f"{LOCK}.new"
    descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        os.close(descriptor)
        new.unlink()
        return None
    new.rename(folder / LOCK)
    return descriptor


def sweep(place: Path | None = None, prefix: str = PREFIX) -> list[Path]:
    """Removes the folders of dead processes from ``place``; returns those that it removed.

    Only real folders of our own naming that belong to this user and whose lock nobody holds;
    one without a lock file is somebody else's.
    """
    swept: list[Path] = []
    for folder in (Path(tempfile.gettempdir()) if place is None else place).glob(f"{prefix}*"):
        with suppress(OSError):  # held, gone by now, or not ours
            if _abandoned(folder):
                swept.append(folder)
    return swept


def _abandoned(folder: Path) -> bool:
    """Removes ``folder`` if it is a dead process's; raises ``OSError`` when it is held."""
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        return False
    owner = os.open(folder / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(owner)
    return True


def check_free(folder: Path, needed: int) -> None:
    """Raises ``InputError`` (``disk_full``) when ``folder`` has no space for ``needed`` bytes."""
    if shutil.disk_usage(folder).free < needed + FREE_MARGIN_BYTES:
        raise reasons.InputError(
            reasons.DISK_FULL,
            f"the disk has no space for {max(1, needed // 2**20)} MiB more; delete some files",
        )
