"""Reserves disk space so that a full disk can still be reported and cleaned up.

Removing a task writes before it frees anything (the history's line, then the file without the
record), and so does the failure of a task that filled the disk. When a write finds no space, the
reserve is given up for it, once; the store's upkeep makes a new one when there is space again.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
from pathlib import Path

log = logging.getLogger(__name__)

NAME = ".reserve"
_MIN_BYTES = 1 << 20
_PIECE_BYTES = 1 << 16


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of space."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def wanted(task_file: Path) -> int:
    """Bytes to set aside: the file, a history line for each task in it, and as much again."""
    with contextlib.suppress(OSError):
        return max(_MIN_BYTES, 4 * task_file.stat().st_size)
    return _MIN_BYTES


def keep(task_file: Path) -> bool:
    """Makes the reserve when there is none and the disk has twice its size; whether it stands.

    Raises OSError when the folder cannot be written.
    """
    reserve, size = task_file.with_name(NAME), wanted(task_file)
    with contextlib.suppress(FileNotFoundError):
        if reserve.stat().st_size >= size // 2:
            return True
    if not task_file.exists() or shutil.disk_usage(task_file.parent).free < 2 * size:
        return False
    # Random, since a file system that compresses would set nothing aside for zeros.
    temporary = reserve.with_name(f"{NAME}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb", buffering=0) as file:
            for _ in range(0, size, _PIECE_BYTES):
                file.write(secrets.token_bytes(_PIECE_BYTES))
        temporary.replace(reserve)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if not is_full(error):
            raise
        return False
    return True


def stands(task_file: Path) -> bool:
    """Whether there is a reserve to give up."""
    return task_file.with_name(NAME).exists()


def give_up(task_file: Path) -> bool:
    """Frees the reserve; whether there was one. Only for the holder of the lock."""
    try:
        task_file.with_name(NAME).unlink()
    except OSError:
        return False
    log.warning("the disk is full: the space set aside for the task file is used now")
    return True
