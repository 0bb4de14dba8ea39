"""What opening the page takes while others send messages as fast as they can."""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from multiprocessing import get_context
from pathlib import Path

from benchmarks.abuse.service import served
from benchmarks.abuse.visitor import Visitor
from tests.browser.serving import Server
from tests.hostile.measured import table

COOKIES = 20
SECONDS = 20.0
REST_SECONDS = 0.5
MOST_SECONDS = 2.0
"""For a page beside a flood; nobody waits gladly for longer."""


def measure_flood() -> bool:
    """Prints what the page takes before, during and after; whether it is borne."""
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as server:
        rows = [["the page is drawn", "times", "median, s", "95 %, s", "longest, s"]]
        rows.append(_opened(server, "alone", SECONDS / 2)[0])
        flood = get_context("fork").Process(target=_flood, args=(server,))
        flood.start()
        time.sleep(1.0)
        beside, late = _opened(server, f"beside {COOKIES} cookies that flood", SECONDS - 1)
        flood.join()
        rows += [beside, _opened(server, "after that", SECONDS / 2)[0]]
    print(table(rows))
    return late <= MOST_SECONDS


def _opened(server: Server, when: str, seconds: float) -> tuple[list[str], float]:
    visitor, times, until = Visitor(server), list[float](), time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        with visitor:
            times.append(time.monotonic() - began)
        time.sleep(REST_SECONDS)
    times.sort()
    found = statistics.median(times), times[len(times) * 95 // 100], times[-1]
    return [when, str(len(times)), *(f"{one:.2f}" for one in found)], found[1]


def _flood(server: Server) -> None:
    """Runs in a process of its own, so that it does not slow the one who measures."""
    until = time.monotonic() + SECONDS
    threads = [
        threading.Thread(target=_send, args=(server, until), daemon=True) for _ in range(COOKIES)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until + 1 - time.monotonic()))


def _send(server: Server, until: float) -> None:
    with Visitor(server) as visitor:
        visitor.flood(until)
