"""Faults at random instants while tasks run on workers: each task has one right end."""

from __future__ import annotations

import itertools
import logging
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from files import bucket as buckets
from files.objects import Objects
from pipeline.media import ffmpeg
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import Store, Task
from tests.files.conftest import S3, keys
from tests.pipeline.engine.conftest import Broker, children_of
from tests.pipeline.running.services import start_service
from tests.waiting import PATIENCE_SECONDS, until

log = logging.getLogger(__name__)

SHORT = 3
LONG = int(os.environ.get("STORM_FAULTS", "120"))
TASKS = 2
"""That are under way or wait at any time."""
LONGEST_SECONDS = 1200.0
"""For the end of what a storm left."""

pytestmark = pytest.mark.timeout(7200)  # the long form; the short one takes a minute or two


class Storm:
    """The parts that faults befall, and how often each did."""

    def __init__(self, broker: Broker, seed: int, bucket: S3 | None = None) -> None:
        self.broker = broker
        self.bucket = bucket
        self.chance = random.Random(seed)
        self.service = start_service()
        self.frozen: list[subprocess.Popen[bytes]] = []
        self.counts: Counter[str] = Counter()
        self.running: list[str] = []
        """Tasks that have not ended."""
        self.struck: Counter[str] = Counter()
        """How often a task's worker was killed or frozen: so many attempts may count, besides the
        one that ended it."""

    def strike(self) -> None:
        """One fault."""
        faults: tuple[Callable[[], None], ...] = (
            self.kill_worker,
            self.stop_worker,
            self.freeze_worker,
            self.thaw_workers,
            self.kill_service,
            self.stop_service,
            self.empty_redis,
            self.restart_redis,
            *((self.break_bucket, self.lose_disk) if self.bucket else ()),
        )
        fault = self.chance.choice(faults)
        log.info("fault: %s", fault.__name__)
        fault()
        self.counts[fault.__name__] += 1

    def _worker(self) -> subprocess.Popen[bytes]:
        return self.chance.choice([one for one in self.broker.workers if one.poll() is None])

    def kill_worker(self) -> None:
        worker = self._worker()
        self._note(worker)
        worker.kill()
        worker.wait()

    def _note(self, worker: subprocess.Popen[bytes]) -> None:
        """Stops a worker, so that it takes nothing more, and notes its task; each one that it might
        have, when it has no child for any."""
        worker.send_signal(signal.SIGSTOP)
        until(lambda: psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED, "the stop")
        above = {
            task_id: {parent.pid for child in children_of(task_id) for parent in child.parents()}
            for task_id in self.running
        }
        its = [task_id for task_id, pids in above.items() if worker.pid in pids]
        self.struck.update(its or self.running)

    def stop_worker(self) -> None:
        self._worker().terminate()

    def freeze_worker(self) -> None:
        worker = self._worker()
        self._note(worker)
        self.frozen.append(worker)

    def thaw_workers(self) -> None:
        for worker in self.frozen:
            worker.send_signal(signal.SIGCONT)
        self.frozen.clear()

    def kill_service(self) -> None:
        self._restart_service(signal.SIGKILL)

    def stop_service(self) -> None:
        self._restart_service(signal.SIGTERM)

    def _restart_service(self, end: signal.Signals) -> None:
        self.service.send_signal(end)
        self.service.wait(timeout=PATIENCE_SECONDS)
        self.service = start_service()

    def empty_redis(self) -> None:
        self.broker.client.flushall()

    def restart_redis(self) -> None:
        self.broker.kill_redis()
        time.sleep(self.chance.uniform(0, 3))
        self.broker.start_redis()

    def break_bucket(self) -> None:
        """Answers 500 or 412 to every second request for some seconds."""
        assert self.bucket is not None
        status, answers = self.chance.choice([500, 412]), itertools.count()
        self.bucket.fault = lambda environ: status * (next(answers) % 2)
        time.sleep(self.chance.uniform(0, 5))
        self.bucket.well()

    def lose_disk(self) -> None:
        """The service stops, and starts again on an empty disk."""
        settings = Settings()
        objects = Objects(settings.storage_url)
        sent = (path for path in settings.outputs.glob("uploads/*/[dr]*.m*"))
        names = {path.relative_to(settings.outputs).as_posix() for path in sent}
        until(lambda: names <= {one.key for one in objects.list("uploads")}, "the uploads")
        self.service.terminate()
        self.service.wait(timeout=PATIENCE_SECONDS)
        shutil.rmtree(settings.outputs)
        self.service = start_service()


