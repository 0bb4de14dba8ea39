"""The small files that cost most: what each costs as an upload, and as a task."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipeline import reasons
from tests.hostile.measured import Answer, describe, make_task, table
from tests.hostile.mutants import make_bases
from tests.hostile.worst import ALL, FILMS


def measure_worst() -> bool:
    """Prints a line for each file; gives whether all are answered."""
    rows = [["file", "bytes", "described as", "answer", "CPU s", "MB"]]
    fine = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, make in ALL.items():
            path = make(folder / file)
            for role in ("reference", "dance"):
                answer = describe(path, role)
                fine = fine and answer.reason not in {reasons.CRASHED, reasons.TIMEOUT}
                rows.append([file, f"{path.stat().st_size:,}", role, *_row(answer)])
            path.unlink()
    print(table(rows))
    return fine


def measure_tasks() -> bool:
    """The films of which the work costs much, each as a whole task."""
    rows = [["file", "answer", "CPU s", "MB"]]
    fine = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        song = make_bases(folder)["wav"]
        for file, make in FILMS.items():
            answer = make_task(make(folder / file), song, folder / "task", by_hand=True)
            fine = fine and answer.reason not in {reasons.CRASHED, reasons.TIMEOUT}
            rows.append([file, *_row(answer)])
    print(table(rows))
    return fine


def _row(answer: Answer) -> list[str]:
    return [answer.reason or "used", f"{answer.cpu_seconds:.1f}", f"{answer.memory_mb:.0f}"]
