"""What speaks against handing files in, asked of children as the files land.

A task begins with the same probe on the same bytes: what it refuses here it would refuse there,
so the button stays off for it. Nobody has to wait for the answer: a file that is still being
looked at can be handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline import reasons
from pipeline.child import cached_calls
from ui.table.actions import FINAL
from ui.words.format import size
from ui.words.text import has, t

if TYPE_CHECKING:
    from pipeline.child.supervise import CallResult
    from ui.routes.uploads import Upload

TIMEOUT = 300.0


def refusal(file: Upload) -> str | None:
    """The reason for which a task could not use the file; None for none, or not yet known."""
    found = _probed(file)
    if found is None or found.reason is None:
        return None
    mute = file.role == "reference" and found.reason == reasons.NO_SOUND
    return found.reason if found.reason in FINAL or mute else None


def refusals(files: Iterable[Upload]) -> dict[str, Mapping[str, Any]]:
    """What the uploader says beside each refused file, by upload: ``text`` and ``warning``."""
    said: dict[str, Mapping[str, Any]] = {}
    for file in files:
        reason = refusal(file)
        if reason is not None:
            key = f"reason.{reason}"
            said[file.uid] = {
                "text": size(file.size),
                "warning": t(key) if has(key) else t("reason.unknown"),
            }
    return said


def same_files(dances: Iterable[Upload], reference: Upload | None) -> list[Upload]:
    """The dances that are byte for byte the reference, whatever they are called."""
    if reference is None:
        return []
    found = [(dance, _compared(dance, reference)) for dance in dances]
    return [dance for dance, same in found if same and same.outcome and same.outcome["same"]]


def unfinished(dances: Sequence[Upload], reference: Upload | None) -> bool:
    """Whether an answer is still to come."""
    files = [one for one in (*dances, reference) if one is not None]
    if any(one.path.is_file() and _probed(one) is None for one in files):
        return True
    return reference is not None and any(
        _comparable(dance, reference) and _compared(dance, reference) is None for dance in dances
    )


def _probed(file: Upload) -> CallResult | None:
    arguments = {"path": str(file.path), "role": file.role}
    return cached_calls.fetch("probe", arguments, file.path, timeout=TIMEOUT, quick=True)


def _comparable(dance: Upload, reference: Upload) -> bool:
    return dance.size == reference.size and dance.path.is_file() and reference.path.is_file()


def _compared(dance: Upload, reference: Upload) -> CallResult | None:
    if not _comparable(dance, reference):  # most pairs: no process is needed to tell them apart
        return None
    arguments = {"path": str(dance.path), "other": str(reference.path)}
    return cached_calls.fetch("same", arguments, dance.path, timeout=TIMEOUT, quick=True)
