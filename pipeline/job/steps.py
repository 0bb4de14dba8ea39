"""The steps of a job: inspect, align, plan, render. Each is a plain function of files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from pipeline import reasons
from pipeline.job.answer_json import evidence_to_json
from pipeline.job.answers import answer_by_hand
from pipeline.job.background import BackgroundWork, run_in_background
from pipeline.job.declared import declared
from pipeline.job.events import Report
from pipeline.job.model import Job, VariantOutcome
from pipeline.job.progress import StageClock
from pipeline.limits import Limits
from pipeline.media.facts_note import noted_info
from pipeline.media.frame_times import frame_times
from pipeline.media.info import NO_TRACK, MediaInfo, Role
from pipeline.media.probe import probe
from pipeline.model import (
    VARIANTS,
    Alignment,
    LineMap,
    MethodAlignment,
    Progress,
    VariantName,
)
from pipeline.plan.make import make_plan, revise
from pipeline.plan.measurements import measure_files
from pipeline.plan.options import RenderOptions
from pipeline.plan.render_plan import RenderPlan
from pipeline.previews.waveform import peaks
from pipeline.reasons import InputError, JobError, RenderError, public_text, reason_of
from pipeline.render import ahead
from pipeline.render.result import render
from pipeline.sound.decode import PcmSound, decode_tracks, silence

log = logging.getLogger(__name__)

MAX_PASSES = 4
"""Encodings of one film into a limited size: a first look, and up to three tries."""
MakePlan = Callable[[VariantName], RenderPlan]
"""The plan of one variant; raises ``RenderError`` when there is none."""


@dataclass(frozen=True)
class Files:
    """What is known of the two files."""

    dance: MediaInfo
    reference: MediaInfo
    reference_decode: BackgroundWork[tuple[PcmSound, ...]] | None = None
    """Decodes the reference's tracks in the background; None where no sound is needed."""


@dataclass(frozen=True)
class Sounds:
    """The decoded sounds."""

    dance: PcmSound
    reference: PcmSound
    reference_encode: BackgroundWork[None] | None = None
    """Encodes the reference in the background; to be awaited before rendering."""


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


def placed(job: Job) -> bool:
    """Whether the music's place was given by hand, now or in the plans of an earlier job."""
    return job.hint is not None or job.plans is not None


def inspect(job: Job, report: Report, settings: Limits, background: ExitStack) -> Files:
    """Probes both files and reports what they declare; raises ``InputError``.

    The reference comes first, since decoding it takes longest: that begins at once, and is
    cancelled when ``background`` closes.
    """
    reference = _described(job, "reference", settings)

    def decode_reference(progress: Progress) -> tuple[PcmSound, ...]:
        return decode_tracks(
            job.reference,
            reference,
            job.scratch,
            settings=settings,
            number=job.reference_track,
            # A place alone needs no loudness, and measuring it costs as much as decoding; a
            # result needs it even where it is off now, since it may be switched on later.
            loudness=not job.align_only,
            progress=progress,
        )

    reference_decode = None
    if job.plans is None:
        reference_decode = background.enter_context(
            run_in_background("decode-reference", decode_reference)
        )
    # A dance that a person places by hand may be mute.
    dance = _described(
        job, "dance", settings, need_sound=not placed(job), need_picture=not job.align_only
    )
    report(declared(reference))  # not before the dance has been opened within its own budget
    passes = MAX_PASSES if job.options.get("at_most_mb") else 1
    report(declared(dance, times=0 if job.align_only else passes * len(job.variants)))
    return Files(dance, reference, reference_decode)


def _described(
    job: Job, role: Role, settings: Limits, *, need_sound: bool = True, need_picture: bool = True
) -> MediaInfo:
    """What a file is: as it was noted when it was uploaded, else probed."""
    path = job.dance if role == "dance" else job.reference
    noted = noted_info(path, role, settings) if job.uploaded else None
    if noted is not None:  # only files with all that a job may need have a note
        return noted
    return probe(
        path, role=role, settings=settings, need_sound=need_sound, need_picture=need_picture
    )


