"""One job from two files to results: an ordinary function of its inputs.

Called directly by the command line, by the child process of a task (``pipeline.child``),
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
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline import reasons
from pipeline.job.answer_json import alignment_to_json
from pipeline.job.progress import StageClock
from pipeline.model import VARIANTS, Report, VariantName
from pipeline.reasons import JobError
from pipeline.settings import Settings

log = logging.getLogger(__name__)

UNMAPPED = "failed to map segment"
"""What the loader says of a library for which the address space does not suffice."""


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
    """``pipeline.plan.render_plan.RenderOptions`` as JSON."""
    hint: tuple[float, float] | None = None
    """A person's (offset in seconds, speed), to be refined."""
    dance_track: int | None = None
    """Which of the dance's sound tracks is meant, from 1; None: the one that fits best."""
    reference_track: int | None = None
    plans: Mapping[str, Mapping[str, Any]] | None = None
    """Render plans by variant of an earlier job, as JSON: render again without aligning."""
    align_only: bool = False

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


def reason_of(error: BaseException) -> str:
    """The stable code for an error that ended a job or a variant."""
    if isinstance(error, JobError):
        return error.reason
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return reasons.OUT_OF_MEMORY
    if isinstance(error, ImportError) and UNMAPPED in str(error):
        return reasons.OUT_OF_MEMORY
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return reasons.DISK_FULL
    from av.error import FFmpegError

    return reasons.UNREADABLE if isinstance(error, FFmpegError) else reasons.CRASHED


def told(error: BaseException) -> str:
    """What a person is told of the error: our own words. Those of libraries, which name paths of
    this machine, are for the log."""
    return str(error) if isinstance(error, JobError) else f"the work broke off ({reason_of(error)})"


def _stages(job: Job) -> list[str]:
    stages = ["probe"]
    if job.plans is None:
        stages += ["decode", "align_v2", "align_modular"]
    if not job.align_only:
        stages += [f"render_{name}" for name in job.variants]
    return stages


def run(job: Job, report: Report, settings: Settings) -> Outcome:
    """Does the job; raises ``InputError`` for files that cannot be used.

    The two methods answer first and are judged together, since that costs little beside
    the rendering and keeps a result that one of them would reject from being shown.
    """
    with ExitStack() as meanwhile:
        return _run(job, report, settings, meanwhile)


def _run(job: Job, report: Report, settings: Settings, meanwhile: ExitStack) -> Outcome:
    """``run``; what goes on beside it ends with ``meanwhile``."""
    from pipeline.job import warnings as warning
    from pipeline.job.steps import find_alignment, inspect, plan_again, plan_answers, render_variant
    from pipeline.media.transport import one_clock

    clock = StageClock(_stages(job), report)
    clock.start("probe")
    job.scratch.mkdir(parents=True, exist_ok=True)
    given, warnings = job, list[dict[str, Any]]()
    dance = one_clock(job.dance, job.scratch / "dance.ts")
    reference = one_clock(job.reference, job.scratch / "reference.ts")
    job = replace(job, dance=dance.path, reference=reference.path)
    warnings += warning.joined("dance", dance.joints)
    warnings += warning.joined("reference", reference.joints)
    files = inspect(job, settings, meanwhile)

    evidence: dict[str, Any] = {}
    if job.plans is None:
        found = find_alignment(job, files, clock, settings, meanwhile)
        alignment, sounds, evidence = found.alignment, found.sounds, found.evidence
        summary: Mapping[str, Any] = {**alignment_to_json(alignment, job.hint), **found.tracks}
        matched, reason = alignment.matched, alignment.reason
        report({"event": "alignment", "alignment": summary})
        warnings += warning.same_file(given.dance, given.reference)
        warnings += warning.cut_off(files.dance, sounds.dance.duration)
        warnings += warning.cut_off(files.reference, sounds.reference.duration)
        warnings += warning.other_key(alignment)
    else:
        summary, matched, reason = {}, True, None

    variants: dict[str, VariantOutcome] = {}
    if matched and not job.align_only:
        job.out.mkdir(parents=True, exist_ok=True)
        if job.plans is None:
            make = plan_answers(job, files, alignment, sounds, settings)
        else:
            make = plan_again(job, files, settings)
        for name in job.variants:
            clock.start(f"render_{name}")
            variants[name] = render_variant(job, name, make, clock, settings)
            report({"event": "variant", "variant": name, **asdict(variants[name])})
        if not any(v.status == "success" for v in variants.values()):
            reason = next((v.reason for v in variants.values() if v.reason), None)
    clock.finish()
    warnings += warning.of_results(note for v in variants.values() for note in v.notes)
    return Outcome(matched, reason, summary, variants, clock.seconds, tuple(warnings), evidence)


def write_evidence(folder: Path, outcome: Outcome) -> None:
    """Writes the curves for the plots beside the results, when there are any."""
    if outcome.evidence and folder.is_dir():
        text = json.dumps(outcome.evidence, ensure_ascii=False, allow_nan=False)
        (folder / "evidence.json").write_text(text, encoding="utf-8")
