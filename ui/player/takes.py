"""How often the song is played: the matched segments as takes, in words and as stretches.

A take is a run of segments in which the song goes on without a jump. A dance that is danced twice
has two; so has one from whose middle something was cut out.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from pipeline.tasks.answer import JUMP_SECONDS, Take, song_time
from ui.words.format import clock
from ui.words.text import t

OTHER_SPEED = 0.002
"""Takes whose speeds are farther apart say theirs."""


def sentence(takes: Sequence[Take]) -> str:
    """Where each take begins in the dance, and at which moment of the song."""
    speeds = [take[0].speed for take in takes]
    key = "takes.at_speed" if max(speeds) - min(speeds) > OTHER_SPEED else "takes.at"
    listed = ""
    for take in takes:
        first = take[0]
        at, song = first.dance_start, max(0.0, song_time(first, first.dance_start))
        said = t(key, at=clock(at), song=clock(song), speed=f"{first.speed:.3f}")
        listed = t("text.also", first=listed, second=said) if listed else said
    again = all(
        song_time(two[0], two[0].dance_start) < song_time(one[-1], one[-1].dance_end) - JUMP_SECONDS
        for one, two in pairwise(takes)
    )
    return t("takes.times" if again else "takes.parts", n=len(takes), list=listed)


def stretches(takes: Sequence[Take]) -> list[dict[str, float]]:
    """What of the dance has which moments of the song under it, without gaps in a take.

    Each has ``take`` (from 1), ``start`` and ``end`` (seconds of the dance), ``offset``, ``speed``.
    """
    found: list[dict[str, float]] = []
    for number, take in enumerate(takes, 1):
        for index, one in enumerate(take):
            start, end = one.dance_start, one.dance_end
            if index:
                start = found[-1]["end"]
            if index + 1 < len(take):
                end = (end + take[index + 1].dance_start) / 2
            line = {"offset": one.offset, "speed": one.speed}
            found.append({"take": number, "start": start, "end": end, **line})
    return found


def drift(takes: Sequence[Take]) -> list[dict[str, float]]:
    """How far the song runs away from the dance's clock (``drift``, milliseconds) by the moments
    of the dance (``time``, seconds), counted from the beginning of each ``take``."""
    points = []
    for number, take in enumerate(takes, 1):
        begin = take[0].dance_start
        placed_once = song_time(take[0], begin) - begin
        for segment in take:
            for at in (segment.dance_start, segment.dance_end):
                moved = song_time(segment, at) - at - placed_once
                points.append({"time": at, "drift": 1000.0 * moved, "take": number})
    return points
