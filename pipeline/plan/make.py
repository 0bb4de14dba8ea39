"""Makes the plan of a result: from an answer to exact pictures, times and gains. Pure.

Which part is kept:

- ``modular`` keeps what both have: the segments themselves, without the reference's leading
  and trailing silence.
- ``v2`` keeps everything under which the reference has sound: the first segment's map is
  followed back and the last one's on, as far as the reference and the picture reach, but not where
  the line is known to end.
- ``keep_all`` keeps every picture; where there is no reference the original sound stays.

Then the start moves to a picture's own stamp (and to a key frame, when one lies about a second
before it and something sounds from there on), and the end to a closed point in decoding order: a
prefix of the packets whose pictures are exactly the first ones to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline import reasons
from pipeline.media.frame_times import FrameTimes, reordering_depth
from pipeline.media.info import NO_TRACK, Bounds, MediaInfo, VideoInfo
from pipeline.media.picture import COPYABLE
from pipeline.model import Segment, VariantName
from pipeline.plan.measurements import Measurements
from pipeline.plan.options import Action, RenderOptions
from pipeline.plan.pieces import Music, pieces, sound_action, static_gain
from pipeline.plan.render_plan import Picture, RenderPlan, SoundPlan
from pipeline.plan.size_limit import FULL_SOUND_BPS, MEGABYTE, copied_bytes, fit
from pipeline.reasons import RenderError

KEY_FRAME_SECONDS = 1.05
"""A copied picture begins at a key frame that lies at most this long before the wished start.
Phones write one a second (Android's MediaRecorder by default), give or take a picture; what is
hidden behind an edit list instead is shown by editors and players that follow none."""
MIN_PIECE_SECONDS = 0.2
"""Music that would play for less than this is left out: it is not worth a cross-fade."""


ROUNDING_SECONDS = 0.01
"""Stamps are rounded: a start this much farther from its key frame still counts as near."""
PORTABLE_BITS = 8
"""Bits of a sample that every player decodes."""


def make_plan(
    segments: Sequence[Segment],
    dance_info: MediaInfo,
    reference_info: MediaInfo,
    *,
    variant: VariantName,
    options: RenderOptions,
    measurements: Measurements,
) -> RenderPlan:
    """The plan of one result. Raises ``RenderError`` when no picture has music under it."""
    frames, bounds = measurements.frames, measurements.bounds
    video = dance_info.video
    assert video is not None, "a dance has a picture"  # noqa: S101 # probe checked it
    music = [nudged(segment, options.nudge_ms / 1000) for segment in segments]
    first_shown, last_end = _extent(frames)
    stretches = music_stretches(music, variant, bounds, first_shown, last_end)
    if not stretches:
        raise RenderError(
            reasons.NO_SHARED_MUSIC, "no picture of the dance has the reference's music under it"
        )
    if options.keep_all:
        start, end = first_shown, last_end
    else:
        start, end = stretches[0].start, stretches[-1].end
    muted = measurements.dance_stream == NO_TRACK
    earliest = _earliest_music(stretches[0]) if muted else first_shown
    picture = _picture(frames, video, start, end, earliest, options)
    begin = frames.seconds(picture.start)
    finish = frames.seconds(picture.end)
    stretches = follow_the_frames(stretches, begin, finish)
    gain = static_gain(measurements.loudness, options, measurements.dance_peak)
    sounds = pieces(stretches, begin, finish, gain)
    if muted:
        sounds = tuple(piece for piece in sounds if piece.source == "reference")
    reference = next(s for s in reference_info.sounds if s.index == measurements.reference_stream)
    action, reason = sound_action(sounds, reference, options, finish - begin)
    picture, sound_bps = _within_limit(picture, video, options.at_most_mb)
    notes = ["picture_encoded"] if picture.action == "encode" else []
    return RenderPlan(
        variant=variant,
        picture=picture,
        sound=SoundPlan(
            pieces=sounds,
            reference_stream=measurements.reference_stream,
            dance_stream=measurements.dance_stream,
            room_gain=0.0 if muted else options.room_sound,
            action=action,
            reason=reason,
            bit_rate=sound_bps,
        ),
        options=options,
        segments=tuple(segments),
        bounds=bounds,
        loudness=measurements.loudness,
        dance=dance_info,
        reference=reference_info,
        dance_peak=measurements.dance_peak,
        notes=tuple(notes),
    )


def revise(
    plan: RenderPlan,
    options: RenderOptions,
    *,
    frames: FrameTimes,
    segments: Sequence[Segment] | None = None,
) -> RenderPlan:
    """The same result with other options (a nudge, another mix) or another candidate's map."""
    return make_plan(
        plan.segments if segments is None else segments,
        plan.dance,
        plan.reference,
        variant=plan.variant,
        options=options,
        measurements=Measurements(
            frames=frames,
            bounds=plan.bounds,
            loudness=plan.loudness,
            dance_stream=plan.sound.dance_stream,
            reference_stream=plan.sound.reference_stream,
            dance_peak=plan.dance_peak,
        ),
    )


def nudged(segment: Segment, later: float) -> Segment:
    """The segment with its music played ``later`` seconds later."""
    return segment.on(segment.line.shifted(later))


def _extent(frames: FrameTimes) -> tuple[float, float]:
    """Dance time of the first picture and of the end of the last one."""
    shown = frames.pts[~frames.hidden]
    return (
        frames.seconds(int(shown.min())),
        frames.seconds(int(shown.max()) + frames.last_duration),
    )


def music_stretches(
    segments: Sequence[Segment],
    variant: VariantName,
    bounds: Bounds,
    first: float,
    last: float,
) -> list[Music]:
    """The stretches of the dance that get music, for a picture from ``first`` to ``last`` (dance
    time, seconds)."""
    ordered = sorted(segments, key=lambda segment: segment.dance_start)
    found: list[Music] = []
    for number, segment in enumerate(ordered):
        start, end = segment.dance_start, segment.dance_end
        low, high = 0.0, bounds.end
        if variant == "v2":
            start = first if number == 0 and not segment.begins else start
            end = last if number == len(ordered) - 1 and not segment.ends else end
        else:
            low, high = bounds.music_start, bounds.music_end
        start = max(start, first, segment.line.dance_time(low))
        end = min(end, last, segment.line.dance_time(high))
        if found:
            start = max(start, found[-1].end)
        if end - start >= MIN_PIECE_SECONDS:
            found.append(Music(start, end, segment))
    return found


def _earliest_music(music: Music) -> float:
    """From when on (dance time, seconds) the first stretch could play if the picture began
    earlier."""
    segment = music.segment
    return music.start if segment.begins else segment.line.dance_time(0.0)


def _picture(
    frames: FrameTimes,
    video: VideoInfo,
    start: float,
    end: float,
    earliest: float,
    options: RenderOptions,
) -> Picture:
    """Frame-exact cut: stamps, and the packets that must be copied for them. A key frame before
    ``start`` serves as the first picture from ``earliest`` on, where there is sound to lead in
    (dance time, seconds)."""
    action, reason = _picture_action(video, frames)
    seconds = frames.pts * float(frames.time_base) - float(frames.origin)
    tolerance = float(frames.time_base) / 2
    shown = ~frames.hidden
    wished = seconds[shown & (seconds >= start - tolerance)]
    if not len(wished):
        raise RenderError(reasons.NO_SHARED_MUSIC, "no picture has the reference's music under it")
    first = float(wished.min())
    keys = np.flatnonzero(frames.key & (seconds <= first + tolerance))
    least = max(first - KEY_FRAME_SECONDS, min(first, earliest))
    near = keys[shown[keys] & (seconds[keys] >= least - tolerance)]
    if len(near) and action == "copy":
        begin = int(near[-1])
        first = float(seconds[begin])
    elif len(keys):
        begin = int(keys[-1])
    else:  # pictures before the first key frame cannot be decoded
        begin = int(np.flatnonzero(frames.key & shown)[0])
        first = float(seconds[begin])
    count, stop = _closed_end(frames, begin, end + tolerance)
    inside = frames.pts[begin : begin + count]
    if options.portable and action == "copy":
        # Decided last, so that a portable file has the same pictures as any other.
        if video.codec != "h264" or video.bit_depth != PORTABLE_BITS:
            action, reason = "encode", "a portable file needs H.264 with 8 bits"
        elif np.any(seconds[begin:] < first - tolerance):
            action, reason = "encode", "a portable file begins on a key frame"
    first_stamp = int(inside[np.argmin(np.abs(seconds[begin : begin + count] - first))])
    visible = shown[begin : begin + count] & (inside >= first_stamp)
    return Picture(
        stream=video.index,
        time_base=frames.time_base,
        start=first_stamp,
        end=stop,
        frames=int(visible.sum()),
        first=int((shown & (frames.pts < first_stamp)).sum()),
        key=int(frames.pts[begin]),
        packets=count,
        depth=reordering_depth(inside),
        step=frames.step,
        action=action,
        reason=reason,
        rebuilt=frames.rebuilt,
        size=int(frames.size[begin : begin + count].sum(dtype=np.int64)),
    )


def _within_limit(picture: Picture, video: VideoInfo, limit: float) -> tuple[Picture, int]:
    """The picture, encoded and perhaps made smaller where its file would be larger than ``limit``
    megabytes (0: none), and the bit rate of the sound."""
    whole = copied_bytes(picture.size, picture.packets, picture.duration)
    if not limit or (picture.action == "copy" and whole <= limit * MEGABYTE):
        return picture, FULL_SOUND_BPS
    size = video.width, video.height
    found = fit(limit, seconds=picture.duration, pictures=picture.frames, size=size)
    side = found.short_side if found.short_side < min(size) else 0
    if picture.action == "copy":
        reason = f"a copy would be larger than {limit:g} MB"
        picture = replace(picture, action="encode", reason=reason)
    return replace(picture, short_side=side), found.sound_bps


def _closed_end(frames: FrameTimes, begin: int, end: float) -> tuple[int, int]:
    """How many packets from ``begin`` on are kept, and the stamp at which the last one ends.

    After n packets the point is closed when every kept picture is shown before every other
    one. The last closed point is taken whose end is not after ``end`` (dance time).
    """
    pts = frames.pts[begin:]
    latest = np.maximum.accumulate(pts)
    after = np.empty(len(pts), dtype=np.int64)
    after[-1] = latest[-1] + frames.last_duration
    after[:-1] = np.minimum.accumulate(pts[::-1])[::-1][1:]
    closed = latest < after
    ends = after * float(frames.time_base) - float(frames.origin)
    good = np.flatnonzero(closed & (ends <= end))
    if not len(good):
        raise RenderError(reasons.NO_SHARED_MUSIC, "no whole picture has music under it")
    last = int(good[-1])
    return last + 1, int(after[last])


def _picture_action(video: VideoInfo, frames: FrameTimes) -> tuple[Action, str]:
    """Whether the pictures can be copied, and why (not)."""
    if video.codec not in COPYABLE:
        return "encode", f"MP4 players do not take {video.codec}"
    if not frames.ordered:
        return "encode", "the order of its pictures cannot be found"
    if len(video.edits) > 1:
        return "encode", "the dance's own edit list joins several stretches"
    shown = frames.pts[~frames.hidden]
    hidden = frames.pts[frames.hidden]
    if np.any((hidden > shown.min()) & (hidden < shown.max())):
        return "encode", "the dance's own edit list hides pictures in its middle"
    return "copy", "MP4 carries it as it is"


def follow_the_frames(stretches: list[Music], begin: float, finish: float) -> list[Music]:
    """Fits the music to the chosen pictures: it begins earlier where the start moved to a key frame
    and the reference goes back that far, and never lies outside the kept pictures."""
    kept: list[Music] = []
    for number, music in enumerate(stretches):
        start, end = max(music.start, begin), min(music.end, finish)
        near = 0 < music.start - begin <= KEY_FRAME_SECONDS + ROUNDING_SECONDS
        if number == 0 and near and not music.segment.begins:
            start = max(begin, _earliest_music(music))
        if end > start:
            kept.append(Music(start, end, music.segment))
    return kept
