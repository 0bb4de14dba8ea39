"""Encodes the reference in the background during alignment, so that rendering finds it ready.

Only where that is worth it: when the reference is not much longer than the dance, so that little
of it is in vain, and when both are short enough for the encoder's memory to go on top of the
alignment's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pipeline.limits import Limits
from pipeline.media.ffmpeg import FfmpegError
from pipeline.media.info import MediaInfo
from pipeline.model import Progress
from pipeline.plan.options import RenderOptions
from pipeline.reasons import JobError
from pipeline.render.aac import encode_early
from pipeline.sound.decode import PcmSound

log = logging.getLogger(__name__)

MAX_SECONDS = 3600.0
"""Seconds of either file beyond which nothing is encoded early: the alignment takes about 100 MB
for each hour, the encoder 80 MB besides, and of such a job's time little would be gained."""
MAX_LENGTH_RATIO = 1.5
SLACK_SECONDS = 30.0
"""The reference may be so many times as long as the dance, and so many seconds more."""


def pays_off(dance: float, reference: float) -> bool:
    """Whether to encode early, by the lengths of the two files (seconds)."""
    most = min(MAX_SECONDS, MAX_LENGTH_RATIO * dance + SLACK_SECONDS)
    return dance <= MAX_SECONDS and reference <= most


def encode_ahead(
    path: Path,
    reference: MediaInfo,
    sound: PcmSound,
    options: RenderOptions,
    scratch: Path,
    *,
    settings: Limits,
) -> Callable[[Progress], None]:
    """The work of encoding the whole reference (at ``path``) into ``scratch``, for ``beside``.

    Whatever goes wrong here, the rendering does without it or says what is wrong.
    """

    def work(progress: Progress) -> None:
        try:
            encode_early(
                path,
                reference,
                sound,
                options,
                scratch,
                settings=settings,
                progress=progress,
            )
        except (FfmpegError, JobError, OSError) as error:
            log.info("the sound was not encoded in advance: %s", error)

    return work
