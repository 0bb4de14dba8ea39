"""Jobs and calls on workers that take them from Redis: the service's side.

The queue stays in the task file. Redis holds only what is in flight, and the service alone judges
whether a worker is dead, so that a Redis that lost everything loses no task.
"""

from __future__ import annotations

import logging
import math
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import InvalidJobOperation
from rq.job import Job as RqJob
from rq.serializers import JSONSerializer
from rq.utils import as_text
from rq.worker import WorkerStatus

from files.place import Place
from pipeline.child.calls import OUT, files_of
from pipeline.child.supervise import CallResult, ChildResult, JobResult, broken, ended, noted
from pipeline.engine.inputs import (
    Stop,
    Stopped,
    bring,
    made_path,
    moved,
    named,
    never,
    patient,
    read_by,
    with_outputs,
)
from pipeline.engine.messages import (
    KEPT_SECONDS,
    QUEUE_PREFIX,
    SENT,
    call_queues,
    queue_name,
    redis_of,
)
from pipeline.engine.model import DETACHED, INTERRUPTED, SHUTDOWN, Workers
from pipeline.engine.seen import RunState, lately
from pipeline.job.events import ErrorEvent, Report, ValueEvent, from_json
from pipeline.job.model import Job, Outcome
from pipeline.limits import limits_to_json
from pipeline.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4
"""Between two looks at a run."""
CALL_LOOK_SECONDS = 0.1
"""Between two looks at a call, for which somebody waits."""
LATE_SECONDS = 60
"""How long after the child's own limit RQ ends a process that has not ended."""
AWAY_SECONDS = 1.0
"""Between two attempts to reach a Redis that is away."""
CALL_KEPT_SECONDS = 60
"""How long Redis keeps a call's answer that no service has taken."""
WORK = "pipeline.engine.worker.work"
ANSWER = "pipeline.engine.worker.answer"


