"""Memory for the index of a file, which libavformat builds whole when it opens one.

A file of a megabyte may ask for gigabytes. A limit on the process refuses them as they are asked
for, but libavformat may go on with the part of an index that it has, without an error: so what is
held in the end is looked at as well. On Linux only; elsewhere nothing is limited.
"""

from __future__ import annotations

import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPENING_MB = 400
"""What opening may take on top of what the process has. Of honest files the longest takes most:
3 h at 240 pictures a second, 266 MB (``python -m benchmarks.abuse indexes``)."""
INDEX_MB = 250
"""What may be held in the end; that file holds 141 MB and has asked for 178."""
_MEBIBYTE = 2**20

alone = threading.RLock()
"""The limit is the whole process's and inherited: who starts another meanwhile takes this."""


@contextmanager
def for_an_index() -> Iterator[None]:
    """Limits what the block may take; raises ``MemoryError`` when it holds too much at its end."""
    if sys.platform != "linux":
        yield
        return
    with alone:
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
        held, limit = _held(), _in_use("VmData") + OPENING_MB * _MEBIBYTE
        given = [limit, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY)]
        resource.setrlimit(resource.RLIMIT_DATA, (min(given), hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
        if _held() - held > INDEX_MB * _MEBIBYTE:
            raise MemoryError("an index is too large")


def _held() -> int:
    return _in_use("RssAnon", "VmSwap")


def _in_use(*names: str) -> int:
    """The sum of these lines of proc_pid_status(5) (bytes)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    found = (line.partition(":") for line in lines)
    return sum(1024 * int(value.split()[0]) for name, _, value in found if name in names)
