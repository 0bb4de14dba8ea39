"""What a job says while it runs and when it ends, and how that travels between processes.

Each event is one JSON object: its kind under ``event``, its fields beside it. A job reports
progress, the alignment and each variant; a child process ends its lines with the outcome of its
job, the value of its small call, or an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from pipeline.job.model import Outcome, VariantOutcome
from pipeline.model import VariantName

OPENING = "probe"
"""The stage in which the files are opened and described."""


@dataclass(frozen=True)
class DescribedEvent:
    """One file has been opened: the work that it declares, for those who keep a budget."""

    seconds: float = 0.0
    """The length of all its sound tracks together."""
    samples: float = 0.0
    """Of all these tracks and their channels."""
    pixels: float = 0.0
    """Width × height × pictures, once for each time that they may be decoded and encoded."""


@dataclass(frozen=True)
class ProgressEvent:
    """How far the job is."""

    stage: str
    progress: float
    """0 to 1."""
    seconds_left: float | None


@dataclass(frozen=True)
class AlignmentEvent:
    """All methods have answered."""

    alignment: Mapping[str, Any]
    """As ``pipeline.job.answer_json`` writes it."""


@dataclass(frozen=True)
class VariantEvent:
    """One variant has ended."""

    variant: VariantName
    outcome: VariantOutcome


@dataclass(frozen=True)
class ValueEvent:
    """What a small call gives (``pipeline.child.calls``)."""

    value: Mapping[str, Any]


@dataclass(frozen=True)
class ErrorEvent:
    """Why there is neither an outcome nor a value."""

    reason: str
    """A code of ``pipeline.reasons``."""
    role: str | None = None
    """Of which file it speaks, where it speaks of one."""
    text: str = ""
    detail: str = ""


Event = DescribedEvent | ProgressEvent | AlignmentEvent | VariantEvent
"""Of a job that goes on."""
Report = Callable[[Event], None]
"""Takes the events of a running job."""
End = Outcome | ValueEvent | ErrorEvent
"""Of a child process."""

KINDS: Mapping[str, Any] = {kind.__name__: kind for kind in (*get_args(Event), *get_args(End))}


def to_json(event: Event | End) -> dict[str, Any]:
    """The event as one JSON object; the evidence of an outcome is left out."""
    fields = event.to_json() if isinstance(event, Outcome) else asdict(event)
    return {"event": type(event).__name__, **fields}


def from_json(data: Mapping[str, Any]) -> Event | End:
    """The inverse of ``to_json``; raises KeyError or TypeError for what is no event."""
    fields = dict(data)
    kind = KINDS[fields.pop("event")]
    if kind is VariantEvent:
        fields["outcome"] = VariantOutcome.from_json(fields["outcome"])
    if kind is Outcome:
        given = fields["variants"].items()
        fields["variants"] = {name: VariantOutcome.from_json(one) for name, one in given}
        fields["warnings"] = tuple(fields["warnings"])
    event: Event | End = kind(**fields)
    return event
