"""What a file turns out to be, as it lands: read in a child, shown beside its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pipeline.child import cached_calls
from pipeline.tasks.values import number
from ui.words.format import clock, size
from ui.words.text import has, t

if TYPE_CHECKING:
    from ui.routes.uploads import Upload

TIMEOUT = 300.0
USELESS = frozenset({"not_media", "empty_file", "no_picture"})
"""Reasons for which a file is not handed in."""


def unfinished(files: Iterable[Upload]) -> bool:
    """Whether a file is still being looked at."""
    return any(file.path.is_file() and _look(file) is None for file in files)


def unusable(file: Upload) -> bool:
    """Whether a file is known to be of no use; not while it is still being looked at.

    A film without sound may be placed by hand, and what broke on the way may yet be read.
    """
    result = _look(file) if file.path.is_file() else None
    if result is None or result.outcome is not None:
        return False
    return result.reason in USELESS or (
        file.role == "reference" and result.reason in {"no_sound", "silent"}
    )


def facts_of(files: Iterable[Upload]) -> dict[str, dict[str, Any]]:
    """By upload: ``text`` with length, picture and size, ``warning`` when it cannot be used."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        result = _look(file)
        if result is None:
            found[file.uid] = {"text": t("facts.looking"), "warning": ""}
        elif result.outcome is None:
            key = f"reason.{result.reason}"
            warning = t(key) if has(key) else t("reason.unreadable")
            if file.role == "dance" and result.reason in {"no_sound", "silent"}:
                warning = t("facts.place_by_hand")
            found[file.uid] = {"text": size(file.size), "warning": warning}
        else:
            found[file.uid] = _describe(result.outcome, file.size, file.role)
    return found


def _look(file: Upload) -> Any:
    return cached_calls.fetch(
        "facts", {"path": str(file.path), "role": file.role}, file.path, timeout=TIMEOUT
    )


def _describe(info: Mapping[str, Any], count: int, role: str) -> dict[str, Any]:
    parts = []
    seconds = number(info.get("duration"))
    if seconds is not None:
        parts.append(clock(seconds))
    video = info.get("video")
    if isinstance(video, Mapping):
        width, height = video.get("width"), video.get("height")
        if (number(video.get("rotation")) or 0) % 180:  # as it is seen, not as it is coded
            width, height = height, width
        if width and height:
            parts.append(f"{width}×{height}")
        rate = _rate(video)
        if rate:
            parts.append(t("facts.fps", n=f"{rate:.3g}"))
    parts.append(size(count))
    levels = _levels(info)
    if len(levels) == 1:
        parts.append(t("facts.level", db=f"{levels[0]:.0f}"))
    elif levels:
        parts.append(t("facts.levels", n=len(levels), db=", ".join(f"{db:.0f}" for db in levels)))
    warning = ""
    if not info.get("sounds"):
        warning = t("facts.place_by_hand" if role == "dance" else "facts.no_sound")
    elif levels and max(levels) < -60:
        warning = t("facts.quiet")
    elif info.get("cut_off"):
        warning = t("facts.cut_off")
    return {"text": " · ".join(parts), "warning": warning, "thumbnail": info.get("thumbnail") or ""}


def _levels(info: Mapping[str, Any]) -> list[float]:
    """Of the sound tracks in which something is to be heard, in the file's order."""
    given = info.get("levels_db")
    found = (number(level) for level in (given if isinstance(given, list) else ()))
    return [level for level in found if level is not None]


def _rate(video: Mapping[str, Any]) -> float | None:
    try:
        return float(Fraction(str(video.get("average_rate"))))
    except (ValueError, ZeroDivisionError):
        return None
