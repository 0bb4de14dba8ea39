"""A worker: takes jobs from Redis, one at a time, each in a child process of its own.

RQ's worker forks a process for each job and renews the signs of life beside it; that process runs
the same child as the service would, and keeps what the child reports in the job's ``meta``. Beside
it two more of RQ's workers, in processes of their own, take the page's calls.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from rq import get_current_job

from files.errors import StorageError
from files.local import Local
from files.place import Place, open_place
from pipeline.child.calls import CALLS, OUT, files_of
from pipeline.child.supervise import CallResult, JobResult, broken, run_call, run_child
from pipeline.engine.inputs import (
    Stopped,
    bring,
    found,
    made_path,
    moved,
    patient,
    read_by,
    with_outputs,
)
from pipeline.engine.messages import SENT, queue_name
from pipeline.engine.model import LOST, SHUTDOWN
from pipeline.engine.processes import CallWorkers, JobWorker, worker_for
from pipeline.job.events import End, ErrorEvent, Event, ProgressEvent, ValueEvent, to_json
from pipeline.job.model import Job
from pipeline.limits import GivenLimits
from pipeline.reasons import CRASHED
from pipeline.scratch import scratch_folder, sweep
from pipeline.settings import Settings
from store import SettingsError

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 0.5
"""Between two writes of the progress."""
ASK_SECONDS = 1.0
"""Between two looks at whether the run is still wanted."""
ANSWER_BYTES = 2**20
"""The largest answer to a call: facts have some kilobytes, and their small picture 50 at most."""


def work(message: Mapping[str, Any], limits: Mapping[str, Any], timeout: float, tag: str) -> None:
    """One job, in RQ's process for it: in the service's outputs folder, or in one of its own where
    the service's files are in a bucket."""
    job = Job.from_json(message)
    if job.out.is_absolute():
        if not job.out.is_dir():
            raise FileNotFoundError(f"{_NOT_HERE}: {job.out}")
        _work(job, Local(), Path("/"), limits, timeout, tag)
        return
    with _own_folder() as (files, folder):
        job = moved(job, folder.joinpath)
        job.out.mkdir(parents=True)
        _work(job, files, folder, limits, timeout, tag)


def answer(
    name: str,
    arguments: Mapping[str, Any],
    limits: Mapping[str, Any],
    timeout: float,
    outputs: str | None,
) -> None:
    """One call for the page, in RQ's process for it. Its files are named from the service's outputs
    folder, which is to be this machine's as well; None: they are in a bucket."""
    if name not in CALLS:
        raise ValueError(f"no such call: {name!r}")
    if outputs is None:
        with _own_folder() as (files, folder):
            _answer(name, arguments, files, folder, limits, timeout)
        return
    own = Settings().outputs
    if outputs != str(own) or not own.is_dir():
        raise FileNotFoundError(f"{_NOT_HERE}: {outputs} (RETRACK_OUTPUTS is {own})")
    _answer(name, arguments, Local(), own, limits, timeout)


_NOT_HERE = "the service's outputs folder is not on this machine"


@contextmanager
def _own_folder() -> Iterator[tuple[Place, Path]]:
    """A folder for files of the bucket, in the place of the outputs folder."""
    url = Settings().storage_url
    if not url:
        raise SettingsError("the service's files are in a bucket: set RETRACK_STORAGE_URL here too")
    with scratch_folder() as folder:
        yield open_place(url, folder), folder


class _Run:
    """What this process works on, as Redis has it."""

    def __init__(self) -> None:
        run = get_current_job()
        if run is None:
            raise RuntimeError("this runs in a worker only")
        self._run, self._worker = run, os.getppid()
        self.name = run.id
        self._asked = self._noted = 0.0
        run.meta = {"events": [], "progress": None}

    def report(self, event: Event | End) -> None:
        """Keeps what the service is to know."""
        if not isinstance(event, ProgressEvent):
            self._run.meta["events"].append(to_json(event))
        elif time.monotonic() - self._noted < PROGRESS_SECONDS:
            return
        else:
            self._noted = time.monotonic()
            self._run.meta["progress"] = to_json(event)
        self._run.save_meta()

    def stop(self) -> str | None:
        """Why the work is to end."""
        if JobWorker.stopping:
            return SHUTDOWN
        if os.getppid() != self._worker:
            return LOST  # the worker was killed, so that nobody gives signs of life
        if time.monotonic() - self._asked < ASK_SECONDS:
            return None
        self._asked = time.monotonic()
        if self._run.connection.hexists(self._run.key, SENT):
            return None
        self._run.connection.delete(self._run.key)  # what was reported, and what RQ noted, since
        return LOST

    def lost(self) -> bool:
        """Whether nobody waits for it any more."""
        self._asked = 0.0
        return self.stop() == LOST

    def leave(self, tag: str) -> NoReturn:
        """Ends this process past RQ, which would write the run anew."""
        log.warning("[%s] nobody waits for this run any more", tag)
        os._exit(0)


