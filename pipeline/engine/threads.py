"""Jobs in child processes of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from files.place import Place
from pipeline.child.calls import files_of
from pipeline.child.supervise import CallResult, JobResult, call, run_child
from pipeline.engine.inputs import Stopped, bring, never, patient, read_by
from pipeline.engine.model import Engine, Workers
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
    files: Place
    outlives: bool = False

    def execute(
        self,
        job: Job,
        report: Report,
        *,
        stop: Callable[[], str | None],
        timeout: float,
        tag: str,
    ) -> JobResult:
        """Brings the inputs to this disk, and runs the job in a child process; see ``Execute``."""
        try:
            missing = bring(read_by(job), patient(self.files.fetch, stop, timeout))
        except Stopped as stopped:
            return JobResult(reason=str(stopped))
        return missing or execute_in_child(job, report, stop=stop, timeout=timeout, tag=tag)

    def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        quick: bool,
        timeout: float,
        settings: Settings,
    ) -> CallResult:
        """Brings the files to this disk, and makes the call in a child process; see ``Engine``."""
        missing = bring(files_of(arguments), patient(self.files.fetch, never, timeout))
        return missing or call(name, arguments, timeout=timeout, settings=settings)

    def look(self) -> Workers:
        """All slots; the runner knows which are taken."""
        return Workers(self.slots, self.slots)


def engine_of(settings: Settings, files: Place) -> Engine:
    """The engine that the settings choose; raises ``SettingsError`` for one that is not there."""
    if not settings.broker_url:
        return Threads(settings.workers, files)
    from pipeline.engine.remote import Remote

    return Remote(settings, files)
