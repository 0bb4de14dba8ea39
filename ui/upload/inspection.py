"""What a file turns out to be, as it lands: found out in a child, shown beside its name.

A task goes by the same facts: what is refused here would fail there, so the button stays off for
it. Nobody has to wait for the answer: a file that is still being looked at can be handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from pipeline import reasons
from pipeline.child import cached_calls
from pipeline.tasks.record import MUTE
from pipeline.tasks.values import number
from ui.words.format import clock, size
from ui.words.text import has, t

if TYPE_CHECKING:
    from pipeline.child.supervise import CallResult
    from ui.incoming.uploads import Upload

TIMEOUT_SECONDS = 300.0
QUIET_DB = -60
"""Of sound below this level the page says that it is almost silent."""


def look(file: Upload) -> CallResult | None:
    """What a child found out about the file; None while it looks, or once the file is gone."""
    return ask("facts", file, {"path": str(file.path), "role": file.role})


def ask(name: str, file: Upload, arguments: Mapping[str, str]) -> CallResult | None:
    """The answer of a quick call (``pipeline.child.calls``) about an upload, in its visitor's turn;
    None while a child makes it, or once the file is gone."""
    visitor = file.path.parent.name  # uploads stand in a folder for each
    return cached_calls.fetch(
        name, arguments, file.path, timeout=TIMEOUT_SECONDS, group=visitor, quick=True
    )


def unfinished(files: Iterable[Upload]) -> bool:
    """Whether a file is still being looked at, or will be once more."""
    return any(file.waits and not cached_calls.is_answer(look(file)) for file in files)


def refusal(file: Upload) -> str | None:
    """The reason for which no task could use the file; None for none, or not yet known.

    A film without sound may be placed by hand, and what was no fault of the file may pass.
    """
    found = look(file)
    if found is None or found.reason is None:
        return None
    mute = file.role == "reference" and found.reason in MUTE
    return found.reason if found.reason in reasons.FINAL or mute else None


def facts_of(files: Iterable[Upload]) -> dict[str, Mapping[str, Any]]:
    """By upload: ``text`` with length, picture and size, ``warning`` when it cannot be used."""
    found: dict[str, Mapping[str, Any]] = {}
    for file in files:
        result = look(file)
        if result is None:
            found[file.uid] = {"text": t("facts.looking"), "warning": ""}
        elif result.outcome is None:
            key = f"reason.{result.reason}"
            warning = t(key) if has(key) else t("reason.unreadable")
            if file.role == "dance" and result.reason in MUTE:
                warning = t("facts.place_by_hand")
            found[file.uid] = {"text": size(file.size), "warning": warning}
        else:
            found[file.uid] = _describe(result.outcome, file.size, file.role)
    return found


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
    elif levels and max(levels) < QUIET_DB:
        warning = t("facts.quiet")
    elif info.get("cut_off"):
        warning = t("facts.cut_off")
    return {"text": " · ".join(parts), "warning": warning, "thumbnail": info.get("thumbnail") or ""}


def _levels(info: Mapping[str, Any]) -> list[float]:
    """Of the sound tracks that are not silent, in the file's order."""
    given = info.get("levels_db")
    found = (number(level) for level in (given if isinstance(given, list) else ()))
    return [level for level in found if level is not None]


def _rate(video: Mapping[str, Any]) -> float | None:
    try:
        return float(Fraction(str(video.get("average_rate"))))
    except (ValueError, ZeroDivisionError):
        return None
