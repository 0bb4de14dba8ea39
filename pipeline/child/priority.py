"""A child yields the processor to the process that started it, and to everything else.

A niceness counts among the processes of one scheduling group only. Linux makes a group of each
session where nothing else divides the machine (autogroups, sched(7)), and a child has a session of
its own: without a niceness of its group it would have as much of the processor as the server.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

NICENESS = 10
"""What media work adds to that of its parent."""
MAX_NICENESS = 19
_TRIES = 20
_BETWEEN_SECONDS = 0.1
"""The kernel lets all users together change one group's in each tenth of a second."""
_PROCESSES = Path("/proc")
_SWITCH = _PROCESSES / "sys/kernel/sched_autogroup_enabled"


def step_back() -> None:
    """Has this process, its session and all that it starts yield to its parent. Where the system
    does not let a group yield (``yields``), the log says so."""
    given = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, min(MAX_NICENESS, given + NICENESS))
    if given >= MAX_NICENESS and sys.platform == "linux":  # there is nothing behind it but this
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    own, parents = _group("self"), _group(str(os.getppid()))
    if own is not None and parents is not None and own[0] != parents[0]:
        try:
            _set_group(min(MAX_NICENESS, parents[1] + NICENESS))
        except OSError as error:
            log.info("this work does not yield to the server: %s", error)


def yields() -> bool:
    """Whether children of this machine yield to their parent."""
    with suppress(OSError):
        if _SWITCH.read_text("ascii").strip() != "0":
            return os.access(_PROCESSES / "self/autogroup", os.W_OK)
    return True


def _group(process: str) -> tuple[str, int] | None:
    """The name of a process's group, and the group's niceness; None where there are none. What no
    session was made for, as on a machine without a login, is in the nameless group of the start."""
    try:
        text = (_PROCESSES / process / "autogroup").read_text("ascii")
    except OSError:
        return None
    if not text:
        return "", 0
    name, _, niceness = text.split()
    return name, int(niceness)


def _set_group(niceness: int) -> None:
    """Raises ``OSError``."""
    for last in (*[False] * _TRIES, True):
        try:
            (_PROCESSES / "self/autogroup").write_text(str(niceness), "ascii")
        except BlockingIOError:
            if last:
                raise
            time.sleep(_BETWEEN_SECONDS)
        else:
            return
