"""Where a job's files are for whoever runs it: brought there, and named from there.

A bucket that cannot be reached ends no attempt: whoever needs it waits, as for Redis.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from files.errors import StorageError
from pipeline import reasons
from pipeline.child.supervise import JobResult, broken
from pipeline.job.events import End, Event, VariantEvent
from pipeline.job.model import Job, Outcome, VariantOutcome

log = logging.getLogger(__name__)

AWAY_SECONDS = 1.0
"""Between two attempts to reach a bucket that is away."""
Stop = Callable[[], str | None]
T = TypeVar("T")


class Stopped(Exception):
    """Work was stopped while it waited for the bucket; the text is the reason."""


def patiently(act: Callable[[], T], stop: Stop, seconds: float) -> T:
    """What ``act`` gives, tried again for so long while the bucket cannot be reached.

    Raises ``Stopped`` when ``stop()`` names a reason meanwhile, and then ``StorageError``.
    """
    end, said = time.monotonic() + seconds, ""
    while True:
        try:
            return act()
        except StorageError as error:
            if time.monotonic() > end:
                raise
            if str(error) != said:
                said = str(error)
                log.warning("waiting for the bucket: %s", error)
        reason = stop()
        if reason is not None:
            raise Stopped(reason)
        time.sleep(AWAY_SECONDS)


def bring(
    job: Job, to: Callable[[Path], bool | None], stop: Stop, seconds: float
) -> JobResult | None:
    """Has ``to`` (``Place.fetch``, ``Place.publish``) see to both inputs, for so long; None when
    they are there, else how the job ends for want of one. Raises ``Stopped``."""
    for role, path in (("dance", job.dance), ("reference", job.reference)):
        try:
            if patiently(partial(to, path), stop, seconds) is False:
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
