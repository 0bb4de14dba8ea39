"""One job from two files to results: an ordinary function of its inputs.

Called directly by the command line, by the child process of a task (``pipeline.worker``),
and by any other engine's worker. It knows no store and no page. Events go to ``report``:

- ``{"event": "progress", "stage", "progress" (0 to 1), "seconds_left" (or null)}``
- ``{"event": "alignment", "alignment"}``: both methods have answered
- ``{"event": "variant", "variant", "status", "output", "reason", "text", "plan", "notes"}``
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline import reasons
from pipeline.alignment_json import (
    alignment_to_json,
    evidence_to_json,
    segment_from_json,
    segment_to_json,
)
from pipeline.model import VARIANTS, Alignment, Report, Segment, VariantName
from pipeline.progress import StageClock
from pipeline.reasons import JobError
from pipeline.settings import Settings

log = logging.getLogger(__name__)


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
    """``pipeline.plan.RenderOptions`` as JSON."""
    hint: tuple[float, float] | None = None
    """A person's (offset in seconds, speed), to be refined."""
    answers: Mapping[str, tuple[Segment, ...]] | None = None
    """Segments by variant that are known already: render again without aligning."""
    align_only: bool = False

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        data = asdict(self)
        for name in ("dance", "reference", "out", "scratch"):
            data[name] = str(data[name])
        if self.answers is not None:
            data["answers"] = {
                name: [segment_to_json(segment) for segment in segments]
                for name, segments in self.answers.items()
            }
        return data

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Job:
        """The inverse of ``to_json``; raises KeyError, TypeError or ValueError."""
        hint = data.get("hint")
        answers = data.get("answers")
        return Job(
            dance=Path(data["dance"]),
            reference=Path(data["reference"]),
            out=Path(data["out"]),
            stem=str(data["stem"]),
            scratch=Path(data["scratch"]),
            variants=tuple(data.get("variants", VARIANTS)),
            options=dict(data.get("options") or {}),
            hint=(float(hint[0]), float(hint[1])) if hint else None,
            answers=(
                {name: tuple(map(segment_from_json, parts)) for name, parts in answers.items()}
                if answers is not None
                else None
            ),
            align_only=bool(data.get("align_only", False)),
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
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Curves for the plots; written to ``evidence.json`` beside the results."""

    def to_json(self) -> dict[str, Any]:
        """As one JSON object, without the evidence."""
        data = asdict(self)
        del data["evidence"]
        return data


def reason_of(error: BaseException) -> str:
    """The stable code for an error that ended a job or a variant."""
    if isinstance(error, JobError):
        return error.reason
    if isinstance(error, MemoryError):
        return reasons.OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return reasons.DISK_FULL
    return reasons.CRASHED


def _stages(job: Job) -> list[str]:
    stages = ["probe"]
    if job.answers is None:
        stages += ["decode", "align_v2", "align_modular"]
    if not job.align_only:
        stages += [f"render_{name}" for name in job.variants]
    return stages


def run(job: Job, report: Report, settings: Settings) -> Outcome:
    """Does the job; raises ``InputError`` for files that cannot be used.

    The two methods answer first and are judged together, since that costs little beside
    the rendering and keeps a result that one of them would reject from being shown.
    """
    from pipeline.probe import probe  # PyAV is imported when there is media to read

    clock = StageClock(_stages(job), report)
    clock.start("probe")
    job.scratch.mkdir(parents=True, exist_ok=True)
    dance_info = probe(job.dance, role="dance", settings=settings)
    clock.step(0.5)
    reference_info = probe(job.reference, role="reference", settings=settings)

    evidence: dict[str, Any] = {}
    if job.answers is None:
        alignment, evidence = _align(job, clock, dance_info, reference_info, settings)
        summary: Mapping[str, Any] = alignment_to_json(alignment)
        answers = {
            name: answer.segments
            for name, answer in alignment.variants.items()
            if answer.matched and answer.segments
        }
        matched, reason = alignment.matched, alignment.reason
        report({"event": "alignment", "alignment": summary})
    else:
        answers, summary, matched, reason = dict(job.answers), {}, True, None

    variants: dict[str, VariantOutcome] = {}
    if matched and not job.align_only:
        job.out.mkdir(parents=True, exist_ok=True)
        for name in job.variants:
            clock.start(f"render_{name}")
            outcome = _render(job, name, answers, dance_info, reference_info, clock, settings)
            variants[name] = outcome
            report({"event": "variant", "variant": name, **asdict(outcome)})
        if not any(v.status == "success" for v in variants.values()):
            reason = next((v.reason for v in variants.values() if v.reason), None)
    clock.finish()
    return Outcome(matched, reason, summary, variants, clock.seconds, evidence)


def _align(
    job: Job,
    clock: StageClock,
    dance_info: Any,
    reference_info: Any,
    settings: Settings,
) -> tuple[Alignment, dict[str, Any]]:
    """Decodes both sounds once and asks both methods; the judge makes one answer of two."""
    from pipeline import align
    from pipeline.decode import decode_sound

    clock.start("decode")
    total = (dance_info.duration + reference_info.duration) or 1.0
    share = dance_info.duration / total
    dance = decode_sound(
        job.dance,
        dance_info,
        job.scratch,
        settings=settings,
        progress=lambda fraction: clock.step(share * fraction),
    )
    reference = decode_sound(
        job.reference,
        reference_info,
        job.scratch,
        settings=settings,
        progress=lambda fraction: clock.step(share + (1.0 - share) * fraction),
    )
    hint = align.Hint(*job.hint) if job.hint else None
    answers = {}
    for name in VARIANTS:
        clock.start(f"align_{name}")
        answers[name] = align.METHODS[name](dance, reference, hint=hint, progress=clock.step)
    alignment = align.judge(answers)
    evidence = {name: evidence_to_json(answer.evidence) for name, answer in answers.items()}
    return alignment, {"variants": evidence}


def _render(
    job: Job,
    name: VariantName,
    answers: Mapping[str, tuple[Segment, ...]],
    dance_info: Any,
    reference_info: Any,
    clock: StageClock,
    settings: Settings,
) -> VariantOutcome:
    """One variant from its own answer; a failure is this variant's alone."""
    raise NotImplementedError


def write_evidence(folder: Path, outcome: Outcome) -> None:
    """Writes the curves for the plots beside the results, when there are any."""
    if outcome.evidence and folder.is_dir():
        text = json.dumps(outcome.evidence, ensure_ascii=False, allow_nan=False)
        (folder / "evidence.json").write_text(text, encoding="utf-8")
