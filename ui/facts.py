"""What a file turns out to be, as it lands: read in a child, shown beside its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from ui import background, rows
from ui.format import clock, size
from ui.text import has, t

if TYPE_CHECKING:
    from ui.stock_upload import Waiting

TIMEOUT = 300.0


def unfinished(files: Iterable[Waiting]) -> bool:
    """Whether a file is still being looked at."""
    return any(file.path.is_file() and _look(file) is None for file in files)


def facts_of(files: Iterable[Waiting]) -> dict[str, dict[str, Any]]:
    """By upload: ``text`` with length, picture and size, ``warning`` when it cannot be used."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        result = _look(file)
        if result is None:
            found[file.uid] = {"text": t("facts.looking"), "warning": ""}
        elif result.outcome is None:
            key = f"reason.{result.reason}"
            warning = t(key) if has(key) else t("reason.unreadable")
            found[file.uid] = {"text": size(file.size), "warning": warning}
        else:
            found[file.uid] = _describe(result.outcome, file.size)
    return found


def _look(file: Waiting) -> Any:
    return background.fetch(
        "facts", {"path": str(file.path), "role": file.role}, file.path, timeout=TIMEOUT
    )


def _describe(info: Mapping[str, Any], count: int) -> dict[str, Any]:
    parts = []
    seconds = rows.number(info.get("duration"))
    if seconds is not None:
        parts.append(clock(seconds))
    video = info.get("video")
    if isinstance(video, Mapping):
        width, height = video.get("width"), video.get("height")
        if width and height:
            parts.append(f"{width}×{height}")
        rate = _rate(video)
        if rate:
            parts.append(t("facts.fps", n=f"{rate:.3g}"))
    parts.append(size(count))
    level = rows.number(info.get("level_db"))
    if level is not None:
        parts.append(t("facts.level", db=f"{level:.0f}"))
    warning = ""
    if not info.get("sounds"):
        warning = t("facts.no_sound")
    elif level is not None and level < -60:
        warning = t("facts.quiet")
    elif info.get("cut_off"):
        warning = t("facts.cut_off")
    return {"text": " · ".join(parts), "warning": warning, "thumbnail": info.get("thumbnail") or ""}


def _rate(video: Mapping[str, Any]) -> float | None:
    try:
        return float(Fraction(str(video.get("average_rate"))))
    except (ValueError, ZeroDivisionError):
        return None
