"""The store's figures, all in one run on one disk: ``python -m benchmarks.store``.

Rivals: SQLite in WAL mode with synchronous=FULL, and the usual ``json`` file with fsync of file
and folder under one lock. Every thread updates records of its own in a closed loop. Ratios are
what counts; absolute numbers are the machine's.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.store.slow_sync import run_with_slower_syncs
from store import Store, StoreSettings
from store.file.codec import encode
from store.file.disk import replace_whole

Update = Callable[[int, int], None]
"""Takes the thread's number and its turn."""


def records(count: int) -> dict[str, Any]:
    ids = [str(uuid.UUID(int=number + 1, version=4)) for number in range(count)]
    return {
        task_id: {
            "status": "pending",
            "message": "等待处理...",
            "created_at": "2026-01-01T03:00:00.000+00:00",
            "started_at": None,
            "completed_at": None,
            "modular_output": None,
            "v2_output": None,
            "dance_name": "class.mp4",
            "reference_name": "song.wav",
        }
        for task_id in ids
    }


def our_store(folder: Path, count: int) -> Store:
    outputs = folder / "outputs"
    outputs.mkdir()
    replace_whole(outputs / "task_status.json", encode(records(count)))
    return Store(StoreSettings(outputs=outputs))


def ours(folder: Path, count: int) -> Update:
    store, ids = our_store(folder, count), list(records(count))
    store.load_task_status()

    def update(thread: int, turn: int) -> None:
        store.update(ids[(thread * 97 + turn) % count], {"mark": turn})

    return update


def sqlite(folder: Path, count: int) -> Update:
    path, ids, local = folder / "db", list(records(count)), threading.local()

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=60, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    with connect() as first:
        first.execute("CREATE TABLE tasks (id TEXT PRIMARY KEY, record TEXT)")
        first.execute("BEGIN")
        rows = [(k, json.dumps(v)) for k, v in records(count).items()]
        first.executemany("INSERT INTO tasks VALUES (?, ?)", rows)
        first.execute("COMMIT")

    def update(thread: int, turn: int) -> None:
        if not hasattr(local, "connection"):
            local.connection = connect()
        task_id = ids[(thread * 97 + turn) % count]
        local.connection.execute("BEGIN IMMEDIATE")
        (text,) = local.connection.execute(
            "SELECT record FROM tasks WHERE id = ?", (task_id,)
        ).fetchone()
        changed = json.dumps(json.loads(text) | {"mark": turn})
        local.connection.execute("UPDATE tasks SET record = ? WHERE id = ?", (changed, task_id))
        local.connection.execute("COMMIT")

    return update


def sqlite_shared(folder: Path, count: int) -> Update:
    """One connection for all threads, under a lock: the honest rival."""
    path, ids, lock = folder / "db", list(records(count)), threading.Lock()
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE tasks (id TEXT PRIMARY KEY, record TEXT)")
    rows = [(key, json.dumps(value)) for key, value in records(count).items()]
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO tasks VALUES (?, ?)", rows)
    connection.execute("COMMIT")

    def update(thread: int, turn: int) -> None:
        task_id = ids[(thread * 97 + turn) % count]
        with lock:
            connection.execute("BEGIN IMMEDIATE")
            query = "SELECT record FROM tasks WHERE id = ?"
            (text,) = connection.execute(query, (task_id,)).fetchone()
            changed = json.dumps(json.loads(text) | {"mark": turn})
            connection.execute("UPDATE tasks SET record = ? WHERE id = ?", (changed, task_id))
            connection.execute("COMMIT")

    return update


def against_sqlite(seconds: float, rounds: int) -> None:
    """Rates by the number of threads, in alternating rounds; medians of the ratios."""
    print("| threads, 100 tasks | store, updates/s | SQLite WAL FULL, one connection | ratio |")
    print("|---|---|---|---|")
    for threads in (1, 4, 16):
        pairs = [
            [measure(make, 100, threads, seconds)[0] for make in (ours, sqlite_shared)]
            for _ in range(rounds)
        ]
        ratio = statistics.median(one / two for one, two in pairs)
        one, two = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
        print(f"| {threads} | {one:,.0f} | {two:,.0f} | {ratio:.2f} × |", flush=True)
    beside_the_bare_write("", 100, seconds, time.perf_counter)
    beside_the_bare_write(", CPU, 10,000 tasks", 10_000, seconds, time.process_time)


