"""Reserves disk space so that a full disk can still be reported and cleaned up.

Removing a task writes before it frees anything (the history's line, then the file without the
record), and so does the failure of a task that filled the disk. When a write finds no space, the
reserve is given up for it, once; the store's upkeep makes a new one when there is space again.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from pathlib import Path

from store.file.disk import replace_whole, signature_at

log = logging.getLogger(__name__)

NAME = ".reserve"
_MIN_BYTES, _MAX_BYTES = 1 << 20, 1 << 26


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of space."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def keep(task_file: Path) -> None:
    """Makes the reserve when there is none and the disk has twice its size: as much as the file, a
    history line for each task in it, and as much again. Raises OSError.
    """
    file, reserve = signature_at(task_file), signature_at(task_file.with_name(NAME))
    size = min(max(_MIN_BYTES, 4 * file[3] if file else 0), _MAX_BYTES)
    enough = reserve is not None and reserve[3] >= size // 2
    if file and not enough and shutil.disk_usage(task_file.parent).free >= 2 * size:
        # Random, since a file system that compresses would set nothing aside for zeros.
        replace_whole(task_file.with_name(NAME), os.urandom(size))


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
