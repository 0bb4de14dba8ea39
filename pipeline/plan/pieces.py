"""Which pieces of sound a result is made of, their gain, and whether they are encoded. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.media.info import AudioInfo, Loudness
from pipeline.model import Segment
from pipeline.plan.options import Action, RenderOptions
from pipeline.plan.render_plan import Piece

CROSS_FADE_SECONDS = 0.05
"""Length of a cross-fade between original sound and music."""
EDGE_FADE_SECONDS = 0.005
"""Length of the fades at the ends of a mix, against clicks; music alone is not faded, so that
results which differ only in their ends share one encoding."""
TARGET_LUFS = -14.0
"""What streaming services play music at."""
PEAK_CEILING_DB = -1.0
"""The highest true peak of a result, decibels of full scale."""
MAX_PEAK_DB = 3.0
"""Music never peaks higher (decibels of full scale); a damaged packet does, and must not decide how
loud the rest is."""
MAX_DRIFT_RATIO = 2e-3
"""Speeds this near to 1 are drifting clocks and are followed by resampling."""
SAME_SPEED_SECONDS = 2e-3
"""A speed by which the sound drifts less than this over the whole result is 1. Anchored at its
middle, the sound is then off by at most half of it at the ends."""
MIN_MUSIC_PEAK = 0.1
"""Linear: however loud the original sound is, the music is not turned down below this peak."""
MAX_COPIED_CHANNELS = 2


@dataclass(frozen=True)
class Music:
    """A stretch of the dance (dance time, seconds) that gets the reference."""

    start: float
    end: float
    segment: Segment


def static_gain(loudness: Loudness | None, options: RenderOptions, dance_peak: float) -> float:
    """The music's one static gain (decibels): min(-14 LUFS - integrated, -1 dB - true peak), less
    what the original sound under it needs so that the sum stays below the ceiling."""
    gain = 0.0
    peak = 1.0
    if options.loudness and loudness is not None:
        highest = min(loudness.true_peak, MAX_PEAK_DB)
        gain = min(TARGET_LUFS - loudness.integrated, PEAK_CEILING_DB - highest)
        peak = 10 ** ((highest + gain) / 20)
    if options.room_sound > 0:
        ceiling = 10 ** (PEAK_CEILING_DB / 20)
        left = ceiling - options.room_sound * dance_peak
        gain += min(0.0, 20 * float(np.log10(max(MIN_MUSIC_PEAK, left) / peak)))
    return gain


def pieces(stretches: list[Music], begin: float, finish: float, gain: float) -> tuple[Piece, ...]:
    """Music where there is some, original sound between, before and after, cross-faded.

    Original sound is faded out before music begins, so that the first beat is at full gain; at
    other seams half of the fade lies on either side.
    """
    spans: list[tuple[float, float, Music | None]] = []
    position = begin
    for music in stretches:
        start = music.start
        if start - position >= (CROSS_FADE_SECONDS if spans else EDGE_FADE_SECONDS):
            spans.append((position, start, None))
        spans.append((start, music.end, music))
        position = music.end
    if finish - position >= CROSS_FADE_SECONDS:
        spans.append((position, finish, None))
    pieces: list[Piece] = []
    half = CROSS_FADE_SECONDS / 2
    edge = EDGE_FADE_SECONDS if len(spans) > 1 else 0.0
    for number, (start, end, span) in enumerate(spans):
        before = half if number > 0 else 0.0
        after = half if number < len(spans) - 1 else 0.0
        fade_in = 2 * before or edge
        fade_out = 2 * after or edge
        if span is not None and number > 0 and spans[number - 1][2] is None:
            # Not before the picture: a piece that began there would be played late by as much.
            before = fade_in = min(CROSS_FADE_SECONDS, start - begin)
        if span is None and after:
            after, fade_out = 0.0, min(fade_out, end - start)
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
    line, speed = music.segment.line, music.segment.speed
    source_start = line.reference_time(low)
    if abs(speed - 1.0) * length < SAME_SPEED_SECONDS:
        middle = (low + high) / 2
        source_start = line.reference_time(middle) - (middle - low)
        speed, stretch = 1.0, "none"
    elif music.segment.pitch_moved or abs(speed - 1.0) < MAX_DRIFT_RATIO:
        stretch = "resample"
    else:
        stretch = "pitch_kept"
    if source_start < 0:
        # The reference begins within the fade, and with nothing to fade in from.
        low -= source_start / speed
        fade_in = max(0.0, round(fade_in + source_start / speed, 9))
        source_start = 0.0
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


def is_reference_only(pieces: tuple[Piece, ...], length: float) -> bool:
    """Whether the sound is a single piece of the reference from start to end."""
    if len(pieces) != 1 or pieces[0].source != "reference":
        return False
    return pieces[0].start <= SAME_SPEED_SECONDS and pieces[0].end >= length - CROSS_FADE_SECONDS


def sound_action(
    pieces: tuple[Piece, ...], reference: AudioInfo, options: RenderOptions, length: float
) -> tuple[Action, str]:
    """Whether the reference's own AAC packets serve as they are, and why (not).

    ``length`` is the result's (seconds).
    """
    first = pieces[0]
    mixed = options.room_sound > 0 or len(pieces) != 1 or first.source != "reference"
    low_complexity = reference.codec == "aac" and reference.profile == "LC"
    obstacles = (
        (options.loudness, "its loudness is set"),
        (mixed, "it is mixed"),
        (bool(reference.edits), "the reference's own edit list joins several stretches"),
        (first.stretch != "none", "its speed follows the dance"),
        (
            not is_reference_only(pieces, length),
            "silence stands beside it, since the dance has no sound that serves",
        ),
        (
            not low_complexity or reference.channels > MAX_COPIED_CHANNELS,
            f"the reference is {reference.codec}",
        ),
        (options.portable, "a portable file begins on a packet of its own"),
        (options.at_most_mb > 0, "the file's size is limited"),
    )
    for stands, reason in obstacles:
        if stands:
            return "encode", reason
    return "copy", "the reference's AAC is used bit by bit"
