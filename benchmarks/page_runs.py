"""How long one run of the page's script takes: the list, and a finished task's own page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

ROUNDS, LISTED = 20, 200
RUNS = """
import statistics, sys, time
from streamlit.testing.v1 import AppTest
for task in ("", sys.argv[2]):
    page = AppTest.from_file("streamlit_app.py", default_timeout=120)
    if task:
        page.query_params["task"] = task
    page.run()
    assert not page.exception
    times = []
    for _ in range(int(sys.argv[1])):
        begin = time.process_time()
        page.run()
        times.append(1000 * (time.process_time() - begin))
    assert not page.exception
    print(statistics.median(times))
"""
"""The script as it runs for a viewer, without a browser's transport: the list, and a task's page.
Processor time, since what else the machine does is no cost of the page's."""


def medians_ms(root: Path, outputs: Path, task_id: str) -> tuple[float, float]:
    """Milliseconds of a run that draws the list, and of one that draws this task's page, in a
    process of its own; copies of the task are put into the stopped service's file."""
    file = outputs / "task_status.json"
    tasks = json.loads(file.read_text())
    others = {str(uuid.uuid4()): tasks[task_id] for _ in range(LISTED - len(tasks))}
    file.write_text(json.dumps(tasks | others))
    command = [sys.executable, "-c", RUNS, str(ROUNDS), task_id]
    env = {
        **os.environ,
        "RETRACK_OUTPUTS": str(outputs),
        "RETRACK_VISIBILITY": "shared",
        "RETRACK_MAX_FINISHED": str(LISTED),
    }
    answer = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True)
    of_list, of_task = (float(line) for line in answer.stdout.split()[-2:])
    return of_list, of_task
