"""The command line: JSON on standard output, words on standard error."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from store.codec import encode
from store.core import Store
from store.settings import StoreSettings
from store.view import look


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code (0, or 2 with one clear line)."""
    parser = argparse.ArgumentParser(prog="python -m store", description="The task file.")
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser(
        "show",
        help="print one task, or all",
        epilog="example: python -m store show 3f0c5b1e-…  | jq .status",
    )
    show.add_argument("id", nargs="?", help="a task's id")
    options = parser.parse_args(arguments)
    return _show(Store(StoreSettings()), options.id)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _show(store: Store, task_id: str | None) -> int:
    records = records_of(store.path)
    if task_id is None:
        sys.stdout.buffer.write(encode(records))
        return 0
    if task_id not in records:
        _say(f"there is no task {task_id} in {store.path}")
        return 2
    sys.stdout.buffer.write(encode(records[task_id]))
    return 0


def records_of(path: Path) -> dict[str, Any]:
    """The records in the file, damaged or not."""
    reading = look(path)
    if reading.damage:
        _say(f"{path} is damaged ({'; '.join(reading.damage)}); showing what is whole in it")
    return dict(reading.decoded.records) if reading.decoded else {}
