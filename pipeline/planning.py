"""From an answer of the alignment to exact frames, times and gains. Pure.

Which part is kept:

- ``modular`` keeps what both have: the segments themselves, without the reference's leading
  and trailing silence.
- ``v2`` keeps everything under which the reference has sound: the first segment's map is
  followed back and the last one's on, as far as the reference and the picture reach.
- ``keep_all`` keeps every picture; where there is no reference the original sound stays.

Then the start moves to a picture's own stamp (and to a key frame, when one lies within half
a second before it), and the end to a closed point in decoding order: a prefix of the packets
whose pictures are exactly the first ones to be shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline import reasons
from pipeline.frames import FrameTimes, reordering_depth
from pipeline.materials import Materials
from pipeline.media import AudioInfo, MediaInfo, VideoInfo
from pipeline.model import Segment, VariantName
from pipeline.plan import (
    Action,
    Bounds,
    Loudness,
    Picture,
    Piece,
    RenderOptions,
    RenderPlan,
    SoundPlan,
)
from pipeline.probe import COPYABLE
from pipeline.reasons import RenderError

KEY_FRAME_REACH = 0.5
"""A key frame this near before the wished start is started from (seconds)."""
CROSS_FADE = 0.05
"""Between original sound and music (seconds)."""
EDGE_FADE = 0.005
"""At the ends of a mix, against clicks (seconds); music alone is not faded, so that results
which differ only in their ends share one encoding."""
SHORTEST_PIECE = 0.2
"""Stretches of music or original sound shorter than this are not worth a cross-fade."""
TARGET_LUFS = -14.0
PEAK_CEILING = -1.0
"""Decibels of full scale (true peak)."""
DRIFT = 2e-3
"""Speeds this near to 1 are drifting clocks and are followed by resampling."""
SAME_SPEED_ERROR = 1e-4
"""A speed that departs from 1 by less than this over the whole result is 1 (seconds)."""


@dataclass(frozen=True)
class Music:
    """A stretch of the dance (dance time, seconds) that gets the reference."""

    start: float
    end: float
    segment: Segment

    def reference_time(self, dance_time: float) -> float:
        """Seconds on the reference's line."""
        return self.segment.speed * dance_time + self.segment.offset


def make_plan(
    segments: Sequence[Segment],
    dance_info: MediaInfo,
    reference_info: MediaInfo,
    *,
    variant: VariantName,
    options: RenderOptions,
    materials: Materials,
) -> RenderPlan:
    """The plan of one result. Raises ``RenderError`` when no picture has music under it."""
    frames, bounds = materials.frames, materials.bounds
    video = dance_info.video
    assert video is not None, "a dance has a picture"  # noqa: S101 # probe checked it
    music = [_nudged(segment, options.nudge_ms / 1000) for segment in segments]
    first_shown, last_end = _extent(frames)
    stretches = _music(music, variant, bounds, first_shown, last_end)
    if not stretches:
        raise RenderError(
            reasons.NO_SHARED_MUSIC, "no picture of the dance has the reference's music under it"
        )
    if options.keep_all:
        start, end = first_shown, last_end
    else:
        start, end = stretches[0].start, stretches[-1].end
    picture = _picture(frames, video, start, end, options)
    begin = frames.seconds(picture.start)
    finish = frames.seconds(picture.end)
    stretches = _follow_the_frames(stretches, begin, finish)
    gain = _gain(materials.loudness, options, materials.dance_peak)
    pieces = _pieces(stretches, begin, finish, gain)
    reference = next(s for s in reference_info.sounds if s.index == materials.reference_stream)
    action, reason = _sound_action(pieces, reference, options, finish - begin)
    notes = [f"picture_{picture.action}"] if picture.action == "encode" else []
    return RenderPlan(
        variant=variant,
        picture=picture,
        sound=SoundPlan(
            pieces=pieces,
            reference_stream=materials.reference_stream,
            dance_stream=materials.dance_stream,
            room_gain=options.room_sound,
            action=action,
            reason=reason,
        ),
        options=options,
        segments=tuple(segments),
        bounds=bounds,
        loudness=materials.loudness,
        dance=dance_info,
        reference=reference_info,
        dance_peak=materials.dance_peak,
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
        materials=Materials(
            frames=frames,
            bounds=plan.bounds,
            loudness=plan.loudness,
            dance_stream=plan.sound.dance_stream,
            reference_stream=plan.sound.reference_stream,
            dance_peak=plan.dance_peak,
        ),
    )


