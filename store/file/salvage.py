"""Finds whole records in bytes that are no longer one JSON object."""

from __future__ import annotations

import json
import re
from typing import Any

from store.model import is_task, is_task_id

_START = re.compile(r'"((?:[^"\\\n]|\\.){1,200})"\s*:\s*(?=\{)')
_COST_OF_DEEP_NESTING = 50_000  # in characters


def salvage(text: str, decoder: json.JSONDecoder) -> dict[str, Any]:
    """Every record that stands whole in ``text``, by id, a later one before an earlier one.

    A record is an object under a uuid4, or under any other key when it has a status and a
    ``created_at`` (so that a nested object of a torn record is not taken for one). The time
    spent on failed tries is bounded by a few times the length of the text.
    """
    found: dict[str, Any] = {}
    budget = 3 * len(text) + 10 * _COST_OF_DEEP_NESTING
    position = 0
    while budget > 0 and (match := _START.search(text, position)):
        position = match.end()
        key = _key(match[1])
        if key is None:
            continue
        try:
            value, end = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            budget -= max(1, error.pos - position)
            continue
        except (RecursionError, ValueError):
            budget -= _COST_OF_DEEP_NESTING
            continue
        if is_task_id(key) or (is_task(value) and "created_at" in value):
            found.pop(key, None)
            found[key] = value
            position = end
        else:
            budget -= end - position
    return found


def _key(inside: str) -> str | None:
    try:
        key = json.loads(f'"{inside}"')
    except ValueError:
        return None
    return key if isinstance(key, str) else None
