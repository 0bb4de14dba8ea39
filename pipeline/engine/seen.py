"""What the service reads in Redis of workers and runs."""

from __future__ import annotations

from typing import Any

from rq.job import JobStatus
from rq.serializers import JSONSerializer
from rq.utils import as_text, now, utcparse

from pipeline.engine.messages import DEAD_SECONDS, SENT
from pipeline.engine.model import INTERRUPTED, SHUTDOWN

UNTAKEN_SECONDS = 30.0
"""A run that no worker has taken for so long goes back into the queue."""


def lately(sign: bytes | None) -> bool:
    """Whether a worker's last sign of life is a recent one."""
    if sign is None:
        return False
    return abs((now() - utcparse(as_text(sign))).total_seconds()) < DEAD_SECONDS


class RunState:
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
