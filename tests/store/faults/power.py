"""Driver and replay of power losses.

The driver works on a store while the shim logs every write, sync, rename and unlink in order.
The replay cuts the power after each of them and builds the folders that a disk may then hold:

- *names*: those made durable by the last fsync of the folder, plus any prefix of the changes
  since (a journal in order), plus each later change alone (no order at all);
- *data* of a file since its last fsync: none of it, all, half, or zero bytes in its place.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store import Store, StoreSettings
from tests.store.faults.build import sabotage

IDS = [str(uuid.UUID(int=n, version=4)) for n in range(1, 9)]
Event = tuple[str, int, int, bytes, bytes]


def main() -> None:
    """Works on the store, and marks every promise in the log."""
    logging.disable(logging.CRITICAL)
    sabotage(os.environ.get("SABOTAGE", ""))
    shim = ctypes.CDLL(None)
    folder = Path(os.environ["FAULT_DIR"])
    folder.mkdir()
    shim.fault_log(sys.argv[1].encode())
    store = Store(StoreSettings(outputs=folder))

    def mark(**promise: Any) -> None:
        shim.fault_mark(json.dumps(promise).encode())

    for number, task_id in enumerate(IDS):
        store.create({"mark": 0}, task_id=task_id)
        mark(id=task_id, mark=0)
        for value in (1, 2):
            store.update(task_id, {"mark": value})
            mark(id=task_id, mark=value)
        if number == 3:
            store.back_up(anyway=True)
    for task_id in IDS[:3]:
        store.update(task_id, {"status": "success"})
        store.delete(task_id)
        mark(id=task_id, gone=True)


def events(log: Path) -> list[Event]:
    """The log's records: operation, descriptor, offset or flag, two byte strings."""
    raw, position, found = log.read_bytes(), 0, []
    while position < len(raw):
        end = raw.index(b"\n", position)
        op, fd, offset, size_a, size_b = raw[position:end].split(b" ")
        a, b = end + 1, end + 1 + int(size_a)
        position = b + int(size_b)
        found.append((op.decode(), int(fd), int(offset), raw[a:b], raw[b:position]))
    return found


@dataclass
class File:
    data: bytes = b""
    synced: bytes = b""


@dataclass
class Disk:
    """What the program wrote, and what of it is durable for certain."""

    files: dict[bytes, File] = field(default_factory=dict)
    durable: dict[bytes, File] = field(default_factory=dict)
    pending: list[tuple[str, bytes, bytes, File]] = field(default_factory=list)
    open: dict[int, tuple[bytes, File | None]] = field(default_factory=dict)

    def apply(self, event: Event) -> None:
        op, fd, offset, a, b = event
        if op in "co":
            if op == "c" and a not in self.files:
                self.files[a] = File()
                self.pending.append(("link", a, a, self.files[a]))
            file = self.files.get(a)
            if file and offset:
                file.data = b""
            self.open[fd] = (a, file)
        elif op == "w":
            file = self.open[fd][1]
            assert file is not None
            file.data = file.data[:offset].ljust(offset, b"\0") + a + file.data[offset + len(a) :]
        elif op == "s":
            name, file = self.open[fd]
            if file is not None:
                file.synced = file.data
            else:  # a folder: the names in it are durable now
                inside = [p for p in self.pending if p[2].rpartition(b"/")[0] == name]
                self.durable = link_all(self.durable, inside)
                self.pending = [p for p in self.pending if p not in inside]
        elif op == "r":
            file = self.files.pop(a)
            self.files[b] = file
            self.pending.append(("rename", a, b, file))
        elif op == "u":
            self.pending.append(("unlink", a, a, self.files.pop(a)))


def link_all(names: dict[bytes, File], changes: list[Any]) -> dict[bytes, File]:
    result = dict(names)
    for kind, old, new, file in changes:
        if kind != "link":
            result.pop(old, None)
        if kind != "unlink":
            result[new] = file
    return result


def contents(file: File) -> set[bytes]:
    """What the file may hold after the power came back."""
    if file.data == file.synced:
        return {file.data}
    grown = file.data[len(file.synced) :] if file.data.startswith(file.synced) else file.data
    base = file.synced if file.data.startswith(file.synced) else b""
    return {base, file.data, base + grown[: len(grown) // 2], base + b"\0" * len(grown)}


def states(disk: Disk) -> Iterator[dict[bytes, File]]:
    """The sets of names that the disk may hold."""
    for count in range(len(disk.pending) + 1):
        yield link_all(disk.durable, disk.pending[:count])
    for change in disk.pending[1:]:
        yield link_all(disk.durable, [change])


def replay(log: Path, folder: str) -> tuple[int, list[str]]:
    """Cuts the power everywhere; returns the number of states and what was lost."""
    disk, promised = Disk(), {}
    count, wrong = 0, []
    path, history = f"{folder}/task_status.json".encode(), f"{folder}/task_history.jsonl".encode()
    for event in events(log):
        if event[0] == "!":
            promise = json.loads(event[3])
            promised[promise.pop("id")] = promise
        else:
            disk.apply(event)
        for names in states(disk):
            lines = contents(names[history]) if history in names else {b""}
            for raw in contents(names[path]) if path in names else {None}:
                for past in lines:
                    count += 1
                    wrong += lost(raw, past, promised)
    return count, wrong


def lost(raw: bytes | None, past: bytes, promised: dict[str, Any]) -> list[str]:
    try:
        records = json.loads(raw) if raw is not None else {}
    except ValueError:
        return [f"the file is broken: {raw[:20]!r}" if raw else "the file is empty"]
    wrong = []
    for task_id, promise in promised.items():
        record = records.get(task_id)
        if promise.get("gone"):
            if record is not None:
                wrong.append("a deleted task came back")
            if task_id.encode() not in past:
                wrong.append("a task left without a line in the history")
        elif record is None and task_id.encode() not in past:
            wrong.append("a task was lost")
        elif record is not None and record["mark"] < promise["mark"]:
            wrong.append("an update was lost")
    return wrong


if __name__ == "__main__":
    main()
