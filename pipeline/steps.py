"""The steps of a job: inspect, align, plan, render. Each is a plain function of files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline import reasons
from pipeline.alignment_json import evidence_to_json
from pipeline.beside import Beside, beside
from pipeline.decode import PcmSound, decode_sound, silence
from pipeline.job import Job, VariantOutcome, reason_of
from pipeline.media import MediaInfo
from pipeline.model import (
    VARIANTS,
    Alignment,
    Evidence,
    MethodAlignment,
    Progress,
    Segment,
    VariantName,
)
from pipeline.plan import NO_TRACK
from pipeline.probe import probe
from pipeline.progress import StageClock
from pipeline.reasons import InputError, RenderError
from pipeline.settings import Settings
from pipeline.waveform import peaks

if TYPE_CHECKING:
    from pipeline import align
    from pipeline.plan import RenderPlan

log = logging.getLogger(__name__)

MakePlan = Callable[[VariantName], "RenderPlan"]
"""The plan of one variant; raises ``RenderError`` when there is none."""


@dataclass(frozen=True)
class Files:
    """What is known of the two files."""

    dance: MediaInfo
    reference: MediaInfo
    listening: Beside[PcmSound] | None = None
    """Decodes the reference meanwhile; None where no sound is needed."""


@dataclass(frozen=True)
class Sounds:
    """The decoded sounds."""

    dance: PcmSound
    reference: PcmSound
    early: Beside[None] | None = None
    """Encodes the reference meanwhile; to be awaited before rendering."""


def placed(job: Job) -> bool:
    """Whether the music's place was given by hand, now or in the plans of an earlier job."""
    return job.hint is not None or job.plans is not None


def inspect(job: Job, settings: Settings, meanwhile: ExitStack) -> Files:
    """Probes both files; raises ``InputError``. The reference comes first, since decoding it is
    the longest of what the rest waits for: that begins at once, and ends with ``meanwhile``."""
    reference = probe(job.reference, role="reference", settings=settings)

    def listen(progress: Progress) -> PcmSound:
        return decode_sound(
            job.reference,
            reference,
            job.scratch,
            settings=settings,
            # A place alone needs no loudness, and measuring it costs as much as decoding; a
            # result needs it even where it is off now, since it may be switched on later.
            loudness=not job.align_only,
            progress=progress,
        )

    listening = None
    if job.plans is None:
        listening = meanwhile.enter_context(beside("decode-reference", listen))
    # A dance that a person places by hand may be mute.
    dance = probe(
        job.dance,
        role="dance",
        settings=settings,
        need_sound=not placed(job),
        need_picture=not job.align_only,
    )
    return Files(dance, reference, listening)


def find_alignment(
    job: Job, files: Files, clock: StageClock, settings: Settings, meanwhile: ExitStack
) -> tuple[Alignment, Sounds, dict[str, Any]]:
    """Decodes both sounds once, asks both methods, and lets the judge make one answer.

    What goes on beside it ends with ``meanwhile``.

    Also returns the evidence for the plots. A method that breaks counts as not matched, so
    that the other still answers; when both break, the first error is raised.
    """
    clock.start("decode")
    sounds = _both_sounds(job, files, clock, settings)
    if not job.align_only:
        from pipeline import early

        if early.worth_it(files.dance.duration, files.reference.duration):
            work = early.encoding(job, files.reference, sounds.reference, settings)
            sounds = replace(sounds, early=meanwhile.enter_context(beside("encode-early", work)))
    from pipeline import align  # SciPy, which takes a while: the encoder is at work already

    if job.hint is None:
        report = align.describe_sound(sounds.dance)
        if report.reason in (reasons.SILENT, reasons.TOO_SHORT):
            raise InputError(
                report.reason, f"the dance file does not serve: {report.detail}", role="dance"
            )
    hint = align.Hint(*job.hint) if job.hint else None
    wanted = job.variants if job.align_only else VARIANTS
    answers: dict[str, MethodAlignment] = {}
    broken: list[Exception] = []
    for name in VARIANTS:
        if name not in wanted:
            continue
        clock.start(f"align_{name}")
        if hint is not None and sounds.dance.stream == NO_TRACK:
            answers[name] = as_placed(name, hint, files)
            continue
        try:
            answers[name] = align.METHODS[name](
                sounds.dance, sounds.reference, hint=hint, progress=clock.step
            )
        except Exception as error:
            log.exception("the method %s broke", name)
            broken.append(error)
            answers[name] = MethodAlignment(name, False, False, 0.0, (), reason=reason_of(error))
    if len(broken) == len(answers):
        raise broken[0]
    answers = {
        name: align.with_joints(answer, sounds.dance, sounds.reference)
        for name, answer in answers.items()
    }
    alignment = align.judge(answers)
    evidence: dict[str, Any] = {
        "variants": {name: evidence_to_json(a.evidence) for name, a in answers.items()},
        "waveforms": {
            "dance": _waveform(sounds.dance),
            "reference": _waveform(sounds.reference),
        },
    }
    return alignment, sounds, evidence


