"""How long a piece of work of the server's takes beside busy children, which yield to it or not."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipeline.child.priority import NICENESS
from tests.hostile.measured import table

CHILDREN = 2 * (os.cpu_count() or 1)
PIECES = 150
PIECE_SECONDS = 0.04
"""Of processor time: what a page that is drawn takes."""
REST_SECONDS = 0.06
_SPIN = "\nwhile True: pass"
WAYS: Mapping[str, str | None] = {
    "no children": None,
    f"a niceness of {NICENESS}": f"import os; os.nice({NICENESS})" + _SPIN,
    "their session's as well": "from pipeline.child.priority import step_back; step_back()" + _SPIN,
}


def measure_yielding() -> None:
    """Prints a line for each way in which children yield; each has a session of its own."""
    rows = [[f"{CHILDREN} busy children with", "median, ms", "95 %, ms", "longest, ms"]]
    for way, program in WAYS.items():
        with _busy(program):
            times = sorted(_piece() for _ in range(PIECES))
        found = statistics.median(times), times[len(times) * 95 // 100], times[-1]
        rows.append([way, *(f"{1000 * seconds:.0f}" for seconds in found)])
    print(f"{1000 * PIECE_SECONDS:.0f} ms of processor time, {PIECES} times.\n")
    print(table(rows))


@contextmanager
def _busy(program: str | None) -> Iterator[None]:
    command = [sys.executable, "-c", program or ""]
    count = CHILDREN if program else 0
    started = [subprocess.Popen(command, start_new_session=True) for _ in range(count)]
    time.sleep(3.0)  # the kernel lets one group's niceness be changed in each tenth of a second
    try:
        yield
    finally:
        for one in started:
            one.kill()
            one.wait()


def _piece() -> float:
    """How long a piece took (seconds)."""
    time.sleep(REST_SECONDS)
    began, until = time.monotonic(), time.process_time() + PIECE_SECONDS
    while time.process_time() < until:
        pass
    return time.monotonic() - began
