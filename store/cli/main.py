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
from store.retention import copies, history
from store.settings import StoreSettings
from store.tasks.store import Store


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns 0; 1 when ``check`` finds something; 2 with one clear line."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(Store(StoreSettings()), options) or 0)
    except (StoreError, OSError, ValueError) as error:
        _say(str(error))
        return 2


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


def _records(store: Store) -> dict[str, Any]:
    state = look(store.path)
    if state.damage:
        _say(f"{store.path} is damaged ({'; '.join(state.damage)}); this is what is whole in it")
    return dict(state.records)


def _show(store: Store, options: argparse.Namespace) -> None:
    records = _records(store)
    if options.id is not None and options.id not in records:
        raise ValueError(f"there is no task {options.id} in {store.path}")
    sys.stdout.buffer.write(encode(records if options.id is None else records[options.id]))


def _check(store: Store, options: argparse.Namespace) -> bool:
    found = check(store.path)
    for line in found or [f"{store.path} is sound."]:
        sys.stdout.write(f"{line}\n")
    return bool(found)


def _backup(store: Store, options: argparse.Namespace) -> None:
    name = f"task_status-by-hand-{utc_now():%Y%m%dT%H%M%S}.json"
    target: Path = options.target or store.path.with_name(copies.FOLDER) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    copies.make(store.path, target)
    sys.stdout.write(f"{target}\n")


def _restore(store: Store, options: argparse.Namespace) -> None:
    source: Path | None = options.source or copies.newest(store.path)
    if source is None:
        raise ValueError(f"there is no copy beside {store.path}")
    if not source.exists():
        source = store.path.with_name(source.name)
    _say(f"{store.restore_from(source, replace=options.replace)} tasks came back from {source}")


def _compact(store: Store, options: argparse.Namespace) -> None:
    store.load_task_status()
    _say(f"{store.cleanup_old_tasks()} old tasks removed")


def _export(store: Store, options: argparse.Namespace) -> None:
    records = _records(store)
    past = {
        entry["id"]: entry["record"] | {k: entry.get(k) for k in ("left_at", "left_because")}
        for entry in history.entries(store.path.parent)
        if is_task(entry.get("record")) and entry["id"] not in records
    }
    rows = [{"id": key} | r for key, r in (past | records).items() if is_task(r)]
    if options.format == "jsonl":
        sys.stdout.buffer.writelines(map(encode_line, rows))
        return
    plain = {k for row in rows for k, value in row.items() if not isinstance(value, dict | list)}
    columns = [*dict.fromkeys(("id", *BASE_KEYS, *sorted(plain)))]
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
