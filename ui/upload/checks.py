"""Whether a dance is the same file as the reference, compared in a child as they land."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.child.cached_calls import is_answer
from ui.upload import inspection

if TYPE_CHECKING:
    from pipeline.child.supervise import CallResult
    from ui.incoming.uploads import Upload


def same_files(dances: Sequence[Upload], reference: Upload | None) -> list[Upload]:
    """The dances that are byte for byte the reference, whatever they are called."""
    if reference is None:
        return []
    found = [(dance, _compared(dance, reference)) for dance in dances]
    return [dance for dance, same in found if same and same.outcome and same.outcome["same"]]


def unfinished(dances: Sequence[Upload], reference: Upload | None) -> bool:
    """Whether an answer is still to come."""
    return reference is not None and any(
        _comparable(dance, reference) and not is_answer(_compared(dance, reference))
        for dance in dances
    )


def _comparable(dance: Upload, reference: Upload) -> bool:
    return dance.size == reference.size and dance.waits and reference.waits


def _compared(dance: Upload, reference: Upload) -> CallResult | None:
    if not _comparable(dance, reference):  # most pairs differ in size: no process is needed
        return None
    arguments = {"path": str(dance.path), "other": str(reference.path)}
    return inspection.ask("same", dance, arguments)
