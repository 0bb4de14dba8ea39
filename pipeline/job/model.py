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
    """Folder for what is needed only meanwhile; the caller removes it."""
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
        data = asdict(self)
        for name in ("dance", "reference", "out", "scratch"):
            data[name] = str(data[name])
        return data

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Job:
        """The inverse of ``to_json``; raises KeyError, TypeError or ValueError."""
        hint = data.get("hint")
        plans = data.get("plans")
        return Job(
            dance=Path(data["dance"]),
            reference=Path(data["reference"]),
            out=Path(data["out"]),
            stem=str(data["stem"]),
            scratch=Path(data["scratch"]),
            variants=tuple(data.get("variants", VARIANTS)),
            options=dict(data.get("options") or {}),
            hint=(float(hint[0]), float(hint[1])) if hint else None,
            dance_track=data.get("dance_track"),
            reference_track=data.get("reference_track"),
            plans=None if plans is None else dict(plans),
            align_only=bool(data.get("align_only", False)),
            uploaded=bool(data.get("uploaded", False)),
        )


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
