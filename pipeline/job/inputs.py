"""The two files of a job: what they are, and their sounds. The reference is decoded in the
background, since that takes longest."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from pipeline import reasons
from pipeline.job.background import BackgroundWork, run_in_background
from pipeline.job.declared import declared
from pipeline.job.events import Report
from pipeline.job.model import Job
from pipeline.job.progress import StageClock
from pipeline.limits import Limits
from pipeline.media.facts_note import noted_info
from pipeline.media.frame_times import FrameTimes, frame_times
from pipeline.media.info import MediaInfo, Role
from pipeline.media.probe import probe
from pipeline.model import Progress
from pipeline.reasons import InputError
from pipeline.render import ahead
from pipeline.sound.decode import PcmSound, decode_tracks, silence

log = logging.getLogger(__name__)

MAX_PASSES = 4
"""Encodings of one film into a limited size: a first look, and up to three tries."""


@dataclass(frozen=True)
class Files:
    """What is known of the two files."""

    dance: MediaInfo
    reference: MediaInfo
    reference_decode: BackgroundWork[tuple[PcmSound, ...]] | None = None
    """Decodes the reference's tracks in the background; None where no sound is needed."""


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


def all_sounds(
    job: Job, files: Files, clock: StageClock, settings: Limits
) -> tuple[Sequence[PcmSound], Sequence[PcmSound], FrameTimes | None]:
    """The dance's tracks, decoded beside the reference's; and its pictures' stamps, where working
    ahead pays off: this thread waits for the reference anyway."""
    other = files.reference_decode
    assert other is not None  # noqa: S101 # only a job with plans goes without
    share = files.dance.duration / ((files.dance.duration + files.reference.duration) or 1.0)

    def report_progress(done: float) -> None:
        clock.step(share * done + (1.0 - share) * other.done)

    dances = _dance_sounds(job, files, settings, report_progress)
    frames = None
    if not job.align_only and ahead.pays_off(files.dance.duration, files.reference.duration):
        frames = frame_times(job.dance, files.dance, settings=settings)
    return dances, other.result(lambda _: report_progress(1.0)), frames


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
