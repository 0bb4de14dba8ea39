"""The metadata that a result takes over from the dance: date and, if the setting allows, place."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline.media.info import MediaInfo

UNSET_CLOCK_YEAR = 1970
"""A date of this year or before comes from a camera without a clock."""


def created(metadata: Mapping[str, str]) -> str:
    """When it was filmed (ISO 8601 in UTC), empty where it does not say. Apple's own date is that,
    its ``creation_time`` that of an export."""
    for name in ("com.apple.quicktime.creationdate", "creation_time"):
        try:
            date = datetime.fromisoformat(metadata.get(name, ""))
        except ValueError:
            continue
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        if date.year > UNSET_CLOCK_YEAR:
            return date.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return ""


def place(metadata: Mapping[str, str]) -> str:
    """Where it was filmed (ISO 6709)."""
    names = ("com.apple.quicktime.location.ISO6709", "location")
    return next((metadata[name] for name in names if name in metadata), "")


def tags(dance: MediaInfo) -> dict[str, str]:
    """What of the dance's metadata goes into a result: a gallery sorts by the date."""
    found = {"creation_time": dance.created, "location": dance.place}
    return {name: value for name, value in found.items() if value}