def beside_the_bare_write(
    what: str, count: int, seconds: float, clock: Callable[[], float]
) -> None:
    ours_ms, bare_ms = alternately(ours, bare, count, seconds, clock)
    one, two = ours_ms[len(ours_ms) // 2], bare_ms[len(bare_ms) // 2]
    print(f"| 1, against the bare write{what} | {one:.2f} ms | {two:.2f} ms | {one / two:.2f} × |")


def replace(folder: Path, data: bytes) -> None:
    descriptor = os.open(folder / "tmp", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)
    os.replace(folder / "tmp", folder / "file")  # noqa: PTH105
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def usual(folder: Path, count: int) -> Update:
    state, lock, ids = records(count), threading.Lock(), list(records(count))

    def update(thread: int, turn: int) -> None:
        with lock:
            state[ids[(thread * 97 + turn) % count]]["mark"] = turn
            replace(folder, json.dumps(state, indent=2, ensure_ascii=False).encode())

    return update


def bare(folder: Path, count: int) -> Update:
    data = encode(records(count))
    return lambda thread, turn: replace(folder, data)


def measure(make: Callable[[Path, int], Update], count: int, threads: int, seconds: float) -> Any:
    """Updates a second, and their p50 and p99 in milliseconds."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        update = make(Path(name), count)
        took: list[float] = []
        stop = time.perf_counter() + seconds

        def work(thread: int) -> None:
            turn = 0
            while time.perf_counter() < stop:
                start = time.perf_counter()
                update(thread, turn)
                took.append(time.perf_counter() - start)
                turn += 1

        start = time.perf_counter()
        workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        took.sort()
        rate = len(took) / (time.perf_counter() - start)
        return rate, 1e3 * took[len(took) // 2], 1e3 * took[int(len(took) * 0.99)]


def alternately(
    one: Callable[[Path, int], Update],
    two: Callable[[Path, int], Update],
    count: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], list[float]]:
    """Sorted milliseconds, by ``clock``, of one thread's updates of two kinds, in turns of ten."""
    took: tuple[list[float], list[float]] = ([], [])
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd()) as a,
        tempfile.TemporaryDirectory(dir=Path.cwd()) as b,
    ):
        updates = one(Path(a), count), two(Path(b), count)
        stop, turn = time.perf_counter() + 2 * seconds, 0
        while time.perf_counter() < stop:
            for kind in (0, 1):
                for _ in range(10):
                    start = clock()
                    updates[kind](0, turn)
                    took[kind].append(1e3 * (clock() - start))
                    turn += 1
    return sorted(took[0]), sorted(took[1])


