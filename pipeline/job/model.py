"""What a job is asked, and how it ended: data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.model import VARIANTS, VariantName


@dataclass(frozen=True)
class Job:
    """What to do; everything the work depends on."""

    dance: Path
    reference: Path
    out: Path
    """Folder for the results ``<stem>_<variant>.mp4``; made when missing."""
    stem: str
    scratch: Path
    """Scratch folder; the caller removes it."""
    variants: tuple[VariantName, ...] = VARIANTS
    options: Mapping[str, Any] = field(default_factory=dict)
    """``pipeline.plan.options.RenderOptions`` as JSON."""
    hint: tuple[float, float] | None = None
    """A person's (offset in seconds, speed), to be refined."""
    dance_track: int | None = None
    """Which of the dance's sound tracks is meant, from 1; None: the one that fits best."""
    reference_track: int | None = None
    plans: Mapping[str, Mapping[str, Any]] | None = None
    """Render plans by variant of an earlier job, as JSON: render again without aligning."""
    align_only: bool = False
    uploaded: bool = False
    """Whether the two are uploads of ours, beside which their facts may be noted."""

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self) | {name: str(getattr(self, name)) for name in _PATHS}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Job:
        """The inverse of ``to_json``; raises KeyError or TypeError for what is no job."""
        fields = {**data, **{name: Path(data[name]) for name in _PATHS}}
        lists = {name: tuple(data[name]) for name in ("variants", "hint") if data[name] is not None}
        return Job(**fields | lists)


_PATHS = ("dance", "reference", "out", "scratch")


@dataclass(frozen=True)
class VariantOutcome:
    """How one variant ended."""

    status: str
    """``success`` or ``failed``."""
    output: str | None = None
    reason: str | None = None
    text: str = ""
    plan: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    """What a person should know of the result, such as why the picture was re-encoded."""

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> VariantOutcome:
        """The inverse of ``dataclasses.asdict``; raises TypeError for unknown keys."""
        return VariantOutcome(**{**data, "notes": tuple(data.get("notes") or ())})


@dataclass(frozen=True)
class Outcome:
    """How the job ended."""

    matched: bool
    reason: str | None
    alignment: Mapping[str, Any]
    variants: Mapping[str, VariantOutcome]
    seconds: Mapping[str, float]
    """Seconds spent in each stage."""
    warnings: tuple[Mapping[str, Any], ...] = ()
    """What a person should know besides; see ``pipeline.job.warnings``."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Curves for the plots; written to ``evidence.json`` beside the results."""

    def to_json(self) -> dict[str, Any]:
        """As one JSON object, without the evidence."""
        data = asdict(self)
        del data["evidence"]
        return data
