"""Driver: 3 processes × 3 threads on one file, SIGKILLed at random instants.

Prints one JSON object: kills, acknowledged, reads, failures. All workers are forked from this
process, so that a kill and a new start cost milliseconds.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

from store import Store, StoreSettings
from store.errors import Fenced, NoSuchTask, NotSaved, WrongState
from tests.store.faults.build import sabotage

FOLDER = Path(sys.argv[1])
KILLS = int(sys.argv[2])
SHARED = str(uuid.UUID(int=1, version=4))
PROCESSES, THREADS = 3, 3


def settings() -> StoreSettings:
    return StoreSettings(
        outputs=FOLDER / "outputs",
        backoff_seconds=0.0,
        max_attempts=10**6,
    )


def worker(number: int) -> None:
    """Works for ever; every promise given is noted after it, every attempt before it."""
    log = os.open(FOLDER / f"acks-{number}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(*words: object) -> None:
        os.write(log, (" ".join(map(str, words)) + "\n").encode())

    store = Store(settings())
    threads = [threading.Thread(target=loop, args=(store, note)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def loop(store: Store, note: Any) -> None:
    while True:
        try:
            turn(store, note)
        except NotSaved as error:
            note("notsaved", str(error).replace("\n", " "))
        except Exception as error:  # noqa: BLE001 - whatever it is, the check must see it
            note("!", repr(error).replace("\n", " "))


def turn(store: Store, note: Any) -> None:
    task_id = store.create({"mark": 0}).id
    note("mark", task_id, 0)
    for mark in (1, 2):
        try:
            store.update(task_id, {"mark": mark})
        except NoSuchTask:  # another worker has finished and deleted it, says the check
            note("missing", task_id)
            return
        note("mark", task_id, mark)
    note("try")
    store.update(SHARED, lambda record: {"count": record.get("count", 0) + 1})
    note("count")
    store.restore_orphans()
    run = store.claim()
    if run is None:
        return
    note("claim", run.id, run.attempts)
    try:
        store.update(run.id, {"status": "success"}, run.claim)
        note("success", run.id)
        if random.random() < 0.7:
            note("deleting", run.id)
            store.delete(run.id)
            note("deleted", run.id)
    except (Fenced, NoSuchTask, WrongState) as error:
        note("!", f"a living owner was fenced: {error}")


def read_acks() -> list[list[str]]:
    lines = []
    for path in FOLDER.glob("acks-*"):
        lines += [line.split(" ", 2) for line in path.read_text().split("\n")[:-1]]
    return lines


def judge(acks: list[list[str]], records: dict[str, Any], departed: set[str]) -> list[str]:
    """What the file lacks of what was acknowledged before it was read."""
    wrong = [" ".join(words) for words in acks if words[0] == "!"]
    # Read after the file, since a deletion may have begun between the two.
    deleting = {words[1] for words in read_acks() if words[0] == "deleting"}
    for words in acks:
        kind, task_id = words[0], words[1] if len(words) > 1 else ""
        record = records.get(task_id)
        if kind == "mark" and task_id not in deleting:
            if record is None:
                wrong.append(f"acknowledged task {task_id} was lost")
            elif record.get("mark", -1) < int(words[2]):
                wrong.append(f"task {task_id} went back")
        if (
            kind == "success"
            and task_id not in deleting
            and (record or {}).get("status") != "success"
        ):
            wrong.append(f"success of {task_id} was lost")
        if kind == "missing" and task_id not in deleting:
            wrong.append(f"task {task_id} was missing for its creator")
        if kind == "deleted" and record is not None:
            wrong.append(f"deleted task {task_id} came back")
        if kind == "deleted" and task_id not in departed:
            wrong.append(f"{task_id} left without a line in the history")
    claims = Counter((w[1], w[2]) for w in acks if w[0] == "claim")
    wrong += [f"{claim} was handed out {n} times" for claim, n in claims.items() if n > 1]
    counted = sum(words[0] == "count" for words in acks)
    if records.get(SHARED, {}).get("count", 0) < counted:
        wrong.append(f"count {records.get(SHARED, {}).get('count')} of {counted} acknowledged")
    return wrong


def look() -> tuple[dict[str, Any], list[str]]:
    raw = (FOLDER / "outputs" / "task_status.json").read_bytes()
    try:
        return json.loads(raw), []
    except ValueError as error:
        return {}, [f"torn read: {error}"]


def main() -> None:
    logging.disable(logging.CRITICAL)
    sabotage(os.environ.get("SABOTAGE", ""))
    random.seed(int(sys.argv[3]))
    Store(settings()).create({}, task_id=SHARED)
    Store(settings()).update(SHARED, {"status": "success"})  # nobody claims it
    workers: dict[int, int] = {}
    failures: list[str] = []
    reads = 0

    def spawn(number: int) -> None:
        if (pid := os.fork()) == 0:
            random.seed(os.getpid())
            worker(number)
            os._exit(0)
        workers[number] = pid

    for number in range(PROCESSES):
        spawn(number)
    for kill in range(KILLS):
        end = time.monotonic() + random.uniform(0.004, 0.05)
        while time.monotonic() < end:
            failures += look()[1]
            reads += 1
            time.sleep(0.002)
        number = random.randrange(PROCESSES)
        os.kill(workers[number], signal.SIGKILL)
        os.waitpid(workers[number], 0)
        if kill % 25 == 0:
            acks = read_acks()
            records, torn = look()
            failures += torn or judge(acks, records, departed())
        spawn(number)
        if len(failures) > 50:
            break
    for pid in workers.values():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    acks = read_acks()
    store = Store(settings())
    store.load_task_status()
    records, torn = look()
    failures += torn or judge(acks, records, departed())
    tried = sum(words[0] == "try" for words in acks)
    if records[SHARED]["count"] > tried:
        failures.append(f"count {records[SHARED]['count']} of {tried} tried")
    kinds = Counter(words[0] for words in acks)
    sys.stderr.writelines(f"{' '.join(w)}\n" for w in acks if w[0] == "notsaved")
    json.dump({"kills": KILLS, "acks": kinds, "reads": reads, "failures": failures}, sys.stdout)


def departed() -> set[str]:
    return {task.id for task in Store(settings()).history()}


if __name__ == "__main__":
    main()
