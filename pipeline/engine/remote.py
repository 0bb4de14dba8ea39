"""Jobs on workers that take them from Redis: the service's side.

The queue stays in the task file. Redis holds only what is in flight, and the service alone judges
whether a worker is dead, so that a Redis that lost everything loses no task.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import InvalidJobOperation
from rq.job import Job as RqJob
from rq.job import JobStatus
from rq.serializers import JSONSerializer
from rq.utils import now
from rq.worker import BaseWorker

from pipeline.child.supervise import JobResult, ended
from pipeline.engine.messages import (
    DEAD_SECONDS,
    GIVEN_BACK,
    KEPT_SECONDS,
    QUEUE_PREFIX,
    queue_name,
    redis_of,
)
from pipeline.engine.model import DETACHED, INTERRUPTED, SHUTDOWN, Workers
from pipeline.job.events import ErrorEvent, ProgressEvent, Report, ValueEvent, from_json
from pipeline.job.model import Job, Outcome
from pipeline.limits import limits_to_json
from pipeline.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4
"""Between two looks at a run."""
UNTAKEN_SECONDS = 30.0
"""A run that no worker has taken for so long goes back into the queue."""
AWAY_SECONDS = 1.0
"""Between two attempts to reach a Redis that is away."""
WORK = "pipeline.engine.worker.work"


class Remote:
    """The workers behind the broker of the settings, as an engine."""

    outlives = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis = redis_of(settings, socket_timeout=5, retry=Retry(NoBackoff(), 1))
        self._queue = Queue(queue_name(), connection=self._redis, serializer=JSONSerializer)
        self._away = False

    def look(self) -> Workers:
        """The workers that gave a sign of life of late."""
        try:
            workers = [one for one in Worker.all(connection=self._redis) if _alive(one)]
            waiting = self._queue.count
        except RedisError as error:
            self._note(error)
            return Workers(0, 0, trouble=True)
        self._note(None)
        names = [(one, one.queue_names()) for one in workers]
        ours = [one for one, queues in names if self._queue.name in queues]
        others = [q for _, queues in names for q in queues if q.startswith(QUEUE_PREFIX)]
        free = sum(one.get_state() != "busy" for one in ours) - waiting
        return Workers(len(ours), max(0, free), outdated=len(others) - len(ours))

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
        sent = job.scratch.exists()
        job.scratch.mkdir(exist_ok=True)  # says that the run was sent, whatever becomes of Redis
        heard, told = time.monotonic(), 0
        last: tuple[str, bytes | None] | None = None
        progress: dict[str, Any] | None = None
        while True:
            reason = stop()
            if reason == SHUTDOWN:
                return JobResult(reason=DETACHED)
            if reason is not None:
                self._forget(run)  # its worker sees that, and ends the child
                return JobResult(reason=reason)
            try:
                if not sent:
                    self._send(job, run.id, timeout, tag)
                    sent = True
                state = _State(self._redis.hgetall(run.key))
                self._note(None)
            except RedisError as error:
                self._note(error)
                heard = time.monotonic()  # nobody can be heard just now
                time.sleep(AWAY_SECONDS)
                continue
            for data in state.events[told:]:
                event = from_json(data)
                if isinstance(event, Outcome | ValueEvent | ErrorEvent):
                    self._forget(run)
                    return ended(event)
                report(event)
                told += 1
            if state.progress is not None and state.progress != progress:
                progress = state.progress
                report(ProgressEvent(**progress))
            if state.sign != last:
                heard, last = time.monotonic(), state.sign
            reason = state.end(time.monotonic() - heard)
            if reason is not None:
                log.warning("[%s] its worker is gone (%s)", tag, reason)
                self._forget(run)
                return JobResult(reason=reason)
            time.sleep(LOOK_SECONDS)

    def _send(self, job: Job, name: str, timeout: float, tag: str) -> None:
        limits = limits_to_json(self._settings)
        self._queue.enqueue_call(
            WORK,
            args=(job.to_json(), limits, timeout, tag),
            timeout=-1,  # the child has its own
            result_ttl=KEPT_SECONDS,
            failure_ttl=KEPT_SECONDS,
            description=tag,
            job_id=name,
        )

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


def _alive(worker: BaseWorker) -> bool:
    since = worker.last_heartbeat
    return since is not None and abs((now() - since).total_seconds()) < DEAD_SECONDS


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
        if b"status" not in self._fields or GIVEN_BACK.encode() in self._fields:
            return SHUTDOWN  # Redis has forgotten it, or the worker was stopped
        if self.status == JobStatus.QUEUED:
            return SHUTDOWN if silent > UNTAKEN_SECONDS else None
        gone = self.status != JobStatus.STARTED or silent > DEAD_SECONDS
        return INTERRUPTED if gone else None
