"""Jobs on workers that take them from Redis: the service's side.

The queue stays in the task file. Redis holds only what is in flight, and the service alone judges
whether a worker is dead, so that a Redis that lost everything loses no task.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import InvalidJobOperation
from rq.job import Job as RqJob
from rq.job import JobStatus
from rq.serializers import JSONSerializer
from rq.utils import as_text, now, utcparse
from rq.worker import WorkerStatus

from files.place import Place
from pipeline.child.supervise import JobResult, ended
from pipeline.engine.inputs import Stop, Stopped, bring, moved, patiently, with_outputs
from pipeline.engine.messages import (
    DEAD_SECONDS,
    KEPT_SECONDS,
    QUEUE_PREFIX,
    SENT,
    queue_name,
    redis_of,
)
from pipeline.engine.model import DETACHED, INTERRUPTED, SHUTDOWN, Workers
from pipeline.job.events import ErrorEvent, Report, ValueEvent, from_json
from pipeline.job.model import Job, Outcome
from pipeline.limits import limits_to_json
from pipeline.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4
"""Between two looks at a run."""
UNTAKEN_SECONDS = 30.0
"""A run that no worker has taken for so long goes back into the queue."""
LATE_SECONDS = 60
"""The child ends at its own limit; RQ ends a process that did not see to that."""
AWAY_SECONDS = 1.0
"""Between two attempts to reach a Redis that is away."""
WORK = "pipeline.engine.worker.work"


class Remote:
    """The workers behind the broker of the settings, as an engine."""

    outlives = True

    def __init__(self, settings: Settings, files: Place) -> None:
        self._settings = settings
        self._files = files
        self._redis = redis_of(settings, socket_timeout=5, retry=Retry(NoBackoff(), 1))
        self._queue = Queue(queue_name(), connection=self._redis, serializer=JSONSerializer)
        self._away = False

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
        there = [(as_text(queue), state) for queue, state, sign in found if queue and _lately(sign)]
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
        run = RqJob(job.out.name, connection=self._redis, serializer=JSONSerializer)
        run.origin = self._queue.name
        try:
            return self._follow(job, run, report, stop, timeout, tag)
        except Stopped as stopped:
            reason = str(stopped)
        if reason == SHUTDOWN:
            return JobResult(reason=DETACHED)
        self._forget(run)  # its worker sees that, and ends the child
        return JobResult(reason=reason)

    def _follow(
        self, job: Job, run: RqJob, report: Report, stop: Stop, timeout: float, tag: str
    ) -> JobResult:
        """Body of :meth:`execute`; raises ``Stopped``."""
        if not job.scratch.exists():
            job.scratch.mkdir()  # says that the run was sent, whatever becomes of Redis
            missing = self._send(job, run, stop, timeout, tag)
            if missing is not None:
                return missing
        heard, told = time.monotonic(), 0
        last: tuple[str, bytes | None] | None = None
        progress: dict[str, Any] | None = None
        while True:
            reason = stop()
            if reason is not None:
                raise Stopped(reason)
            try:
                state = _State(self._redis.hgetall(run.key))
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
                return JobResult(reason=SHUTDOWN)
            for event in events:
                if isinstance(event, Outcome | ValueEvent | ErrorEvent):
                    self._forget(run)
                    return ended(event)
                with self._wanted(run):
                    patiently(partial(report, event), stop, timeout)
            if state.sign != last:
                heard, last = time.monotonic(), state.sign
            reason = state.end(time.monotonic() - heard)
            if reason is not None:
                log.warning("[%s] its worker is gone (%s)", tag, reason)
                self._forget(run)
                return JobResult(reason=reason)
            time.sleep(LOOK_SECONDS)

    @contextmanager
    def _wanted(self, run: RqJob) -> Iterator[None]:
        """Nobody waits for a run any more whose report was not taken."""
        try:
            yield
        except Stopped:
            raise
        except BaseException:
            self._forget(run)
            raise

    def _send(self, job: Job, run: RqJob, stop: Stop, timeout: float, tag: str) -> JobResult | None:
        """Once: whether that succeeded is seen from what Redis has afterwards. How the job ends
        when its inputs cannot be put where workers find them."""
        if self._files.remote:
            missing = bring(job, self._files.publish, stop, timeout)
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

    def _forget(self, run: RqJob) -> None:
        try:
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


def _lately(sign: bytes | None) -> bool:
    """Whether a worker's last sign of life is a recent one."""
    if sign is None:
        return False
    return abs((now() - utcparse(as_text(sign))).total_seconds()) < DEAD_SECONDS


class _State:
    """A run as Redis has it now."""

    def __init__(self, fields: dict[bytes, Any]) -> None:
        self._fields = fields
        meta = JSONSerializer.loads(fields[b"meta"]) if b"meta" in fields else {}
        self.events: list[dict[str, Any]] = meta.get("events", [])
        self.progress: dict[str, Any] | None = meta.get("progress")
        self.status = fields.get(b"status", b"").decode()
        self.sign: tuple[str, bytes | None] = (self.status, fields.get(b"last_heartbeat"))
        """Changes with each sign of life."""

    def end(self, silent: float) -> str | None:
        """Why nobody works on it, after so many seconds without a new sign of life."""
        if SENT.encode() not in self._fields:
            return SHUTDOWN  # Redis has forgotten it
        if self.status == JobStatus.QUEUED:
            return SHUTDOWN if silent > UNTAKEN_SECONDS else None
        gone = self.status != JobStatus.STARTED or silent > DEAD_SECONDS
        return INTERRUPTED if gone else None
