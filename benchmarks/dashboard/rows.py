"""The table that is printed, and the tasks that are measured with."""

from __future__ import annotations

import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MB = 1024 * 1024


def head() -> None:
    """Print the table's head."""
    print("| what | measured |\n| --- | --- |", flush=True)


def row(what: str, measured: str) -> None:
    """Print a line of the table as soon as it is known."""
    print(f"| {what} | {measured} |", flush=True)


def records(count: int) -> dict[str, Any]:
    """A file of tasks that ended well."""
    now = datetime.now(UTC)
    found = {}
    for number in range(count):
        at = now - timedelta(seconds=number)
        found[str(uuid.uuid4())] = {
            "status": "success",
            "message": "处理成功",
            "created_at": at.isoformat(),
            "started_at": at.isoformat(),
            "completed_at": (at + timedelta(seconds=40)).isoformat(),
            "modular_output": None,
            "v2_output": None,
            "dance_name": f"dance {number}.mp4",
            "reference_name": "song.m4a",
            "dance_size": 50_000_000,
            "alignment": {"matched": True, "confidence": 0.97, "agreement_ms": 2.5},
        }
    return found


def write_records(outputs: Path, tasks: dict[str, Any]) -> None:
    """Make an outputs folder with this task file."""
    outputs.mkdir(parents=True, exist_ok=True)
    (outputs / "task_status.json").write_text(json.dumps(tasks))


def random_file(path: Path, megabytes: int) -> Path:
    """A file that nothing can compress or recognise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for _ in range(megabytes):
            file.write(os.urandom(MB))
    return path