@pytest.fixture(params=[SHORT, pytest.param(LONG, marks=pytest.mark.faults)])
def faults(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_each_task_has_one_right_end(
    broker: Broker, settings: Settings, short_pair: tuple[Path, Path], faults: int
) -> None:
    weather(broker, settings, short_pair, faults)


@pytest.mark.faults
def test_each_task_has_one_right_end_with_a_bucket_and_no_shared_folder(
    apart: Broker, s3: S3, short_pair: tuple[Path, Path]
) -> None:
    settings = Settings()
    store = weather(apart, settings, short_pair, LONG, s3)
    named = {
        Path(task.extra[key]).name
        for task in store.snapshot().tasks
        for key in ("v2_output", "modular_output")
        if task.extra.get(key)
    }
    objects = Objects(settings.storage_url)
    time.sleep(buckets.CLOCKS_SECONDS)  # what is younger might be of an attempt that has just begun
    service = start_service()  # which cleans up at its start
    until(lambda: not any("/attempt-" in key for key in keys(objects)), "the cleanup")
    service.terminate()
    service.wait(timeout=PATIENCE_SECONDS)
    films = {key.rpartition("/")[2] for key in keys(objects)}
    assert {name for name in films if "_v2." in name or "_modular." in name} == named


def weather(
    broker: Broker,
    settings: Settings,
    short_pair: tuple[Path, Path],
    faults: int,
    bucket: S3 | None = None,
) -> Store:
    """Faults while tasks run; in the end each task has one right end."""
    store = Store(settings, FORM)
    seed = random.randrange(10**6)
    log.info("seed %d", seed)
    storm = Storm(broker, seed, bucket)
    tasks: list[str] = []
    try:
        for _ in range(faults):
            running = [task_id for task_id in tasks if not _task(store, task_id).finished]
            for _ in range(TASKS - len(running)):
                made = submit(
                    store, settings, *short_pair, dance_name="a.mp4", reference_name="b.m4a"
                )
                tasks.append(made.id)
            broker.need_workers(2)
            time.sleep(storm.chance.uniform(0.5, 4))
            storm.running = [one for one in tasks if not _task(store, one).finished]
            storm.strike()
        storm.thaw_workers()

        def all_ended() -> bool:
            broker.need_workers(2)  # who was stopped while it was frozen ends now
            return all(_task(store, task_id).finished for task_id in tasks)

        until(all_ended, "all ends", LONGEST_SECONDS)
        for task_id in tasks:
            _check_end(store, settings, task_id, storm.struck[task_id])
        ends = Counter(_task(store, task_id).status for task_id in tasks)
        log.info("faults %s; ends %s", dict(storm.counts), dict(ends))
        return store
    finally:
        storm.thaw_workers()
        with suppress(ProcessLookupError):
            storm.service.terminate()
        storm.service.wait(timeout=PATIENCE_SECONDS)


def _task(store: Store, task_id: str) -> Task:
    task = store.get(task_id)
    assert task is not None, "a task is lost"
    return task


def _check_end(store: Store, settings: Settings, task_id: str, struck: int) -> None:
    """A whole single result, or three attempts that the storm broke off; nothing left of the work.

    A bucket that failed, a service that ended, a worker that was told to stop and a Redis that lost
    everything count no attempt.
    """
    task = _task(store, task_id)
    assert task.attempts <= 3
    assert task.attempts - (task.status == "success") <= struck, "an attempt counted for nothing"
    if task.status == "success":
        for key in ("v2_output", "modular_output"):
            path = store.safe_path(task.extra[key])
            assert path is not None and store.files.fetch(path)
            assert path.stat().st_size == task.extra[f"{key[:-7]}_size"]
            ffmpeg.run(["-v", "error", "-xerror", "-i", ffmpeg.file_url(path), "-f", "null", "-"])
    else:
        assert (task.reason, task.attempts) == ("interrupted", 3)
    until(lambda: not children_of(task_id), "the children's end")
    results = settings.outputs / "results" / task_id
    made = {path.name for path in results.glob("*.mp4")}
    outputs = [task.extra.get(f"{kind}_output") for kind in ("v2", "modular")]
    assert made == {Path(one).name for one in outputs if one} or task.status == "failed"
    until(lambda: not list(results.glob("attempt-*")), "the removal of the work's folder")
