"""Makes a result's sound before it is certain what the result is.

While the other methods still look for the music, the sound of the first one's answer is made: the
results mostly share it, so that rendering finds it ready. Where the answer becomes another one, it
is made anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from pipeline.limits import Limits
from pipeline.media.ffmpeg import FfmpegError
from pipeline.model import Progress
from pipeline.plan.render_plan import RenderPlan
from pipeline.reasons import JobError
from pipeline.render.aac import sound_file

log = logging.getLogger(__name__)

MAX_SECONDS = 3600.0
"""Seconds of either file beyond which nothing is made ahead: the alignment takes about 100 MB
for each hour, the encoder 80 MB besides, and of such a job's time little would be gained."""


def pays_off(dance: float, reference: float) -> bool:
    """Whether to work ahead, by the lengths of the two files (seconds)."""
    return max(dance, reference) <= MAX_SECONDS


def make_sound(
    make: Callable[[], RenderPlan],
    dance: Path,
    reference: Path,
    scratch: Path,
    *,
    settings: Limits,
    progress: Progress,
) -> None:
    """Encodes the sound of the plan that ``make`` gives into ``scratch``, unless it is copied.

    Whatever goes wrong here, the rendering does without it or says what is wrong.
    """
    try:
        sound_file(make(), dance, reference, scratch, settings=settings, progress=progress)
    except (FfmpegError, JobError, OSError, ValueError) as error:
        log.info("the sound was not made ahead: %s", error)
