"""The steps of a job: align, plan, render. Each is a plain function of files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipeline import reasons
from pipeline.job.answer_json import evidence_to_json
from pipeline.job.answers import answer_by_hand
from pipeline.job.background import run_in_background
from pipeline.job.inputs import Files, all_sounds
from pipeline.job.model import Job, VariantOutcome
from pipeline.job.progress import StageClock
from pipeline.limits import Limits
from pipeline.media.frame_times import FrameTimes, frame_times
from pipeline.media.info import NO_TRACK
from pipeline.model import (
    VARIANTS,
    Alignment,
    LineMap,
    MethodAlignment,
    Progress,
    VariantName,
)
from pipeline.plan.make import make_plan, revise
from pipeline.plan.measurements import Measurements, measured
from pipeline.plan.options import RenderOptions
from pipeline.plan.render_plan import RenderPlan
from pipeline.previews.waveform import peaks
from pipeline.reasons import InputError, JobError, RenderError, public_text, reason_of
from pipeline.render import ahead
from pipeline.render.result import render
from pipeline.sound.decode import PcmSound

log = logging.getLogger(__name__)

MakePlan = Callable[[VariantName], RenderPlan]
"""The plan of one variant; raises ``RenderError`` when there is none."""


@dataclass(frozen=True)
class Sounds:
    """The decoded sounds."""

    dance: PcmSound
    reference: PcmSound
    frames: FrameTimes | None
    """The dance's pictures; None where reading them is left for the rendering."""


@dataclass(frozen=True)
class Found:
    """Where the music is, in which tracks."""

    alignment: Alignment
    sounds: Sounds
    """The tracks that fit best."""
    evidence: dict[str, Any]
    """For the plots."""
    tracks: Mapping[str, Any]
    """See ``pipeline.job.tracks.said``."""


def find_alignment(
    job: Job, files: Files, clock: StageClock, settings: Limits, background: ExitStack
) -> Found:
    """Decodes the sounds once, asks both methods, and lets the judge make one answer.

    Where a file has several sound tracks, the pair that fits best is the answer. Background work is
    registered on ``background``. A method that breaks counts as not matched, so that the other
    still answers; when all break, the first error is raised.
    """
    clock.start("decode")
    from pipeline import align  # a job with plans does without; the reference is being decoded
    from pipeline.job import tracks

    dances, references, frames = all_sounds(job, files, clock, settings)
    hint = LineMap(*job.hint) if job.hint else None
    if hint is None:
        dances = _with_music(dances)
    else:  # where nothing fits nearby, the first pair stays
        dances = tracks.as_played(files.dance, dances)
        references = tracks.as_played(files.reference, references)
    candidates = tracks.pairs(dances, references)
    broken: list[Exception] = []
    answered = 0
    encoding = False

    def answer_of(
        name: str, dance: PcmSound, reference: PcmSound, progress: Progress
    ) -> MethodAlignment:
        if hint is not None and dance.stream == NO_TRACK:
            return answer_by_hand(name, hint, files.dance.duration, files.reference.duration)
        try:
            return align.METHODS[name](dance, reference, hint=hint, progress=progress)
        except Exception as error:
            log.exception("the method %s broke", name)
            broken.append(error)
            return MethodAlignment(method=name, reason=reason_of(error))

    def ask(name: str, dance: PcmSound, reference: PcmSound, progress: Progress) -> MethodAlignment:
        nonlocal answered, encoding
        answered += 1
        answer = answer_of(name, dance, reference, progress)
        if answer.matched and not encoding and len(candidates) == 1 and frames is not None:
            measurements = measured(frames, dance, reference)
            work = partial(_make_sound, job, files, answer, measurements, settings)
            background.enter_context(run_in_background("encode-early", work))
            encoding = True
        return answer

    def begin(name: str) -> Progress:
        clock.start(f"align_{name}")
        return clock.step

    wanted = job.variants if job.align_only else VARIANTS
    names = [name for name in VARIANTS if name in wanted]
    best = tracks.best_pair(candidates, names, ask, begin)
    if len(broken) == answered:
        raise broken[0]
    answers = {
        name: align.with_joints(answer, best.dance, best.reference, align.METHODS[name])
        for name, answer in best.answers.items()
    }
    alignment = align.judge(answers)
    evidence: dict[str, Any] = {
        "variants": {name: evidence_to_json(a) for name, a in answers.items()},
        "waveforms": {
            "dance": _waveform(best.dance),
            "reference": _waveform(best.reference),
        },
    }
    track_facts = tracks.said(
        alignment,
        (files.dance, best.dance, job.dance_track is not None),
        (files.reference, best.reference, job.reference_track is not None),
        len(dances) * len(references) - len(candidates),
    )
    sounds = Sounds(best.dance, best.reference, frames)
    return Found(alignment, sounds, evidence, track_facts)


