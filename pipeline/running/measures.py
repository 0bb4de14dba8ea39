"""What is counted of tasks as they end, for ``metrics``: once a process, over hot reloads too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter

from store import process


@dataclass(frozen=True)
class Measures:
    """The counters, in a registry of their own. No label names a task, or they grow without end."""

    registry: CollectorRegistry
    stage_seconds: Counter
    """Seconds in each stage of the tasks that came to an outcome, by ``stage``."""
    ends: Counter
    """Ends of tasks, by ``reason``: a failure's code, or ``success``."""

    def count_end(self, reason: str, seconds: Mapping[str, float]) -> None:
        """Note that a task has ended, and the seconds spent in each of its stages."""
        self.ends.labels(reason).inc()
        for stage, spent in seconds.items():
            self.stage_seconds.labels(stage).inc(max(0.0, spent))


def measures() -> Measures:
    """This process's counters."""
    return process.once("measures", _make)


def _make() -> Measures:
    registry = CollectorRegistry()
    stages = Counter(
        "retrack_stage_seconds", "Seconds in each stage.", ["stage"], registry=registry
    )
    ends = Counter("retrack_tasks_ended", "Tasks that ended.", ["reason"], registry=registry)
    return Measures(registry, stages, ends)
