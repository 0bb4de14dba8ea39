"""The processes of a worker: RQ's for jobs, and beside it RQ's for the page's calls."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import ForkProcess
from typing import Any

from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from rq import Queue, Worker, worker_registration
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from pipeline.engine.messages import HEARTBEAT_SECONDS, SENT, call_queues, redis_of
from pipeline.settings import Settings

IDLE_SECONDS = 5
"""Between two signs of life of a worker without a job."""
GIVE_BACK_SECONDS = 5.0
"""So long a job that was stopped may go on fetching or sending a file."""
STOP_SECONDS = 8.0
"""A worker that was stopped is gone after so long, whether Redis answers or not."""
WATCH_SECONDS = 1.0
"""Between two looks at whether the worker lives that started this one."""


class JobWorker(Worker):
    """RQ's worker, which ends its job at once when it is stopped and survives an emptied Redis."""

    stopping = False
    """Whether this process was told to stop: the worker, or RQ's process for a job."""
    beside: CallWorkers | None = None

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """A sign of life, with all that a Redis that was emptied has forgotten."""
        if self.beside is not None and not self.is_horse and not JobWorker.stopping:
            self.beside.keep()
        super().heartbeat(timeout, pipeline)
        if self.birth_date is not None:
            known = {**self.serialize(), "state": self._state}
            (pipeline or self.connection).hset(self.key, mapping=known)
            worker_registration.register(self, pipeline)

    def handle_warm_shutdown_request(self) -> None:
        """Ends the running job at once: a task may take hours, and a machine waits for seconds."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        JobWorker.stopping = True
        if self.beside is not None:
            self.beside.stop()
        self._stop_job()
        _later(STOP_SECONDS, self.end)

    def fork_work_horse(self, job: RqJob, queue: Queue) -> None:
        """Starts RQ's process for the job; a stop that came meanwhile reaches it too."""
        super().fork_work_horse(job, queue)
        if JobWorker.stopping:
            self._stop_job()

    def setup_work_horse_signals(self) -> None:
        """In RQ's process for a job: SIGTERM ends the child and gives the job back."""
        super().setup_work_horse_signals()  # type: ignore[no-untyped-call]

        def note(*_: object) -> None:
            JobWorker.stopping = True
            _later(GIVE_BACK_SECONDS, self._give_back)

        signal.signal(signal.SIGTERM, note)

    def _give_back(self) -> None:
        """Ends a job whose file takes too long; without what the service has sent it counts as
        forgotten, so that the attempt is not counted."""
        run = self.get_current_job_id()
        if run is not None:
            self.connection.hdel(RqJob.key_for(run), SENT)
        os._exit(0)

    def _stop_job(self) -> None:
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def end(self) -> None:
        """Ends this process and its job at once."""
        if self.horse_pid:
            self.kill_horse()
        os._exit(0)


def _later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


class CallWorkers:
    """A worker for each queue of calls, in processes that end with this one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queues = tuple(call_queues().values())
        self._running: dict[str, ForkProcess] = {}

    def keep(self) -> None:
        """Starts those that do not run."""
        for queue in self._queues:
            if queue not in self._running or not self._running[queue].is_alive():
                given = (self._settings, queue, os.getpid())
                self._running[queue] = ForkProcess(target=_take_calls, args=given, daemon=True)
                self._running[queue].start()

    def stop(self) -> None:
        """Stops them as this worker is stopped."""
        for process in self._running.values():
            process.terminate()


def _take_calls(settings: Settings, queue: str, parent: int) -> None:
    worker = worker_for(settings, queue)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        worker.end()

    threading.Thread(target=watch, daemon=True).start()
    worker.work(logging_level=settings.log_level)


def worker_for(settings: Settings, queue: str) -> JobWorker:
    """A worker for one queue; raises ``SettingsError``."""
    connection = redis_of(
        settings,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), -1),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    return JobWorker(
        [queue],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=IDLE_SECONDS + 15,  # RQ gives signs of life so much earlier
        job_monitoring_interval=HEARTBEAT_SECONDS,
    )
