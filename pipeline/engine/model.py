"""What the runner knows of an engine, and how a job ends besides by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline import reasons
from pipeline.child.supervise import CallResult, JobResult
from pipeline.job.events import Report
from pipeline.job.model import Job
from pipeline.settings import Settings

SHUTDOWN = "shutdown"
"""The service or the worker was stopped in order: the attempt goes back and is not counted."""
LOST = "lost"
"""The record belongs to somebody else by now, or is gone: nothing may be written."""
DETACHED = "detached"
"""The service ends and the work goes on elsewhere: the next start takes the attempt over."""
INTERRUPTED = reasons.INTERRUPTED
"""The worker died: the attempt counts, and the task waits before the next one."""


class Execute(Protocol):
    """Runs a job somewhere until it ends or ``stop()`` names a reason."""

    def __call__(
        self,
        job: Job,
        report: Report,
        *,
        stop: Callable[[], str | None],
        timeout: float,
        tag: str,
    ) -> JobResult:
        """The result, its reason one of the above where the job did not end by itself; raises only
        when it cannot be run at all. ``timeout`` is in seconds; the name of ``job.out`` is one that
        no other attempt has. ``report`` may be called again for events before a takeover."""


@dataclass(frozen=True)
class Workers:
    """Who is there to run jobs."""

    slots: int
    """Jobs that can run at one time."""
    free: int
    """How many more could begin now."""
    outdated: int = 0
    """Workers of another version of the code, which get no jobs."""
    trouble: bool = False
    """Whether the workers cannot be asked."""


class Engine(Protocol):
    """Where jobs run, and the page's calls."""

    @property
    def outlives(self) -> bool:
        """Whether work goes on when this process ends, so that the next one takes it over."""

    @property
    def execute(self) -> Execute:
        """Runs a job."""

    def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        quick: bool,
        timeout: float,
        settings: Settings,
    ) -> CallResult:
        """Makes one of ``pipeline.child.calls``; see ``cached_calls.Make``. Waits for no job."""

    def look(self) -> Workers:
        """Who is there now; may take as long as a network takes."""
