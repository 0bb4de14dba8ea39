"""Which files a process may open, and which processes it may signal, by Landlock (Linux 5.19 on).

Rules bind the thread that sets them and all that it starts, for good. What is already open stays
open. Source: landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MIN_VERSION = 2
"""Of the kernel's interface: the first one in which a file can be renamed into another folder."""
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System calls, of the same number on every architecture."""
_ASK_VERSION, _PATH_BENEATH, _O_PATH = 1, 1, 0o10000000
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _DEVICE_CONTROL = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICE_CONTROL
_READING = _EXECUTE | _READ_FILE | _READ_DIR
_RIGHTS_BY_VERSION = ((5, 16), (3, 15), (MIN_VERSION, 14))
"""From which version on the kernel knows how many rights."""
_SCOPED_VERSION, _SCOPED = 6, 3
"""No signal to, and no abstract socket of, a process outside."""

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The version of the kernel's interface; 0 where there is none that serves."""
    if sys.platform != "linux":
        return 0
    found = int(_libc.syscall(_CREATE_RULESET, None, 0, _ASK_VERSION))
    return found if found >= MIN_VERSION else 0


def restrict(reading: Iterable[Path], writing: Iterable[Path]) -> bool:
    """Leaves this thread nothing but to read and run ``reading``, and to do all with the files in
    ``writing``; of either, what is missing is left out. Whether the kernel can. Raises ``OSError``
    where it refuses.
    """
    known = version()
    if not known:
        return False
    rights = (1 << next(count for first, count in _RIGHTS_BY_VERSION if known >= first)) - 1
    given = struct.pack("QQQ", rights, 0, _SCOPED if known >= _SCOPED_VERSION else 0)
    size = len(given) if known >= _SCOPED_VERSION else 8
    ruleset = _checked(_libc.syscall(_CREATE_RULESET, given, size, 0))
    try:
        for allowed, paths in ((_READING, reading), (rights, writing)):
            for path in paths:
                with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                    _allow(ruleset, path, allowed & rights)
        _checked(_libc.syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: Path, rights: int) -> None:
    beneath = os.open(path, _O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights if path.is_dir() else rights & _OF_FILES, beneath)
        _checked(_libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0))
    finally:
        os.close(beneath)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result
