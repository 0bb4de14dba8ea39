"""Whether the folder can keep what the store promises, and why a file of it refuses."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import tempfile
from collections.abc import Callable
from pathlib import Path

from store.file.disk import sync

_OF_THE_MOMENT = (errno.ENOSPC, errno.EIO, errno.EINTR)


def complaint(folder: Path) -> str:
    """What the file system of ``folder`` cannot do, in one sentence; empty when it can all."""
    cannot = []
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            number = file.fileno()
            steps: dict[str, Callable[[], object]] = {
                "lock a file (flock)": lambda: fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB),
                "sync a file (fsync)": lambda: os.fsync(number),
                "set permissions (chmod)": lambda: os.fchmod(number, 0o600),
                "sync a folder (fsync)": lambda: sync(folder),
            }
            for name, step in steps.items():
                try:
                    step()
                except OSError as error:
                    cannot += [name] if error.errno not in _OF_THE_MOMENT else []
    except OSError:
        return ""  # it cannot be written at all just now, which the first write says
    if not cannot:
        return ""
    return (
        f"{folder} lies on a file system ({_kind(folder)}) that cannot {' or '.join(cannot)}: what "
        "is promised of the task file does not hold there. Please choose another folder."
    )


def _kind(folder: Path) -> str:
    """The file system's type and where it is mounted, as far as this machine tells."""
    best = ("unknown", "")
    try:
        for line in Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines():
            _, place, kind, *_ = line.split()
            place = place.replace("\\040", " ")
            if folder.resolve().is_relative_to(place) and len(place) >= len(best[1]):
                best = (kind, place)
    except (OSError, ValueError):
        pass
    return " at ".join(filter(None, best))


def explain(error: BaseException) -> str:
    """An error's text; of a refused file also whose it is and what to do."""
    if not isinstance(error, PermissionError) or not isinstance(error.filename, (str, os.PathLike)):
        return str(error)
    path = Path(error.filename)
    try:
        status = path.lstat()
    except OSError:
        return str(error)
    return (
        f"{path.name} belongs to {_user(status.st_uid)} (permissions {status.st_mode & 0o777:o}) "
        f"and this program runs as {_user(os.geteuid())}: please give the file to that user (chown)"
    )


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
