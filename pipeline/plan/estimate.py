"""Estimates what a result with other options would sound like, without reading a file. Pure.

For the page's live preview: the same rules as ``pipeline.plan.make``, but from a finished plan and
the picture's length instead of every picture's stamp. A cut that moves (a nudge, ``keep_all`` taken
back) is therefore known to about a second: only the stamps say on which picture it falls.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.media.info import NO_TRACK
from pipeline.plan.make import follow_the_frames, music_stretches, nudged
from pipeline.plan.options import RenderOptions
from pipeline.plan.pieces import pieces, static_gain
from pipeline.plan.render_plan import Piece, RenderPlan


@dataclass(frozen=True)
class Estimate:
    """A result on the dance's time line (seconds)."""

    start: float
    """Dance time of the first picture that is kept."""
    end: float
    exact: bool
    """Whether start and end are those of the finished plan, or only near the new ones."""
    pieces: tuple[Piece, ...]
    """What sounds when; ``start`` and ``end`` are dance time here."""
    room_gain: float
    """Linear gain of the original sound under the music."""


def kept_span(plan: RenderPlan) -> tuple[float, float]:
    """Where a result's picture begins and ends (dance time, seconds)."""
    unit, origin = plan.picture.time_base, plan.dance.start_time
    return float(plan.picture.start * unit) - origin, float(plan.picture.end * unit) - origin


def trimmed_seconds(plan: RenderPlan, *, ends: float | None = None) -> tuple[float, float]:
    """How many seconds of the dance's picture a result leaves out at the start and at the end.

    ``ends`` (seconds) is where a truncated file really ends, whatever its header promises.
    """
    video = plan.dance.video
    assert video is not None, "a dance has a picture"  # noqa: S101 # probe checked it
    last = video.start_time + video.duration
    if ends is not None:
        last = min(last, ends)
    start, end = kept_span(plan)
    return max(0.0, start - video.start_time), max(0.0, last - end)


def estimate(plan: RenderPlan, options: RenderOptions) -> Estimate | None:
    """What ``pipeline.plan.make.revise`` would make of ``plan`` with ``options``; None if no music
    would be left."""
    video = plan.dance.video
    assert video is not None, "a dance has a picture"  # noqa: S101 # probe checked it
    first, last = video.start_time, video.start_time + video.duration
    music = [nudged(segment, options.nudge_ms / 1000) for segment in plan.segments]
    stretches = music_stretches(music, plan.variant, plan.bounds, first, last)
    if not stretches:
        return None
    same = options.keep_all == plan.options.keep_all
    exact = same and (options.keep_all or options.nudge_ms == plan.options.nudge_ms)
    if exact:
        start, end = kept_span(plan)
    elif options.keep_all:
        start, end = first, last
    else:
        start, end = stretches[0].start, stretches[-1].end
    gain = static_gain(plan.loudness, options, plan.dance_peak)
    sounds = pieces(follow_the_frames(stretches, start, end), start, end, gain)
    muted = plan.sound.dance_stream == NO_TRACK
    return Estimate(
        start=start,
        end=end,
        exact=exact,
        pieces=tuple(
            replace(piece, start=start + piece.start, end=start + piece.end)
            for piece in sounds
            if piece.source == "reference" or not muted
        ),
        room_gain=0.0 if muted else options.room_sound,
    )