def _with_music(dances: Sequence[PcmSound]) -> list[PcmSound]:
    """The tracks that are not silent; raises ``InputError`` without any."""
    from pipeline import align

    faults = [align.fault_of(sound) for sound in dances]
    kept = [sound for sound, fault in zip(dances, faults, strict=True) if fault is None]
    if not kept and faults[0] is not None:
        text = f"the dance file does not serve: {faults[0].detail}"
        raise InputError(faults[0].reason, text, role="dance")
    return kept


def _waveform(sound: PcmSound) -> dict[str, Any]:
    drawn = peaks(sound)
    return {"duration": round(sound.duration, 3), "low": list(drawn.low), "high": list(drawn.high)}


def _make_sound(
    job: Job,
    files: Files,
    answer: MethodAlignment,
    measurements: Measurements,
    settings: Limits,
    progress: Progress,
) -> None:
    """Makes the sound of a first answer's result."""
    ahead.make_sound(
        lambda: _plan(job, files, answer.method, answer, measurements),
        job.dance,
        job.reference,
        job.scratch,
        settings=settings,
        progress=progress,
    )


def plan_answers(
    job: Job, files: Files, alignment: Alignment, sounds: Sounds, settings: Limits
) -> MakePlan:
    """Measures what plans need, once; the function it returns plans a variant's own answer. Raises
    ``InputError`` when the dance turns out to be damaged."""
    frames = sounds.frames or frame_times(job.dance, files.dance, settings=settings)
    measurements = measured(frames, sounds.dance, sounds.reference)
    return lambda name: _plan(job, files, name, alignment.variants.get(name), measurements)


def _plan(
    job: Job,
    files: Files,
    name: VariantName,
    answer: MethodAlignment | None,
    measurements: Measurements,
) -> RenderPlan:
    if answer is None or not answer.matched or not answer.segments:
        reason = (answer.reason if answer else None) or reasons.NO_SHARED_MUSIC
        raise RenderError(reason, f"the method {name} found no shared music")
    return make_plan(
        answer.segments,
        files.dance,
        files.reference,
        variant=name,
        options=RenderOptions.from_json(dict(job.options)),
        measurements=measurements,
    )


def plan_again(job: Job, files: Files, settings: Limits) -> MakePlan:
    """Plans from the plans of an earlier job, with the job's options."""
    frames = frame_times(job.dance, files.dance, settings=settings)
    options = RenderOptions.from_json(dict(job.options))
    earlier: Mapping[str, Mapping[str, Any]] = job.plans or {}

    def make(name: VariantName) -> RenderPlan:
        if name not in earlier:
            raise RenderError(reasons.RENDER_FAILED, f"there is no plan of {name} to go by")
        return revise(RenderPlan.from_json(dict(earlier[name])), options, frames=frames)

    return make


def render_variant(
    job: Job, name: VariantName, make: MakePlan, clock: StageClock, settings: Limits
) -> VariantOutcome:
    """One variant from its own plan; a failure is this variant's alone."""
    out = job.out / f"{job.stem}_{name}.mp4"
    try:
        plan = make(name)
        report = render(
            plan,
            job.dance,
            job.reference,
            out,
            settings=settings,
            scratch=job.scratch,
            progress=clock.step,
        )
    except Exception as error:  # the other variant goes on
        if isinstance(error, JobError) and not error.detail:  # our own words, said at the end
            log.info("rendering %s failed: %s", name, error)
        else:
            log.exception("rendering %s failed", name)
        return VariantOutcome("failed", reason=reason_of(error), text=public_text(error))
    log.info("%s: picture %s; sound %s", name, report.picture, report.sound)
    return VariantOutcome("success", str(out), plan=plan.to_json(), notes=plan.notes)
