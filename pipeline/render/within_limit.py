"""Encodes a result so that it stays below a size and uses most of it.

x264 looks at all pictures in a first pass and shares the bits out in a second one, which lands
near the size that was asked for. Where it misses it, the second pass is made again at another rate.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pipeline import reasons
from pipeline.limits import Limits
from pipeline.model import Progress
from pipeline.plan.render_plan import RenderPlan
from pipeline.plan.size_limit import CODEC_ALLOWANCE, MEGABYTE, index_bytes
from pipeline.reasons import RenderError
from pipeline.render.pictures import encoded_pictures, two_pass

AIM = 0.97
"""How much of the limit is aimed at; two passes are some hundredths off."""
LEAST_USE = 0.9
"""With less of the limit used, the second pass is made again."""
TRIES = 3
LEAST_GAIN = 1.02
"""A higher rate by which the file grows less than this has nothing left to spend bits on."""
FIRST_PASS_SHARE = 0.4
AGAIN_SHARE = 0.1
"""Of the progress."""

Write = Callable[[Path, list[str], Progress], None]
"""Writes the result to a path with these settings of the encoder, and says how far it is."""


def limited(plan: RenderPlan) -> bool:
    """Whether a result has to be encoded into a size."""
    return plan.options.at_most_mb > 0 and plan.picture.action == "encode"


def write_within_limit(
    plan: RenderPlan,
    dance: Path,
    part: Path,
    write: Write,
    *,
    sound_bytes: int,
    settings: Limits,
    progress: Progress,
) -> None:
    """Writes the result to ``part``, in whose folder the passes leave their notes.

    ``sound_bytes`` is how much its sound takes. Raises ``RenderError`` (``size_limit``) where no
    try is small enough, ``FfmpegError``, and what ``write`` raises.
    """
    limit = plan.options.at_most_mb * MEGABYTE
    beside = sound_bytes + index_bytes(plan.picture.frames, plan.duration)
    most = limit if not plan.picture.size else plan.picture.size * CODEC_ALLOWANCE
    wanted = min(AIM * limit - beside, most)
    if wanted <= 0:
        raise _too_small(limit)
    quality = two_pass(1, wanted * 8 / plan.duration)
    with encoded_pictures(plan, dance, quality, settings=settings, folder=part.parent) as made:
        for packet in made[1]:
            at = float((packet.pts or 0) * packet.time_base)
            progress(FIRST_PASS_SHARE * min(1.0, max(0.0, at / plan.duration)))
    begin, before, best = FIRST_PASS_SHARE, 0, 0
    for number in range(TRIES):
        trial = part.with_name(f"{number}-{part.name}")
        end = 1.0 - AGAIN_SHARE * (0.5**number)

        def report(done: float, low: float = begin, high: float = end) -> None:
            progress(low + (high - low) * done)

        write(trial, two_pass(2, wanted * 8 / plan.duration), report)
        begin, size = end, trial.stat().st_size
        if best < size <= limit:
            trial.replace(part)
            best = size
        else:
            trial.unlink()
        enough = best >= LEAST_USE * limit or wanted >= most
        if best and (enough or before < size < before * LEAST_GAIN):
            break
        before = size
        wanted = min(most, wanted * (AIM * limit - beside) / max(1.0, size - beside))
    if not best:
        raise _too_small(limit)


def _too_small(limit: float) -> RenderError:
    return RenderError(
        reasons.SIZE_LIMIT, f"the film did not fit into {limit / MEGABYTE:g} MB; allow more"
    )
