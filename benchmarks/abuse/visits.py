"""What a visit costs the server.

The page is opened and drawn some times more, with and without Streamlit's own collecting of garbage
after each run.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import psutil

from benchmarks.abuse.service import served
from benchmarks.abuse.visitor import Visitor
from tests.hostile.measured import table

VISITS, RUNS = 150, 5
ROUNDS = 3


def measure_visits() -> None:
    """Prints processor time, memory and descriptors for both ways."""
    rows = [["after each run", "CPU ms a visit, by round", "memory, MB", "descriptors"]]
    for collecting in (True, False):
        os.environ["STREAMLIT_RUNNER_POST_SCRIPT_GC"] = str(collecting).lower()
        with tempfile.TemporaryDirectory() as name, served(Path(name)) as server:
            process = psutil.Process(server.pid)
            costs = [f"{_visit(process, Visitor(server)):.0f}" for _ in range(ROUNDS)]
            memory, files = process.memory_info().rss / 2**20, process.num_fds()
        what = "garbage is collected" if collecting else "nothing"
        rows.append([what, ", ".join(costs), f"{memory:.0f}", str(files)])
    print(f"Rounds of {VISITS} visits, in each of which the page is drawn {RUNS} times.\n")
    print(table(rows))


def _visit(process: psutil.Process, visitor: Visitor) -> float:
    """Processor time of the server for a visit (milliseconds), in the mean."""
    before = process.cpu_times()
    for _ in range(VISITS):
        with visitor:
            for _ in range(RUNS - 1):
                visitor.run()
    after = process.cpu_times()
    return 1000 * (after.user + after.system - before.user - before.system) / VISITS
