"""A real Redis on a port of its own, and workers that are real processes."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.child.supervise import ROOT
from pipeline.running.runner import Runner
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import Store, Task
from tests.files.conftest import objects, s3, server, url
from tests.waiting import PATIENCE_SECONDS, until

__all__ = ["objects", "s3", "server", "url"]


def children_of(task_id: str) -> list[psutil.Process]:
    """The children that work on a task, wherever they were started."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = process.info["cmdline"] or []
        if "pipeline.child" in line and task_id in line and process.info["status"] != "zombie":
            found.append(process)
    return found


class Broker:
    """Redis and its workers; ``workers`` are those that were not stopped yet."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/0"
        self._command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", ""]
        self._command += ["--dir", str(folder)]
        self.workers: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "workers.log").open("ab")
        self.start_redis()

    def start_redis(self) -> None:
        """An empty Redis at the same address as before."""
        self._redis = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until(self._answers, "Redis")

    def kill_redis(self) -> None:
        """Ends Redis with all that it knew."""
        self._redis.kill()
        self._redis.wait()

    def _answers(self) -> bool:
        with socket.socket() as there:
            return there.connect_ex(("127.0.0.1", int(self.url.split(":")[2][:-2]))) == 0

    @property
    def client(self) -> Any:
        from redis import Redis

        return Redis.from_url(self.url)

    def need_workers(self, count: int) -> None:
        """Starts workers until so many run."""
        self.workers = [one for one in self.workers if one.poll() is None]
        while len(self.workers) < count:
            self.workers.append(
                subprocess.Popen(
                    [sys.executable, "-m", "pipeline.engine"],
                    cwd=ROOT,
                    env=self.environment,
                    stdout=self._log,
                    stderr=self._log,
                )
            )

    environment: dict[str, str]

    def worker_of(self, task_id: str) -> subprocess.Popen[bytes]:
        """The worker that works on a task."""
        above = [parent.pid for child in children_of(task_id) for parent in child.parents()]
        return next(one for one in self.workers if one.pid in above)

    def stop_workers(self) -> None:
        """Kills all workers, and waits for what ends with them."""
        for one in self.workers:
            with suppress(psutil.NoSuchProcess):
                beside = psutil.Process(one.pid).children(recursive=True)
                one.kill()
                assert not psutil.wait_procs(beside, timeout=PATIENCE_SECONDS)[1]
            one.wait()

    def close(self) -> None:
        self.stop_workers()
        self.kill_redis()
        self._log.close()


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (apt install redis-server)")
    pytest.importorskip("rq", reason="rq is not installed (requirements-workers.txt)")
    broker = Broker(tmp_path_factory.mktemp("redis"))
    yield broker
    broker.close()


@pytest.fixture
def broker(redis: Broker, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Two workers; services that are started now use them."""
    monkeypatch.setenv("RETRACK_BROKER_URL", redis.url)
    redis.environment = dict(os.environ)
    redis.need_workers(2)
    return redis


@pytest.fixture
def apart(
    redis: Broker, settings: Settings, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Broker:
    """Two workers, and an outputs folder that they do not have."""
    monkeypatch.setenv("RETRACK_STORAGE_URL", url)
    monkeypatch.setenv("RETRACK_BROKER_URL", redis.url)
    redis.environment = {**os.environ, "RETRACK_OUTPUTS": str(tmp_path / "nowhere")}
    redis.stop_workers()
    redis.need_workers(2)
    return redis


@pytest.fixture
def hand_in(settings: Settings, short_pair: tuple[Path, Path]) -> Callable[[Store], Task]:
    def put(store: Store) -> Task:
        return submit(store, settings, *short_pair, dance_name="a.mp4", reference_name="b.m4a")

    return put


@pytest.fixture
def service(settings: Settings) -> Iterator[Callable[[], Runner]]:
    """Starts a service in this process, with the engine that the environment names."""
    made: list[Runner] = []

    def start() -> Runner:
        now = Settings()
        store = Store(now, FORM).start(restore=not now.broker_url)
        runner = Runner(store, now)
        runner.start()
        made.append(runner)
        return runner

    yield start
    for runner in made:
        runner.stop()
        runner.store.close()
