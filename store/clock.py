"""Time as it stands in the file: ISO 8601 in UTC with an offset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

RELEASED = datetime(2026, 11, 24, tzinfo=UTC)
"""The first day of this program: a time before it comes from a clock that was wrong (a machine
without a battery begins at 1970, or with the day on which its system was built)."""

Clock = Callable[[], datetime]
"""Gives the present time, aware, in UTC."""


def utc_now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """``moment`` as the file has it, in milliseconds: ``2026-01-31T12:00:00.000+00:00``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def from_text(value: object) -> datetime | None:
    """A time of the file as an aware UTC time; a naive one is the machine's local time.

    None for anything unreadable, so that an unreadable date is never old.
    """
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value.strip()).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
