"""Where a job's files are for whoever runs it: brought there, and named from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline import reasons
from pipeline.child.supervise import JobResult, broken
from pipeline.job.events import End, Event, VariantEvent
from pipeline.job.model import Job, Outcome, VariantOutcome


def bring(job: Job, to: Callable[[Path], bool | None]) -> JobResult | None:
    """Has ``to`` (``Place.fetch``, ``Place.publish``) see to both inputs; None when they are there,
    else how the job ends for want of one."""
    for role, path in (("dance", job.dance), ("reference", job.reference)):
        try:
            if to(path) is False:
                raise FileNotFoundError(path)
        except FileNotFoundError:
            return JobResult(reason=reasons.MISSING_FILE, role=role, text=f"no {role} file")
        except OSError as error:  # of the bucket, or of this disk, which may be full
            return broken(error)
    return None


def moved(job: Job, change: Callable[[Path], Path]) -> Job:
    """The job with its files elsewhere."""
    return replace(
        job,
        dance=change(job.dance),
        reference=change(job.reference),
        out=change(job.out),
        scratch=change(job.scratch),
    )


def with_outputs(event: Event | End, change: Callable[[Path], Path]) -> Event | End:
    """What a job reports, with its results elsewhere."""

    def there(outcome: VariantOutcome) -> VariantOutcome:
        return (
            replace(outcome, output=str(change(Path(outcome.output))))
            if outcome.output
            else outcome
        )

    if isinstance(event, VariantEvent):
        return replace(event, outcome=there(event.outcome))
    if isinstance(event, Outcome):
        return replace(event, variants={key: there(one) for key, one in event.variants.items()})
    return event