class Remote:
    """The workers behind the broker of the settings, as an engine."""

    outlives = True

    def __init__(self, settings: Settings, files: Place) -> None:
        self._settings = settings
        self._files = files
        self._redis = redis_of(settings, socket_timeout=5, retry=Retry(NoBackoff(), 1))
        self._queue = self._queue_of(queue_name())
        self._calls = {quick: self._queue_of(name) for quick, name in call_queues().items()}
        self._away = False

    def _queue_of(self, name: str) -> Queue:
        return Queue(name, connection=self._redis, serializer=JSONSerializer)

    def _run_of(self, name: str, queue: Queue) -> RqJob:
        run = RqJob(name, connection=self._redis, serializer=JSONSerializer)
        run.origin = queue.name
        return run

    def look(self) -> Workers:
        """The workers that gave a sign of life of late."""
        try:
            keys = Worker.all_keys(connection=self._redis)
            with self._redis.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.hmget(key, "queues", "state", "last_heartbeat")
                pipe.llen(self._queue.key)
                *found, waiting = pipe.execute()
        except RedisError as error:
            self._note(error)
            return Workers(0, 0, trouble=True)
        self._note(None)
        there = [(as_text(queue), state) for queue, state, sign in found if queue and lately(sign)]
        ours = [state for queue, state in there if queue == self._queue.name]
        others = sum(queue.startswith(QUEUE_PREFIX) for queue, _ in there) - len(ours)
        free = sum(state != WorkerStatus.BUSY.encode() for state in ours) - waiting
        return Workers(len(ours), max(0, free), outdated=others)

    def execute(
        self,
        job: Job,
        report: Report,
        *,
        stop: Callable[[], str | None],
        timeout: float,
        tag: str,
    ) -> JobResult:
        """Sends the job, or follows it where it was sent before; see ``Execute``."""
        run = self._run_of(job.out.name, self._queue)

        def stop_here() -> str | None:
            reason = stop()
            return DETACHED if reason == SHUTDOWN else reason

        try:
            if not job.scratch.exists():
                job.scratch.mkdir()  # says that the run was sent, whatever becomes of Redis
                missing = self._send(job, run, stop_here, timeout, tag)
                if missing is not None:
                    return missing
            told = patient(report, stop_here, timeout)
            return self._follow(run, told, stop_here, tag, LOOK_SECONDS)
        except Stopped as stopped:
            return self._stopped(run, str(stopped))

    def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        quick: bool,
        timeout: float,
        settings: Settings,
    ) -> CallResult:
        """Asks a worker, and once more when that one died; see ``Engine``."""

        def ask() -> CallResult:
            if self._files.remote:
                publish = patient(self._files.publish, never, timeout)
                missing = bring(files_of(arguments), publish)
                if missing is not None:
                    return missing
            until, died = time.monotonic() + timeout + LATE_SECONDS, 0
            while True:
                result = self._ask(name, arguments, self._calls[quick], timeout, until, settings)
                died += result.reason == INTERRUPTED
                if result.reason not in (SHUTDOWN, INTERRUPTED):
                    return result
                if died > 1 or time.monotonic() > until:
                    return CallResult(reason=INTERRUPTED, text="no worker has answered")
                time.sleep(AWAY_SECONDS)  # given back, forgotten, or not taken

        return noted(name, arguments, ask, settings)

    def _ask(
        self,
        name: str,
        arguments: Mapping[str, Any],
        queue: Queue,
        timeout: float,
        until: float,
        settings: Settings,
    ) -> CallResult:
        """Asks once. What a worker made becomes the call's file here."""
        run = self._run_of(uuid.uuid4().hex, queue)
        outputs = self._settings.outputs
        given = named(arguments, outputs)
        folder = None if self._files.remote else str(outputs)
        seconds = math.ceil(timeout) + LATE_SECONDS
        try:
            queue.enqueue_call(
                ANSWER,
                args=(name, given, limits_to_json(settings), timeout, folder),
                timeout=seconds,
                ttl=seconds,
                result_ttl=CALL_KEPT_SECONDS,
                failure_ttl=CALL_KEPT_SECONDS,
                description=name,
                job_id=run.id,
            )
        except RedisError as error:
            self._note(error)

        def stop() -> str | None:
            return INTERRUPTED if time.monotonic() > until else None

        made = made_path(Path(arguments[OUT]), run.id) if OUT in arguments else None
        try:
            result = self._follow(run, lambda event: None, stop, name, CALL_LOOK_SECONDS)
            if made is None or result.outcome is None:
                return result
            patient(self._files.fetch, stop, timeout)(made)
            made.replace(arguments[OUT])
            return CallResult(outcome={OUT: arguments[OUT]})
        except Stopped as stopped:
            return CallResult(reason=str(stopped))
        except OSError as error:
            log.warning("[%s] what a worker made cannot be had: %s", name, error)
            return broken(error)
        finally:
            if made is not None:
                shutil.rmtree(made.parent, ignore_errors=True)
                self._files.remove_folder(made.parent)

    def _follow(
        self,
        run: RqJob,
        report: Report,
        stop: Callable[[], str | None],
        tag: str,
        look_seconds: float,
    ) -> ChildResult[Any]:
        """Hands on what the run's worker reports until it ends, or ``stop()`` names a reason. Its
        end is SHUTDOWN when it went back, and INTERRUPTED when its worker died."""
        heard, told = time.monotonic(), 0
        last: tuple[str, bytes | None] | None = None
        progress: dict[str, Any] | None = None
        while True:
            reason = stop()
            if reason is not None:
                return self._stopped(run, reason)
            try:
                state = RunState(self._redis.hgetall(run.key))
                self._note(None)
            except RedisError as error:
                self._note(error)
                heard = time.monotonic()  # nobody can be heard just now
                time.sleep(AWAY_SECONDS)
                continue
            said = state.events[told:]
            told += len(said)
            if state.progress is not None and state.progress != progress:
                progress = state.progress
                said.append(progress)
            try:
                # A worker that shares no folder names its results as the bucket does.
                outputs = self._settings.outputs
                events = [with_outputs(from_json(data), outputs.joinpath) for data in said]
            except (KeyError, TypeError) as error:  # a worker of the version before goes on
                log.warning("[%s] its worker is of another version: %r", tag, error)
                self._forget(run)
                return ChildResult(reason=SHUTDOWN)
            for event in events:
                if isinstance(event, Outcome | ValueEvent | ErrorEvent):
                    self._forget(run)
                    return ended(event)
                with self._wanted(run):
                    report(event)
            if state.sign != last:
                heard, last = time.monotonic(), state.sign
            reason = state.end(time.monotonic() - heard)
            if reason is not None:
                log.warning("[%s] its worker is gone (%s)", tag, reason)
                self._forget(run)
                return ChildResult(reason=reason)
            time.sleep(look_seconds)

    def _stopped(self, run: RqJob, reason: str) -> ChildResult[Any]:
        if reason != DETACHED:
            self._forget(run)  # its worker sees that, and ends the child
        return ChildResult(reason=reason)

    @contextmanager
    def _wanted(self, run: RqJob) -> Iterator[None]:
        """Forgets the run where handing on its report fails: nobody will ask for it again. Raises
        ``Stopped`` where a result went while it was handed on, since Redis has lost the run: then
        its worker takes away what it made.
        """
        try:
            yield
        except Stopped:  # what is stopped is ended by whoever catches this
            raise
        except FileNotFoundError:
            lost = self._is_lost(run)
            self._forget(run)
            if lost:
                raise Stopped(SHUTDOWN) from None
            raise
        except BaseException:
            self._forget(run)
            raise

    def _send(self, job: Job, run: RqJob, stop: Stop, timeout: float, tag: str) -> JobResult | None:
        """Puts the job in the queue once. Whether that succeeded is seen from what Redis has
        afterwards, so an error of Redis is only noted.

        Returns how the job ends when its inputs cannot be put where workers find them, else None.
        """
        if self._files.remote:
            missing = bring(read_by(job), patient(self._files.publish, stop, timeout))
            if missing is not None:
                return missing
            job = moved(job, lambda path: path.relative_to(self._settings.outputs))
        try:
            if self._files.remote and self._redis.hexists(run.key, SENT):
                return None  # the disk was lost meanwhile, and what says that it was sent
            self._queue.enqueue_call(
                WORK,
                args=(job.to_json(), limits_to_json(self._settings), timeout, tag),
                timeout=math.ceil(timeout) + LATE_SECONDS,
                result_ttl=KEPT_SECONDS,
                failure_ttl=KEPT_SECONDS,
                description=tag,
                job_id=run.id,
            )
        except RedisError as error:
            self._note(error)
        return None

    def _is_lost(self, run: RqJob) -> bool:
        """Whether Redis has forgotten the run by itself."""
        try:
            return not self._redis.hexists(run.key, SENT)
        except RedisError as error:
            self._note(error)
            return False

    def _forget(self, run: RqJob) -> None:
        try:
            try:
                run.delete()
            except ValueError:  # of those whom RQ had found at work on it, one ended meanwhile
                self._redis.delete(run.execution_registry.key)
                run.delete()
        except RedisError as error:  # it leaves by itself after a day
            self._note(error)
        except InvalidJobOperation:  # forgotten already
            pass

    def _note(self, error: RedisError | None) -> None:
        """A line in the log when Redis goes away, and one when it is back."""
        if (error is not None) == self._away:
            return
        self._away = error is not None
        if error is not None:
            log.warning("Redis cannot be reached, tried again: %s", error)
        else:
            log.info("Redis is back")
