"""The clean sound is encoded while its place is still looked for: on two cores it is then there.

Only where that is worth it: when the reference is not much longer than the dance, so that little
of it is in vain, and when both are short enough for the encoder's memory to go on top of the
alignment's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.decode import PcmSound
from pipeline.ffmpeg import FfmpegError
from pipeline.job import Job
from pipeline.media import MediaInfo
from pipeline.plan import RenderOptions
from pipeline.reasons import JobError
from pipeline.settings import Settings
from pipeline.sound import encode_early

log = logging.getLogger(__name__)

LONGEST = 3600.0
"""Seconds of either file beyond which nothing is encoded early: the alignment takes about 100 MB
for each hour, the encoder 80 MB besides, and of such a job's time little would be gained."""
IN_VAIN = 1.5
SPARE = 30.0
"""The reference may be ``IN_VAIN`` times as long as the dance, and ``SPARE`` seconds."""


class _Stopped(Exception):
    """Nobody waits for the sound any more."""


def worth_it(dance: float, reference: float) -> bool:
    """Whether to encode early, by the lengths of the two files (seconds)."""
    return max(dance, reference) <= LONGEST and reference <= IN_VAIN * dance + SPARE


@contextmanager
def encoding_meanwhile(
    job: Job, reference: MediaInfo, sound: PcmSound, settings: Settings
) -> Iterator[threading.Thread]:
    """Encodes the whole reference into the job's scratch folder in a thread, to be joined before
    the sound is needed. At the end of the block the encoding is over, finished or not.

    Whatever goes wrong here, the rendering does without it or says what is wrong.
    """
    unwanted = threading.Event()

    def hear(_: float) -> None:
        if unwanted.is_set():
            raise _Stopped

    def work() -> None:
        try:
            encode_early(
                job.reference,
                reference,
                sound,
                RenderOptions.from_json(dict(job.options)),
                job.scratch,
                settings=settings,
                progress=hear,
            )
        except _Stopped:
            return
        except (FfmpegError, JobError, OSError) as error:
            log.info("the sound was not encoded in advance: %s", error)

    thread = threading.Thread(target=work, name="encode-early", daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        unwanted.set()
        thread.join()