def _nudged(segment: Segment, later: float) -> Segment:
    """The segment whose music is heard ``later`` seconds later."""
    return replace(segment, offset=segment.offset - segment.speed * later)


def _extent(frames: FrameTimes) -> tuple[float, float]:
    """Dance time of the first picture and of the end of the last one."""
    shown = frames.pts[~frames.hidden]
    return (
        frames.seconds(int(shown.min())),
        frames.seconds(int(shown.max()) + frames.last_duration),
    )


def _music(
    segments: Sequence[Segment],
    variant: VariantName,
    bounds: Bounds,
    first: float,
    last: float,
) -> list[Music]:
    ordered = sorted(segments, key=lambda segment: segment.dance_start)
    found: list[Music] = []
    for number, segment in enumerate(ordered):
        start, end = segment.dance_start, segment.dance_end
        low, high = 0.0, bounds.end
        if variant == "v2":
            start = first if number == 0 else start
            end = last if number == len(ordered) - 1 else end
        else:
            low, high = bounds.music_start, bounds.music_end
        start = max(start, first, (low - segment.offset) / segment.speed)
        end = min(end, last, (high - segment.offset) / segment.speed)
        if found:
            start = max(start, found[-1].end)
        if end - start >= SHORTEST_PIECE:
            found.append(Music(start, end, segment))
    return found


def _picture(
    frames: FrameTimes, video: VideoInfo, start: float, end: float, options: RenderOptions
) -> Picture:
    """Frame-exact cut: stamps, and the packets that must be copied for them."""
    action, reason = _picture_action(video, frames, options)
    seconds = frames.pts * float(frames.time_base) - float(frames.origin)
    tolerance = float(frames.time_base) / 2
    shown = ~frames.hidden
    wished = seconds[shown & (seconds >= start - tolerance)]
    if not len(wished):
        raise RenderError(reasons.NO_SHARED_MUSIC, "no picture has the reference's music under it")
    first = float(wished.min())
    keys = np.flatnonzero(frames.key & (seconds <= first + tolerance))
    near = [k for k in keys if shown[k] and seconds[k] >= first - KEY_FRAME_REACH - tolerance]
    if near and action == "copy":
        begin = int(near[-1])
        first = float(seconds[begin])
    elif len(keys):
        begin = int(keys[-1])
    else:  # pictures before the first key frame cannot be decoded
        begin = int(np.flatnonzero(frames.key & shown)[0])
        first = float(seconds[begin])
    count, stop = _closed_end(frames, begin, end + tolerance)
    inside = frames.pts[begin : begin + count]
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
    )


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


def _picture_action(
    video: VideoInfo, frames: FrameTimes, options: RenderOptions
) -> tuple[Action, str]:
    if video.codec not in COPYABLE:
        return "encode", f"MP4 players do not take {video.codec}"
    if options.portable and (video.codec != "h264" or video.bit_depth != 8):
        return "encode", "a portable file needs H.264 with 8 bits"
    if not frames.ordered:
        return "encode", "the order of its pictures cannot be found"
    hidden = np.flatnonzero(frames.hidden)
    first_shown = int(np.min(frames.pts[~frames.hidden]))
    if len(hidden) and bool(np.any(frames.pts[hidden] > first_shown)):
        return "encode", "the dance's own edit list hides pictures in its middle"
    return "copy", "MP4 carries it as it is"


