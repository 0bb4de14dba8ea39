"""Time as it stands in the file: ISO 8601 in UTC with an offset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present time, aware, in UTC."""


def utc_now() -> datetime:
    """The present time in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """``moment`` as the file has it, in milliseconds: ``2026-01-31T12:00:00.000+00:00``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def from_text(value: object) -> datetime | None:
    """A time of the file as an aware UTC time; a naive one is read as UTC.

    None for anything unreadable, so that an unreadable date is never old.
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