def find_alignment(
    job: Job, files: Files, clock: StageClock, settings: Limits, background: ExitStack
) -> Found:
    """Decodes the sounds once, asks both methods, and lets the judge make one answer.

    Where a file has several sound tracks, the pair that fits best is the answer. Background work is
    registered on ``background``. A method that breaks counts as not matched, so that the other
    still answers; when all break, the first error is raised.
    """
    clock.start("decode")
    dances, references = _all_sounds(job, files, clock, settings)
    early_sound = None
    if (
        not job.align_only
        and len(references) == 1
        and ahead.pays_off(files.dance.duration, files.reference.duration)
    ):
        work = ahead.encode_ahead(
            job.reference,
            files.reference,
            references[0],
            RenderOptions.from_json(dict(job.options)),
            job.scratch,
            settings=settings,
        )
        early_sound = background.enter_context(run_in_background("encode-early", work))
    # A job with plans does without them; and here the encoder is at work already.
    from pipeline import align
    from pipeline.job import tracks

    hint = LineMap(*job.hint) if job.hint else None
    if hint is None:
        dances = _with_music(dances)
    else:  # where nothing fits nearby, the first pair stays
        dances = tracks.as_played(files.dance, dances)
        references = tracks.as_played(files.reference, references)
    broken: list[Exception] = []
    answered = 0

    def ask(name: str, dance: PcmSound, reference: PcmSound, progress: Progress) -> MethodAlignment:
        nonlocal answered
        answered += 1
        if hint is not None and dance.stream == NO_TRACK:
            return answer_by_hand(name, hint, files.dance.duration, files.reference.duration)
        try:
            return align.METHODS[name](dance, reference, hint=hint, progress=progress)
        except Exception as error:
            log.exception("the method %s broke", name)
            broken.append(error)
            return MethodAlignment(method=name, reason=reason_of(error))

    def begin(name: str) -> Progress:
        clock.start(f"align_{name}")
        return clock.step

    wanted = job.variants if job.align_only else VARIANTS
    names = [name for name in VARIANTS if name in wanted]
    candidates = tracks.pairs(dances, references)
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
    return Found(alignment, Sounds(best.dance, best.reference, early_sound), evidence, track_facts)


def _with_music(dances: Sequence[PcmSound]) -> list[PcmSound]:
    """The tracks that are not silent; raises ``InputError`` without any."""
    from pipeline import align

    reports = [align.describe_sound(sound) for sound in dances]
    useless = (reasons.SILENT, reasons.TOO_SHORT)
    kept = [s for s, r in zip(dances, reports, strict=True) if r.reason not in useless]
    if not kept:
        reason = reports[0].reason or reasons.SILENT
        text = f"the dance file does not serve: {reports[0].detail}"
        raise InputError(reason, text, role="dance")
    return kept


def _all_sounds(
    job: Job, files: Files, clock: StageClock, settings: Limits
) -> tuple[Sequence[PcmSound], Sequence[PcmSound]]:
    """The dance's tracks, decoded beside the reference's."""
    other = files.reference_decode
    assert other is not None  # noqa: S101 # only a job with plans goes without
    share = files.dance.duration / ((files.dance.duration + files.reference.duration) or 1.0)

    def report_progress(done: float) -> None:
        clock.step(share * done + (1.0 - share) * other.done)

    dances = _dance_sounds(job, files, settings, report_progress)
    return dances, other.result(lambda _: report_progress(1.0))


def _dance_sounds(
    job: Job, files: Files, settings: Limits, progress: Progress
) -> tuple[PcmSound, ...]:
    """The dance's tracks; silence for a mute dance that a person has placed by hand."""
    if files.dance.sounds:
        try:
            return decode_tracks(
                job.dance,
                files.dance,
                job.scratch,
                settings=settings,
                number=job.dance_track,
                progress=progress,
            )
        except InputError as error:
            if not placed(job) or error.reason not in (reasons.SILENT, reasons.TOO_SHORT):
                raise
            log.info("the dance's sound does not serve (%s); its place was given by hand", error)
    return (silence(files.dance, job.scratch),)


def _waveform(sound: PcmSound) -> dict[str, Any]:
    drawn = peaks(sound)
    return {"duration": round(sound.duration, 3), "low": list(drawn.low), "high": list(drawn.high)}


def plan_answers(
    job: Job, files: Files, alignment: Alignment, sounds: Sounds, settings: Limits
) -> MakePlan:
    """Measures what plans need, once; the function it returns plans a variant's own answer."""
    measurements = measure_files(
        job.dance,
        files.dance,
        sounds.dance,
        sounds.reference,
        settings=settings,
    )
    options = RenderOptions.from_json(dict(job.options))
    if sounds.reference_encode is not None:
        sounds.reference_encode.result()

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
            measurements=measurements,
        )

    return make


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
