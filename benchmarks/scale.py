"""What workers through Redis cost beside children of the service, how soon another begins, and what
an update costs in a file of 10,000 finished tasks.

    python -m benchmarks.scale [--tasks 12] [--places 2] [--rounds 2]

The built-in sample is handed in so many times before the service starts; rounds with children
(threads) and with workers alternate. The finished tasks are one of these, repeated. Needs
redis-server and requirements-workers.txt.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil

from pipeline.sample.pair import make_sample
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import Store, Task
from tests.pipeline.engine.conftest import Broker, children_of
from tests.pipeline.running.services import start_service
from tests.waiting import until

LONGEST_SECONDS = 1800.0
FINISHED, UPDATES = 10_000, 100

Pair = tuple[Path, Path]


@dataclass(frozen=True)
class Cost:
    """Of one round: processor seconds a task, and tasks a minute."""

    service: float
    workers: float
    jobs: float
    """The children, and with workers also RQ's process for each job."""
    rate: float

    def row(self, what: str) -> str:
        """A line of the table."""
        figures = f"{self.service:.3f} | {self.workers:.3f} | {self.jobs:.3f}"
        return f"| {what} | {figures} | {self.rate:.1f} |"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or ""))
    parser.add_argument("--tasks", type=int, default=12)
    parser.add_argument("--places", type=int, default=2, help="tasks that run at one time")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pair = make_sample(folder / "pair")
        broker = Broker(folder)
        os.environ["RETRACK_WORKERS"] = str(given.places)
        try:
            print(
                "| engine | service, CPU s a task | workers | jobs | tasks a minute |\n"
                "|---|---|---|---|---|",
                flush=True,
            )
            for number in range(given.rounds):
                for url in ("", broker.url):
                    outputs = folder / f"outputs{number}{bool(url)}"
                    workers = _workers(broker, outputs, url, given.places)
                    cost = _round(pair, given.tasks, workers)
                    print(cost.row("workers" if url else "children"), flush=True)
                    _end(workers)
            for end in (signal.SIGKILL, signal.SIGTERM):
                outputs = folder / f"outputs-{end.name}"
                workers = _workers(broker, outputs, broker.url, 2)
                seconds = _begins(pair, broker, end)
                print(f"after {end.name} another worker began within {seconds:.1f} s", flush=True)
                _end(workers)
            _large_file(outputs, folder / "large")
        finally:
            broker.close()


def _workers(broker: Broker, outputs: Path, url: str, places: int) -> list[subprocess.Popen[bytes]]:
    """Sets the environment of what is started from now on; starts workers where there is a URL."""
    outputs.mkdir()
    os.environ["RETRACK_OUTPUTS"] = str(outputs)
    os.environ["RETRACK_BROKER_URL"] = url
    broker.workers = []
    broker.environment = dict(os.environ)
    if url:
        broker.client.flushall()  # of the workers of the round before
        broker.need_workers(places)
        until(lambda: broker.client.scard("rq:workers") >= places, "the workers", LONGEST_SECONDS)
    return broker.workers


def _end(workers: Iterable[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.kill()
        worker.wait()


def _hand_in(pair: Pair, count: int) -> tuple[Store, list[str]]:
    settings = Settings()
    store = Store(settings, FORM)
    return store, [
        submit(store, settings, *pair, dance_name="a.mp4", reference_name="b.m4a").id
        for _ in range(count)
    ]


def _task(store: Store, task_id: str) -> Task:
    task = store.get(task_id)
    if task is None:
        raise RuntimeError("a task is lost")
    return task


def _round(pair: Pair, count: int, workers: Iterable[subprocess.Popen[bytes]]) -> Cost:
    store, tasks = _hand_in(pair, count)
    idle = sum(_own(worker.pid) for worker in workers)
    service = start_service()
    start = time.monotonic()
    begun = _own(service.pid)
    try:
        until(
            lambda: all(_task(store, task_id).finished for task_id in tasks),
            "the ends",
            LONGEST_SECONDS,
        )
        seconds = time.monotonic() - start
        ends = {_task(store, task_id).status for task_id in tasks}
        if ends != {"success"}:
            raise RuntimeError(f"tasks ended as {ends}")
        above = [worker.pid for worker in workers] or [service.pid]
        return Cost(
            service=(_own(service.pid) - begun) / count,
            workers=(sum(_own(worker.pid) for worker in workers) - idle) / count,
            jobs=sum(map(_below, above)) / count,
            rate=count / seconds * 60,
        )
    finally:
        service.terminate()
        service.wait()


def _begins(pair: Pair, broker: Broker, end: signal.Signals) -> float:
    """Seconds from the signal to a worker in the middle of a task until another has its child."""
    store, (task_id,) = _hand_in(pair, 1)
    service = start_service()
    try:
        until(lambda: children_of(task_id), "the child")
        first = children_of(task_id)[0]
        first.suspend()
        worker = broker.worker_of(task_id)
        start = time.monotonic()
        worker.send_signal(end)
        until(lambda: any(one != first for one in children_of(task_id)), "another child")
        seconds = time.monotonic() - start
        until(lambda: _task(store, task_id).finished, "the end", LONGEST_SECONDS)
        return seconds
    finally:
        service.terminate()
        service.wait()


def _large_file(finished: Path, outputs: Path) -> None:
    """Updates of one task more among ``FINISHED`` of those in another folder's file."""
    record = next(iter(orjson.loads((finished / "task_status.json").read_bytes()).values()))
    outputs.mkdir()
    ids = (str(uuid.UUID(int=number + 1, version=4)) for number in range(FINISHED))
    file = outputs / "task_status.json"
    file.write_bytes(orjson.dumps(dict.fromkeys(ids, record)))
    store = Store(Settings(outputs=outputs, broker_url=""), FORM)
    task_id = store.create().id
    spent = time.process_time()
    for turn in range(UPDATES):
        store.update(task_id, {"note": f"turn {turn}"})
    spent = 1000 * (time.process_time() - spent) / UPDATES
    size = file.stat().st_size / 1e6
    print(f"{FINISHED} finished tasks, {size:.1f} MB: {spent:.1f} CPU ms for a durable update")


def _own(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def _below(pid: int) -> float:
    """Of all processes that it started and that ended, with theirs."""
    times = psutil.Process(pid).cpu_times()
    return float(times.children_user + times.children_system)


if __name__ == "__main__":
    main()
