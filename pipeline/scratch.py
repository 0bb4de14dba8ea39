"""Folders for what is needed only meanwhile, which outlive nobody who made them.

A folder is removed at the end of its block. Whoever is killed at once (SIGKILL, power) leaves
it behind: it holds a file that its owner has locked for as long as it lives, so the next one who
makes a folder in the same place sees that this lock is free, and removes what is left.
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

FREE_MARGIN = 64 * 2**20
"""Disk space that is left alone (bytes)."""


PREFIX = "retrack-"
"""How folders in the system's place for temporary files begin."""
HIDDEN = ".retrack-"
"""How they begin beside what a person looks at."""
LOCK = "owner.lock"


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A new folder in ``parent`` (default: the system's place for temporary files), removed at
    the end; what dead processes left there goes as well. Raises ``OSError``."""
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
    """The descriptor that holds the folder's lock; its file is seen only once it is locked.

    None where the file system knows no locks (some shares): what a killed process leaves in
    such a place stays, since nobody can tell whose it is.
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
    """Removes the folders of dead processes from ``place``, and tells which.

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
    """Raises ``InputError`` (``disk_full``) when ``folder`` has no room for ``needed`` bytes."""
    if shutil.disk_usage(folder).free < needed + FREE_MARGIN:
        raise reasons.InputError(
            reasons.DISK_FULL,
            f"the disk has no room for {max(1, needed // 2**20)} MiB more; free some space",
        )