def _follow_the_frames(stretches: list[Music], begin: float, finish: float) -> list[Music]:
    """Fits the music to the chosen pictures: earlier where the start moved to a key frame and
    the reference reaches that far back, never outside the kept pictures."""
    kept: list[Music] = []
    for number, music in enumerate(stretches):
        start, end = max(music.start, begin), min(music.end, finish)
        if number == 0 and music.start > begin and music.start - begin <= KEY_FRAME_REACH + 0.01:
            reach = -music.segment.offset / music.segment.speed
            start = max(begin, reach)
        if end > start:
            kept.append(Music(start, end, music.segment))
    return kept


def _gain(loudness: Loudness | None, options: RenderOptions, dance_peak: float) -> float:
    """One static gain (decibels): min(-14 LUFS - integrated, -1 dB - true peak), less the room
    that the original sound needs under it so that the sum stays under the ceiling."""
    gain = 0.0
    peak = 1.0
    if options.loudness and loudness is not None:
        gain = min(TARGET_LUFS - loudness.integrated, PEAK_CEILING - loudness.true_peak)
        peak = 10 ** ((loudness.true_peak + gain) / 20)
    if options.room_sound > 0:
        ceiling = 10 ** (PEAK_CEILING / 20)
        room = options.room_sound * dance_peak
        gain += min(0.0, 20 * float(np.log10(max(0.1, ceiling - room) / peak)))
    return gain


def _pieces(stretches: list[Music], begin: float, finish: float, gain: float) -> tuple[Piece, ...]:
    """Music where there is some, original sound between, before and after, cross-faded."""
    spans: list[tuple[float, float, Music | None]] = []
    position = begin
    for music in stretches:
        start = music.start
        if start - position >= CROSS_FADE or (start > position and not spans):
            spans.append((position, start, None))
        spans.append((start, music.end, music))
        position = music.end
    if finish - position >= CROSS_FADE:
        spans.append((position, finish, None))
    pieces: list[Piece] = []
    half = CROSS_FADE / 2
    edge = EDGE_FADE if len(spans) > 1 else 0.0
    for number, (start, end, span) in enumerate(spans):
        before = half if number > 0 else 0.0
        after = half if number < len(spans) - 1 else 0.0
        fade_in = 2 * before or edge
        fade_out = 2 * after or edge
        low, high = start - before, end + after
        pieces.append(_piece(span, low, high, begin, finish - begin, gain, fade_in, fade_out))
    return tuple(pieces)


def _piece(
    music: Music | None,
    low: float,
    high: float,
    begin: float,
    length: float,
    gain: float,
    fade_in: float,
    fade_out: float,
) -> Piece:
    if music is None:
        return Piece("dance", low - begin, high - begin, low, fade_in=fade_in, fade_out=fade_out)
    source_start = music.reference_time(low)
    if source_start < 0:  # the cross-fade would begin before the reference does
        low -= source_start / music.segment.speed
        source_start = 0.0
    speed = music.segment.speed
    if abs(speed - 1.0) * length < SAME_SPEED_ERROR:
        speed, stretch = 1.0, "none"
    elif music.segment.pitch_moved or abs(speed - 1.0) < DRIFT:
        stretch = "resample"
    else:
        stretch = "pitch_kept"
    return Piece(
        "reference",
        low - begin,
        high - begin,
        source_start,
        speed=speed,
        stretch=stretch,  # type: ignore[arg-type]
        gain_db=gain,
        fade_in=fade_in,
        fade_out=fade_out,
    )


def _sound_action(
    pieces: tuple[Piece, ...], reference: AudioInfo, options: RenderOptions, length: float
) -> tuple[Action, str]:
    if options.loudness:
        return "encode", "its loudness is set"
    if options.room_sound > 0 or len(pieces) != 1 or pieces[0].source != "reference":
        return "encode", "it is mixed"
    if pieces[0].stretch != "none":
        return "encode", "its speed follows the dance"
    if reference.codec != "aac" or reference.profile != "LC" or reference.channels > 2:
        return "encode", f"the reference is {reference.codec}"
    if options.portable:
        return "encode", "a portable file begins on a packet of its own"
    return "copy", "the reference's AAC is used bit by bit"
