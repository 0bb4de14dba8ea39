"""The command line: results on standard output, words on standard error."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from store.cli.check import check
from store.clock import utc_now
from store.errors import StoreError
from store.file.codec import encode, encode_line
from store.file.view import look
from store.model import is_task
from store.records.transitions import BASE_KEYS
from store.retention import backup, history
from store.settings import StoreSettings
from store.tasks.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0; 1 when ``check`` finds something; 2 with one clear line."""
    options = _parser().parse_args(arguments)
    try:
        store = Store(StoreSettings())
        code: int = options.run(store, options)
    except (StoreError, OSError, ValueError) as error:
        _say(str(error))
        return 2
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m store",
        description="Looks after the task file, outputs/task_status.json "
        "(RETRACK_OUTPUTS names another folder). Safe while the service runs.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Any, text: str, example: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=text, description=text, epilog=f"example: python -m store {example}"
        )
        command.set_defaults(run=run)
        return command

    show = add("show", _show, "Prints one task, or all, as JSON.", "show 3f0c5b1e-… | jq .status")
    show.add_argument("id", nargs="?", help="a task's id")
    add("check", _check, "Says in words what is wrong with the file; exit code 1 then.", "check")
    made = add("backup", _backup, "Copies the file.", "backup /media/stick/tasks.json")
    made.add_argument("target", nargs="?", type=Path, help="where to (default: task_backups/)")
    back = add("restore", _restore, "Brings tasks back from a copy.", "restore --replace copy.json")
    back.add_argument("source", nargs="?", type=Path, help="a copy (default: the newest)")
    back.add_argument("--replace", action="store_true", help="take the copy as the whole truth")
    add("compact", _compact, "Cleans up: old tasks, their files, old history.", "compact")
    export = add("export", _export, "Prints all tasks, past ones too.", "export --format csv")
    export.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
    return parser


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _show(store: Store, options: argparse.Namespace) -> int:
    records = _records(store)
    if options.id is None:
        sys.stdout.buffer.write(encode(records))
        return 0
    if options.id not in records:
        raise ValueError(f"there is no task {options.id} in {store.path}")
    sys.stdout.buffer.write(encode(records[options.id]))
    return 0


def _records(store: Store) -> dict[str, Any]:
    reading = look(store.path)
    if reading.damage:
        _say(f"{store.path} is damaged ({'; '.join(reading.damage)}); this is what is whole in it")
    return dict(reading.decoded.records) if reading.decoded else {}


def _check(store: Store, options: argparse.Namespace) -> int:
    found = check(store.path)
    for line in found or [f"{store.path} is sound."]:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


def _backup(store: Store, options: argparse.Namespace) -> int:
    folder = store.path.parent / backup.FOLDER
    target: Path = options.target or folder / f"task_status-by-hand-{utc_now():%Y%m%dT%H%M%S}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    backup.make(store.path, target)
    sys.stdout.write(f"{target}\n")
    return 0


def _restore(store: Store, options: argparse.Namespace) -> int:
    source: Path | None = options.source or next(iter(backup.copies(store.path)), None)
    if source is None:
        raise ValueError(f"there is no copy beside {store.path}")
    if not source.exists() and (store.path.parent / source.name).exists():
        source = store.path.parent / source.name
    count = store.restore_from(source, replace=options.replace)
    _say(f"{count} tasks came back from {source}")
    return 0


def _compact(store: Store, options: argparse.Namespace) -> int:
    before = _size(store)
    store.load_task_status()
    count = store.cleanup_old_tasks()
    _say(f"{count} old tasks removed; {before} bytes before, {_size(store)} after")
    return 0


def _size(store: Store) -> int:
    paths = [store.path, *history.files(store.path.parent)]
    return sum(path.stat().st_size for path in paths if path.exists())


def _export(store: Store, options: argparse.Namespace) -> int:
    records = _records(store)
    past = {
        entry["id"]: entry["record"] | {k: entry.get(k) for k in ("left_at", "left_because")}
        for entry in history.entries(store.path.parent)
        if isinstance(entry.get("record"), dict) and entry["id"] not in records
    }
    rows = [{"id": key} | r for key, r in (past | records).items() if is_task(r)]
    if options.format == "csv":
        plain = {
            k for row in rows for k, value in row.items() if not isinstance(value, dict | list)
        }
        columns = [*dict.fromkeys(("id", *BASE_KEYS, *sorted(plain)))]
        writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return 0
    for row in rows:
        sys.stdout.buffer.write(encode_line(row))
    return 0
