"""A worker: takes jobs from Redis, one at a time, each in a child process of its own.

RQ's worker forks a process for each job and renews the signs of life beside it; that process runs
the same child as the service would, and keeps what the child reports in the job's ``meta``.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry
from rq import Queue, Worker, get_current_job, worker_registration
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer

from files.errors import StorageError
from files.local import Local
from files.place import Place, open_place
from pipeline.child.supervise import JobResult, broken, run_child
from pipeline.engine.inputs import Stopped, bring, moved, patiently, with_outputs
from pipeline.engine.messages import HEARTBEAT_SECONDS, SENT, queue_name, redis_of
from pipeline.engine.model import LOST, SHUTDOWN
from pipeline.job.events import End, ErrorEvent, Event, ProgressEvent, to_json
from pipeline.job.model import Job
from pipeline.limits import GivenLimits
from pipeline.scratch import scratch_folder, sweep
from pipeline.settings import Settings
from store import SettingsError

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
"""Between two writes of the progress."""
ASK_SECONDS = 1.0
"""Between two looks at whether the run is still wanted."""
IDLE_SECONDS = 5
"""Between two signs of life of a worker without a job."""
GIVE_BACK_SECONDS = 5.0
"""So long a job that was stopped may go on fetching or sending a file."""
STOP_SECONDS = 8.0
"""A worker that was stopped is gone after so long, whether Redis answers or not."""


def work(message: Mapping[str, Any], limits: Mapping[str, Any], timeout: float, tag: str) -> None:
    """One job, in RQ's process for it: in the service's outputs folder, or in one of its own where
    the service's files are in a bucket."""
    job = Job.from_json(message)
    if job.out.is_absolute():
        if not job.out.is_dir():
            text = "the service's outputs folder is not on this machine"
            raise FileNotFoundError(f"{text}: {job.out}")
        _work(job, Local(), Path("/"), limits, timeout, tag)
        return
    url = Settings().storage_url
    if not url:
        raise SettingsError("the service's files are in a bucket: set RETRACK_STORAGE_URL here too")
    with scratch_folder() as folder:
        job = moved(job, folder.joinpath)
        job.out.mkdir(parents=True)
        _work(job, open_place(url, folder), folder, limits, timeout, tag)


def _work(
    job: Job, files: Place, root: Path, limits: Mapping[str, Any], timeout: float, tag: str
) -> None:
    """Runs the job below ``root``, and reports it with results that the service can find."""
    run, worker = get_current_job(), os.getppid()
    if run is None:
        raise RuntimeError("this runs in a worker only")
    run.meta = {"events": [], "progress": None}
    asked = noted = 0.0

    def sent(path: Path) -> Path:
        if not files.remote:
            return path
        patiently(partial(files.publish, path), stop, timeout)
        return path.relative_to(root)

    def report(event: Event | End) -> None:
        nonlocal noted
        event = with_outputs(event, sent)
        if not isinstance(event, ProgressEvent):
            run.meta["events"].append(to_json(event))
        elif time.monotonic() - noted < PROGRESS_SECONDS:
            return
        else:
            noted = time.monotonic()
            run.meta["progress"] = to_json(event)
        run.save_meta()

    def stop() -> str | None:
        nonlocal asked
        if JobWorker.stopping:
            return SHUTDOWN
        if os.getppid() != worker:
            return LOST  # the worker was killed, so that nobody gives signs of life
        if time.monotonic() - asked < ASK_SECONDS:
            return None
        asked = time.monotonic()
        if run.connection.hexists(run.key, SENT):
            return None
        run.connection.delete(run.key)  # what was reported, and what RQ noted, since
        return LOST

    try:
        result: JobResult = bring(job, files.fetch, stop, timeout) or run_child(
            {"kind": "job", "job": job.to_json()},
            report,
            stop=stop,
            timeout=timeout,
            tag=tag,
            opens=(job.dance, job.reference),
            settings=GivenLimits(**limits),
        )
        if files.remote and result.outcome is not None:
            with suppress(FileNotFoundError):
                sent(job.out / "evidence.json")
    except Stopped as stopped:
        result = JobResult(reason=str(stopped))
    except StorageError as error:
        log.warning("[%s] %s", tag, error)
        result = broken(error)
    asked = 0.0
    if result.reason == LOST or (files.remote and stop() == LOST):
        log.warning("[%s] nobody waits for this run any more", tag)
        files.remove_folder(job.out)
        if files.remote:
            shutil.rmtree(root, ignore_errors=True)
        os._exit(0)  # past RQ, which would write the run anew
    failed = ErrorEvent(result.reason or "", result.role, result.text, result.detail)
    report(result.outcome or failed)


class JobWorker(Worker):
    """RQ's worker, which ends its job at once when it is stopped and survives an emptied Redis."""

    stopping = False
    """Whether this process was told to stop: the worker, or RQ's process for a job."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """A sign of life, with all that a Redis that was emptied has forgotten."""
        super().heartbeat(timeout, pipeline)
        if self.birth_date is not None:
            known = {**self.serialize(), "state": self._state}
            (pipeline or self.connection).hset(self.key, mapping=known)
            worker_registration.register(self, pipeline)

    def handle_warm_shutdown_request(self) -> None:
        """Ends the running job at once: a task may take hours, and a machine waits for seconds."""
        super().handle_warm_shutdown_request()  # type: ignore[no-untyped-call]
        JobWorker.stopping = True
        self._stop_job()
        _later(STOP_SECONDS, self._end)

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

    def _end(self) -> None:
        if self.horse_pid:
            self.kill_horse()
        os._exit(0)


def _later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


def run_worker(settings: Settings) -> None:
    """Takes jobs until SIGTERM or Ctrl-C; raises ``SettingsError``."""
    connection = redis_of(
        settings,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), -1),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
    )
    worker = JobWorker(
        [queue_name()],
        connection=connection,
        serializer=JSONSerializer,
        worker_ttl=IDLE_SECONDS + 15,  # RQ gives signs of life so much earlier
        job_monitoring_interval=HEARTBEAT_SECONDS,
    )
    sweep()
    worker.work(logging_level=settings.log_level)
