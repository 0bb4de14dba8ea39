"""One job from two files to results: an ordinary function of its inputs.

Called directly by the command line, by the child process of a task (``pipeline.child``),
and by any other engine's worker. It knows no store and no page. While it runs it calls ``report``
with events (``pipeline.job.events``).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.job import warnings as warning
from pipeline.job.answer_json import alignment_to_json
from pipeline.job.events import OPENING, AlignmentEvent, Report, VariantEvent
from pipeline.job.inputs import inspect
from pipeline.job.model import Job, Outcome, VariantOutcome
from pipeline.job.progress import StageClock
from pipeline.job.steps import find_alignment, plan_again, plan_answers, render_variant
from pipeline.limits import Limits
from pipeline.media.transport import one_clock
from pipeline.model import VARIANTS

log = logging.getLogger(__name__)


def _stages(job: Job) -> list[str]:
    stages = [OPENING]
    if job.plans is None:
        stages += ["decode", *(f"align_{name}" for name in VARIANTS)]
    if not job.align_only:
        stages += [f"render_{name}" for name in job.variants]
    return stages


def run(job: Job, report: Report, settings: Limits) -> Outcome:
    """Does the job; raises ``InputError`` for files that cannot be used.

    The two methods answer first and are judged together, since that costs little beside
    the rendering and keeps a result that one of them would reject from being shown.
    """
    with ExitStack() as background:
        return _run(job, report, settings, background)


def _run(job: Job, report: Report, settings: Limits, background: ExitStack) -> Outcome:
    """Body of ``run``. Background work is registered on ``background`` and cancelled when that
    closes."""
    clock = StageClock(_stages(job), report)
    clock.start(OPENING)
    job.scratch.mkdir(parents=True, exist_ok=True)
    given, warnings = job, list[dict[str, Any]]()
    dance = one_clock(job.dance, job.scratch / "dance.ts")
    reference = one_clock(job.reference, job.scratch / "reference.ts")
    job = replace(job, dance=dance.path, reference=reference.path)
    warnings += warning.joined("dance", dance.joints)
    warnings += warning.joined("reference", reference.joints)
    files = inspect(job, report, settings, background)

    evidence: dict[str, Any] = {}
    if job.plans is None:
        found = find_alignment(job, files, clock, settings, background)
        alignment, sounds, evidence = found.alignment, found.sounds, found.evidence
        summary: Mapping[str, Any] = {**alignment_to_json(alignment, job.hint), **found.tracks}
        matched, reason = alignment.matched, alignment.reason
        report(AlignmentEvent(summary))
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
            report(VariantEvent(name, variants[name]))
        if not any(v.status == "success" for v in variants.values()):
            reason = next((v.reason for v in variants.values() if v.reason), None)
    clock.finish()
    warnings += warning.of_results(note for v in variants.values() for note in v.notes)
    return Outcome(
        matched=matched,
        reason=reason,
        alignment=summary,
        variants=variants,
        seconds=clock.seconds,
        warnings=tuple(warnings),
        evidence=evidence,
    )


def write_evidence(folder: Path, outcome: Outcome) -> None:
    """Writes the curves for the plots beside the results, when there are any."""
    if outcome.evidence and folder.is_dir():
        text = json.dumps(outcome.evidence, ensure_ascii=False, allow_nan=False)
        (folder / "evidence.json").write_text(text, encoding="utf-8")
