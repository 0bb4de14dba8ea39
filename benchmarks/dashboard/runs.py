"""How long the whole script runs, by the number of tasks in the file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.dashboard.rows import records, row, write_records
from tests.browser.serving import ROOT

RUNS = """
import json, statistics, sys, time
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("streamlit_app.py", default_timeout=120).run()
assert not page.exception
page.run()
times = []
for _ in range(int(sys.argv[1])):
    begin = time.perf_counter()
    page.run()
    times.append(1000 * (time.perf_counter() - begin))
assert not page.exception
[rows] = [
    json.loads(element.proto.json)["rows"]
    for element in page.get("bidi_component")
    if element.proto.component_name == "retrack_list"
]
assert len(rows) == min(25, int(sys.argv[2]))
assert f"Tasks: {sys.argv[2]}" in [caption.value for caption in page.caption]
print(statistics.median(times), max(times))
"""
"""AppTest: the script as it runs for a viewer, without a browser's transport."""


def measure_runs(counts: list[int], rounds: int) -> None:
    """Median and largest of several whole runs, in a process of its own for each count."""
    found = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            outputs = Path(folder) / "outputs"
            write_records(outputs, records(count))
            answer = subprocess.run(
                [sys.executable, "-c", RUNS, str(rounds), str(count)],
                cwd=ROOT,
                env={
                    **os.environ,
                    "RETRACK_OUTPUTS": str(outputs),
                    "RETRACK_VISIBILITY": "shared",
                    "RETRACK_MAX_FINISHED": str(2 * max(counts)),
                    "RETRACK_MAX_FINISHED_MB": "1000",
                },
                capture_output=True,
                text=True,
                check=True,
            )
        found.append([float(text) for text in answer.stdout.split()[-2:]])
    row(
        "one run of the script, median (largest), with "
        + " / ".join(f"{count:,}" for count in counts)
        + " tasks in the file",
        " / ".join(f"{middle:.0f} ({worst:.0f})" for middle, worst in found)
        + " ms (median under 100 wished)",
    )