def _both_sounds(job: Job, files: Files, clock: StageClock, settings: Settings) -> Sounds:
    """The dance's sound, decoded beside the reference's."""
    other = files.listening
    assert other is not None  # noqa: S101 # only a job with plans goes without
    share = files.dance.duration / ((files.dance.duration + files.reference.duration) or 1.0)

    def hear(done: float) -> None:
        clock.step(share * done + (1.0 - share) * other.done)

    dance = _dance_sound(job, files, settings, hear)
    return Sounds(dance, other.result(lambda _: hear(1.0)))


def as_placed(name: str, hint: align.Hint, files: Files) -> MethodAlignment:
    """The place that a person gave, where there is no sound to refine it by."""
    start = max(0.0, -hint.offset / hint.speed)
    end = min(files.dance.duration, (files.reference.duration - hint.offset) / hint.speed)
    if end <= start:
        return MethodAlignment(name, False, False, 0.0, (), reason=reasons.NO_SHARED_MUSIC)
    segment = Segment(start, end, hint.offset, hint.speed)
    # Half: nothing speaks against the place, and nothing but a person for it.
    evidence = Evidence(details={"hint": 1.0, "refined": 0.0})
    return MethodAlignment(name, True, False, 0.5, (segment,), evidence=evidence)


def _dance_sound(job: Job, files: Files, settings: Settings, progress: Progress) -> PcmSound:
    """The dance's sound; silence for a mute dance that a person has placed by hand."""
    if files.dance.sounds:
        try:
            return decode_sound(
                job.dance, files.dance, job.scratch, settings=settings, progress=progress
            )
        except InputError as error:
            if not placed(job) or error.reason not in (reasons.SILENT, reasons.TOO_SHORT):
                raise
            log.info("the dance's sound does not serve (%s); its place was given by hand", error)
    return silence(files.dance, job.scratch)


def _waveform(sound: PcmSound) -> dict[str, Any]:
    drawn = peaks(sound)
    return {"duration": round(sound.duration, 3), "low": list(drawn.low), "high": list(drawn.high)}


def plan_answers(
    job: Job, files: Files, alignment: Alignment, sounds: Sounds, settings: Settings
) -> MakePlan:
    """Measures what plans need, once; the function it returns plans a variant's own answer."""
    from pipeline.materials import gather
    from pipeline.plan import RenderOptions
    from pipeline.planning import make_plan

    materials = gather(
        job.dance,
        files.dance,
        sounds.dance,
        sounds.reference,
        settings=settings,
    )
    options = RenderOptions.from_json(dict(job.options))
    if sounds.early is not None:
        sounds.early.result()

    def make(name: VariantName) -> RenderPlan:
        answer = alignment.variants.get(name)
        if answer is None or not answer.matched or not answer.segments:
            reason = (answer.reason if answer else None) or reasons.NO_SHARED_MUSIC
            raise RenderError(reason, f"the method {name} found no shared music")
        return make_plan(
            answer.segments,
            files.dance,
            files.reference,
            variant=name,
            options=options,
            materials=materials,
        )

    return make


def plan_again(job: Job, files: Files, settings: Settings) -> MakePlan:
    """Plans from the plans of an earlier job, with the job's options."""
    from pipeline.frames import frame_times
    from pipeline.plan import RenderOptions, RenderPlan
    from pipeline.planning import revise

    frames = frame_times(job.dance, files.dance, settings=settings)
    options = RenderOptions.from_json(dict(job.options))
    earlier: Mapping[str, Mapping[str, Any]] = job.plans or {}

    def make(name: VariantName) -> RenderPlan:
        if name not in earlier:
            raise RenderError(reasons.RENDER_FAILED, f"there is no plan of {name} to go by")
        return revise(RenderPlan.from_json(dict(earlier[name])), options, frames=frames)

    return make


def render_variant(
    job: Job, name: VariantName, make: MakePlan, clock: StageClock, settings: Settings
) -> VariantOutcome:
    """One variant from its own plan; a failure is this variant's alone."""
    from pipeline.render import render

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
        log.exception("rendering %s failed", name)
        return VariantOutcome("failed", reason=reason_of(error), text=str(error))
    log.info("%s: picture %s; sound %s", name, report.picture, report.sound)
    return VariantOutcome("success", str(out), plan=plan.to_json(), notes=plan.notes)
