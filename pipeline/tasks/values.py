"""Values of the task file, which a person may have edited: in their type, or as if absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MAX_NUMBER = 1e15
"""No time, size or share is larger."""


def number(value: object) -> float | None:
    """A finite figure; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < MAX_NUMBER else None


def share(value: object) -> float | None:
    """A figure between 0 and 1, the nearest one; None for what is no figure."""
    found = number(value)
    return None if found is None else min(max(found, 0.0), 1.0)


def count(value: object) -> int | None:
    """A whole number that is not below 0; None for anything else."""
    found = number(value)
    return None if found is None or found < 0 else int(found)


def text(value: object) -> str | None:
    """A text; None for anything else."""
    return value if isinstance(value, str) else None


def texts(value: object) -> tuple[str, ...]:
    """The texts of an array; none for anything else."""
    given = value if isinstance(value, list | tuple) else ()
    return tuple(one for one in given if isinstance(one, str))


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def objects(value: object) -> list[Mapping[str, Any]]:
    """The JSON objects of an array; none for anything else."""
    given = value if isinstance(value, list | tuple) else ()
    return [one for one in given if isinstance(one, Mapping)]