def _work(
    job: Job, files: Place, root: Path, limits: Mapping[str, Any], timeout: float, tag: str
) -> None:
    """Runs the job below ``root``, and reports it with results that the service can find."""
    run = _Run()
    put = patient(files.publish, run.stop, timeout)

    def sent(path: Path) -> Path:
        if not files.remote:
            return path
        put(path)
        return path.relative_to(root)

    def report(event: Event | End) -> None:
        run.report(with_outputs(event, sent))

    try:
        fetch = patient(files.fetch, run.stop, timeout)
        result: JobResult = bring(read_by(job), fetch) or run_child(
            {"kind": "job", "job": job.to_json()},
            report,
            stop=run.stop,
            timeout=timeout,
            tag=tag,
            opens=(job.dance, job.reference),
            settings=GivenLimits(**limits),
        )
        if files.remote and result.outcome is not None:
            with suppress(FileNotFoundError):
                put(job.out / "evidence.json")
    except Stopped as stopped:
        result = JobResult(reason=str(stopped))
    except StorageError as error:
        log.warning("[%s] %s", tag, error)
        result = broken(error)
    if result.reason == LOST or (files.remote and run.lost()):
        files.remove_folder(job.out)
        if files.remote:
            shutil.rmtree(root, ignore_errors=True)
        run.leave(tag)
    failed = ErrorEvent(result.reason or "", result.role, result.text, result.detail)
    report(result.outcome or failed)


def _answer(
    name: str,
    arguments: Mapping[str, Any],
    files: Place,
    root: Path,
    limits: Mapping[str, Any],
    timeout: float,
) -> None:
    """Makes the call below ``root``; what it writes stands in a folder of this run."""
    run = _Run()
    given = found(arguments, root)
    made = made_path(Path(given[OUT]), run.name) if OUT in given else None
    if made is not None:
        given[OUT] = str(made)
    try:
        fetch = patient(files.fetch, run.stop, timeout)
        result = bring(files_of(given), fetch) or run_call(
            name, given, stop=run.stop, timeout=timeout, limits=GivenLimits(**limits)
        )
        if made is not None and result.outcome is not None:
            patient(files.publish, run.stop, timeout)(made)
            result = CallResult(outcome={})
    except Stopped as stopped:
        result = CallResult(reason=str(stopped))
    except StorageError as error:
        log.warning("[%s] %s", name, error)
        result = broken(error)
    if result.outcome is not None and len(json.dumps(result.outcome)) > ANSWER_BYTES:
        text = f"the answer has more than {ANSWER_BYTES} bytes"
        result = CallResult(reason=CRASHED, text=text)
    lost = result.reason == LOST or run.lost()
    if made is not None and (lost or result.outcome is None):
        shutil.rmtree(made.parent, ignore_errors=True)
        files.remove_folder(made.parent)
    if lost:
        if files.remote:
            shutil.rmtree(root, ignore_errors=True)
        run.leave(name)
    failed = ErrorEvent(result.reason or "", result.role, result.text, result.detail)
    run.report(failed if result.outcome is None else ValueEvent(result.outcome))


def run_worker(settings: Settings) -> None:
    """Takes jobs and calls until SIGTERM or Ctrl-C; raises ``SettingsError``."""
    sweep()
    beside = CallWorkers(settings)
    beside.keep()  # before this process has a connection that they would hold open
    worker = worker_for(settings, queue_name())
    worker.beside = beside
    worker.work(logging_level=settings.log_level)
