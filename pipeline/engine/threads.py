"""Jobs in child processes of this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.child.supervise import JobResult, run_child
from pipeline.engine.model import Engine, Execute, Workers
from pipeline.job.events import Report
from pipeline.job.model import Job
from pipeline.settings import Settings


def execute_in_child(
    job: Job, report: Report, *, stop: Callable[[], str | None], timeout: float, tag: str
) -> JobResult:
    """Runs the job in a child process of this machine."""
    request = {"kind": "job", "job": job.to_json()}
    opens = (job.dance, job.reference)
    return run_child(request, report, stop=stop, timeout=timeout, tag=tag, opens=opens)


@dataclass(frozen=True)
class Threads:
    """So many children at one time as there are ``workers`` in the settings."""

    slots: int
    outlives: bool = False
    execute: Execute = execute_in_child

    def look(self) -> Workers:
        """All slots; the runner knows which are taken."""
        return Workers(self.slots, self.slots)


def engine_of(settings: Settings) -> Engine:
    """The engine that the settings choose; raises ``SettingsError`` for one that is not there."""
    if not settings.broker_url:
        return Threads(settings.workers)
    from pipeline.engine.remote import Remote

    return Remote(settings)
