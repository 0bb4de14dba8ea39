"""Where files are for whoever works on them: brought there, and named from there.

A bucket that cannot be reached ends no attempt: whoever needs it waits, as for Redis.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from files.errors import StorageError
from pipeline import reasons
from pipeline.child.calls import FILES, OUT
from pipeline.child.supervise import ChildResult, broken
from pipeline.job.events import End, Event, VariantEvent
from pipeline.job.model import Job, Outcome, VariantOutcome

log = logging.getLogger(__name__)

AWAY_SECONDS = 1.0
"""Between two attempts to reach a bucket that is away."""
CALL_FOLDER = "call-"
"""How the name of the folder begins in which a call's file is made; its run's name follows."""

Stop = Callable[[], str | None]
Given = TypeVar("Given")
Made = TypeVar("Made")


class Stopped(Exception):
    """Work was stopped while it waited for the bucket; the text is the reason."""


def never() -> None:
    """The ``stop`` of what is not stopped."""


def patient(act: Callable[[Given], Made], stop: Stop, seconds: float) -> Callable[[Given], Made]:
    """``act``, tried again for so long while the bucket cannot be reached.

    It raises ``Stopped`` when ``stop()`` names a reason meanwhile, and in the end ``StorageError``.
    """

    def acting(given: Given) -> Made:
        end, said = time.monotonic() + seconds, False
        while True:
            try:
                return act(given)
            except StorageError as error:
                if time.monotonic() > end:
                    raise
                if not said:
                    log.warning("waiting for the bucket: %s", error)
                said = True
            reason = stop()
            if reason is not None:
                raise Stopped(reason)
            time.sleep(AWAY_SECONDS)

    return acting


def read_by(job: Job) -> dict[str, Path]:
    """The files that a job reads, by role."""
    return {"dance": job.dance, "reference": job.reference}


def bring(files: Mapping[str, Path], to: Callable[[Path], bool | None]) -> ChildResult[Any] | None:
    """Has ``to`` (``Place.fetch``, ``Place.publish``) see to each file; None when they are there,
    else how the work ends for want of one."""
    for role, path in files.items():
        try:
            if to(path) is False:
                raise FileNotFoundError(path)
        except FileNotFoundError:
            return ChildResult(reason=reasons.MISSING_FILE, role=role, text=f"no {role} file")
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


def made_path(out: Path, run: str) -> Path:
    """Where a call makes the file that becomes ``out``: nobody else writes there, not even the
    same call when it is asked for again."""
    return out.parent / f"{CALL_FOLDER}{run}" / out.name


def named(arguments: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The arguments of a call with its files named from ``root``, in which they are; raises
    ValueError for one that is not."""
    return {
        key: Path(value).relative_to(root).as_posix() if key in (*FILES, OUT) else value
        for key, value in arguments.items()
    }


def found(arguments: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """The inverse of ``named``; raises ValueError for a path that would lead out of ``root``."""

    def below(value: str) -> str:
        path = PurePosixPath(value)
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"not below the outputs folder: {value!r}")
        return str(root / path)

    return {
        key: below(value) if key in (*FILES, OUT) else value for key, value in arguments.items()
    }


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
