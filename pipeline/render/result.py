"""Renders a plan: the sound first, then both into an MP4 that appears only when it is whole.

The result is written in a folder beside its final name, flushed to the disk and renamed; whoever
kills this process leaves at most that folder behind, never a part under the final name, and the
next rendering to the same place removes it (``pipeline.scratch``).
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av.error
from av.audio.stream import AudioStream

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.media import ffmpeg
from pipeline.media.metadata import tags
from pipeline.model import Progress
from pipeline.plan.render_plan import RenderPlan
from pipeline.plan.size_limit import FULL_SOUND_BPS, MEGABYTE
from pipeline.reasons import JobError, RenderError
from pipeline.render.aac import SoundFile, sound_file
from pipeline.render.growing import NotMade, whole_size
from pipeline.render.mp4 import sound_packets, write_mp4
from pipeline.render.pictures import GOOD, described, pictures
from pipeline.render.verify import failed, verify
from pipeline.render.within_limit import limited, write_within_limit
from pipeline.scratch import check_free, scratch_folder

SOUND_BYTES_PER_SECOND = FULL_SOUND_BPS / 8 * 1.25
"""With what its packets take in the index."""
BYTES_BETWEEN_CHECKS = 8 * 2**20
"""The free space is looked at again after so many bytes."""
SECONDS_BETWEEN_CHECKS = 0.2
"""How far the result has grown since is looked at once in so much of it (seconds)."""


@dataclass(frozen=True)
class RenderReport:
    """What was done."""

    size: int
    """Bytes of the result."""
    duration: float
    """Seconds."""
    picture: str
    """``copy`` or ``encode``, and why."""
    sound: str
    sound_shared: bool
    """Whether an encoding made for the other variant was used."""
    seconds: float
    """Wall time."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def render(
    plan: RenderPlan,
    dance: Path,
    reference: Path,
    out: Path,
    *,
    settings: Limits,
    scratch: Path | None = None,
    progress: Progress | None = None,
) -> RenderReport:
    """Makes the result ``out`` (an MP4) from ``plan``, verified before it gets its name.

    ``scratch`` is a folder for the encoded sound; when both variants are given the same one,
    they share it (default: the folder of ``out``). ``progress`` gets 0 to 1. Raises
    ``RenderError`` (``render_failed``, ``verify_failed``, ``disk_full``) and ``InputError``.
    """
    started = time.monotonic()
    scratch = out.parent if scratch is None else scratch
    report = progress or (lambda _: None)
    share = 0.1 if plan.picture.action == "encode" else 0.7
    try:
        check_free(out.parent, expected_size(plan))
        sound = sound_file(
            plan,
            dance,
            reference,
            scratch,
            settings=settings,
            progress=lambda f: report(f * share),
        )
        share = 0.0 if sound.shared else share
        with scratch_folder(out.parent) as folder:
            part = folder / out.name

            def write(path: Path, quality: Sequence[str], progress: Progress) -> None:
                _write(plan, dance, sound, path, quality, settings, progress)

            def rest(done: float) -> None:
                report(share + done * (1 - share))

            if limited(plan):
                write_within_limit(
                    plan,
                    dance,
                    part,
                    write,
                    sound_bytes=whole_size(sound.path),
                    settings=settings,
                    progress=rest,
                )
            else:
                write(part, GOOD, rest)
                if 0 < plan.options.at_most_mb * MEGABYTE < part.stat().st_size:
                    raise failed("it is larger than the limit")
            verify(part, plan, settings=settings)
            _publish(part, out)
    except NotMade:  # by whoever had begun it: no more is there now
        return render(
            plan, dance, reference, out, settings=settings, scratch=scratch, progress=progress
        )
    except JobError:
        raise
    except (ffmpeg.FfmpegError, av.error.FFmpegError, OSError, ValueError) as error:
        raise _explained(error) from error
    report(1.0)
    return RenderReport(
        size=out.stat().st_size,
        duration=plan.duration,
        picture=f"{plan.picture.action}: {plan.picture.reason}",
        sound=f"{plan.sound.action}: {plan.sound.reason}",
        sound_shared=sound.shared,
        seconds=time.monotonic() - started,
    )


def expected_size(plan: RenderPlan) -> int:
    """Bytes that the result will need at most, from the kept share of the dance."""
    if limited(plan):
        return round(plan.options.at_most_mb * MEGABYTE)
    share = min(1.0, plan.duration / max(plan.dance.duration, 1e-3) + 0.05)
    return round(plan.dance.size * share + plan.duration * SOUND_BYTES_PER_SECOND)


def _write(
    plan: RenderPlan,
    dance: Path,
    sound: SoundFile,
    part: Path,
    quality: Sequence[str],
    settings: Limits,
    progress: Progress,
) -> None:
    with ExitStack() as stack:
        made = pictures(plan, dance, settings=settings, quality=quality, folder=part.parent)
        stream, packets = stack.enter_context(made)
        audio = stack.enter_context(sound.opened(settings))
        track = audio.streams[sound.stream]
        assert isinstance(track, AudioStream)  # noqa: S101
        duration = max(plan.duration, 1e-3)
        written, looked = 0, 0.0

        def position(seconds: float) -> None:
            nonlocal written, looked
            if abs(seconds - looked) < SECONDS_BETWEEN_CHECKS:
                return
            looked = seconds
            size = part.stat().st_size if part.exists() else 0
            if size - written > BYTES_BETWEEN_CHECKS:
                _begin_flush(part, written, size)
                written = size
                check_free(part.parent, BYTES_BETWEEN_CHECKS)
            progress(min(1.0, max(0.0, seconds / duration)))

        write_mp4(
            part,
            stream,
            packets,
            track,
            sound_packets(audio, track, sound.zero, plan.duration, whole=plan.options.portable),
            portable=plan.options.portable,
            size=expected_size(plan),
            count=max(plan.picture.packets, plan.picture.frames),
            duration=plan.duration,
            tags=tags(plan.dance),
            described=described(plan),
            on_packet=position,
        )


def _begin_flush(part: Path, begin: int, end: int) -> None:
    """Has the system begin to bring these bytes to the disk, so that little is left to wait for in
    the end. Linux does so when they are called needless, and keeps what is under way in memory."""
    if sys.platform == "linux":
        with part.open("rb") as file:
            os.posix_fadvise(file.fileno(), begin, end - begin, os.POSIX_FADV_DONTNEED)


def _publish(part: Path, out: Path) -> None:
    """Flushes the whole file and its name to the disk."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(out)
    folder = os.open(out.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _explained(error: Exception) -> RenderError:
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    if full:
        return RenderError(
            reasons.DISK_FULL, "the disk is full; free some space and try again", detail=str(error)
        )
    return RenderError(reasons.RENDER_FAILED, "the result could not be written", detail=repr(error))