def reading(count: int, seconds: float) -> tuple[float, float]:
    """Snapshots a second in the writing process and in another store, 8 threads writing."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        store, ids = our_store(Path(name), count), list(records(count))
        other = Store(store.settings)
        stop = time.perf_counter() + seconds

        def write(thread: int) -> None:
            turn = 0
            while time.perf_counter() < stop:
                store.update(ids[(thread * 97 + turn) % count], {"mark": turn})
                turn += 1

        writers = [threading.Thread(target=write, args=(n,)) for n in range(8)]
        for writer in writers:
            writer.start()
        rates = []
        for reader in (store, other):
            end, reads = time.perf_counter() + seconds / 2.2, 0
            while time.perf_counter() < end:
                reader.snapshot()
                reads += 1
            rates.append(reads / (seconds / 2.2))
        for writer in writers:
            writer.join()
        return rates[0], rates[1]


def starting(count: int) -> tuple[float, float]:
    """Milliseconds of start() with so many tasks, and of a snapshot when nothing changed."""
    took, snapshots = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
            store = our_store(Path(name), count)
            start = time.perf_counter()
            store.start()
            store.snapshot()
            took.append(1e3 * (time.perf_counter() - start))
            start = time.perf_counter()
            store.snapshot()
            snapshots.append(1e3 * (time.perf_counter() - start))
            store.close()
    return statistics.median(took), statistics.median(snapshots)


def one_row(seconds: float) -> None:
    """A row of :func:`by_cost_of_a_sync`, for the disk as it is in this process."""
    _, write_ms, _ = measure(bare, 1_000, 1, seconds / 2)
    rates = [measure(make, 1_000, 64, seconds)[0] for make in (ours, sqlite, usual)]
    cells = [f"{write_ms:.2f}", *(f"{rate:,.0f}" for rate in rates)]
    cells += [f"{rates[0] / rate:,.1f} ×" for rate in rates[1:]]
    print(f" {' | '.join(cells)} |")


def by_cost_of_a_sync(seconds: float, extra: list[float]) -> None:
    """How the ratios depend on what a sync costs on the disk."""
    print("| each sync longer by, ms | bare write, ms | store, updates/s | SQLite WAL FULL", end="")
    print(" | json + fsync, one lock | store ÷ SQLite | store ÷ json |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for extra_ms in extra:
        row = run_with_slower_syncs(
            "benchmarks.store", ["--seconds", str(seconds), "--one-row"], extra_ms
        )
        print(f"| {extra_ms:g} |{row}", end="", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--one-row", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--slower-syncs", type=float, nargs="+", metavar="MS", help="only this: ratios by cost"
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="only this: against SQLite, by threads"
    )
    arguments = parser.parse_args()
    seconds = arguments.seconds
    if arguments.rounds and not arguments.slower_syncs:
        return against_sqlite(seconds, arguments.rounds)
    if arguments.rounds:
        given = ["--seconds", str(seconds), "--rounds", str(arguments.rounds)]
        for extra_ms in arguments.slower_syncs:
            print(run_with_slower_syncs("benchmarks.store", given, extra_ms))
        return None
    if arguments.one_row:
        return one_row(seconds)
    if arguments.slower_syncs:
        return by_cost_of_a_sync(seconds, arguments.slower_syncs)
    rivals = {"store": ours, "SQLite WAL FULL": sqlite, "json + fsync, one lock": usual}
    print("| 64 threads, durable updates/s (p99 ms) | 100 tasks | 1,000 | 10,000 |")
    print("|---|---|---|---|")
    rates: dict[tuple[str, int], float] = {}
    for name, make in rivals.items():
        cells = []
        for count in (100, 1_000, 10_000):
            rate, _, p99 = measure(make, count, 64, seconds)
            rates[name, count] = rate
            cells.append(f"{rate:,.0f} ({p99:,.0f})")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    for name in list(rivals)[1:]:
        ratios = [rates["store", n] / rates[name, n] for n in (100, 1_000, 10_000)]
        print(f"| store ÷ {name} | {' | '.join(f'{r:,.1f} ×' for r in ratios)} |")
    print("\n| one thread, 100 tasks | p50 ms | p99 ms |\n|---|---|---|")
    ours_ms, bare_ms = alternately(ours, bare, 100, seconds)
    for name, took in (("store", ours_ms), ("bare write, fsync, rename, fsync folder", bare_ms)):
        print(f"| {name} | {took[len(took) // 2]:.2f} | {took[int(len(took) * 0.99)]:.2f} |")
    ratio = ours_ms[len(ours_ms) // 2] / bare_ms[len(bare_ms) // 2]
    print(f"| store ÷ bare | {ratio:.2f} × | |")
    print("\n| while 8 threads write | snapshots/s, same process | another store |\n|---|---|---|")
    for count in (100, 1_000, 10_000):
        same, other = reading(count, seconds)
        print(f"| {count:,} tasks | {same:,.0f} | {other:,.0f} |")
    start, snapshot = starting(10_000)
    print(f"\nStart with 10,000 tasks: {start:.0f} ms; a snapshot of them: {snapshot:.3f} ms.")


if __name__ == "__main__":
    main()
