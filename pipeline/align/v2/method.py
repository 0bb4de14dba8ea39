"""The v2 method: one fast search by onset bits, waveforms for the exact place.

Chunks of onset bits give candidates; phase correlation locks them to the sample. Where
bits say nothing (deep noise), the waveform itself is searched through the whole file.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.align.shared.hint import REACH, Hint, as_given, refined
from pipeline.align.shared.signal import duration
from pipeline.align.v2.answer import (
    CHANCE,
    HEARD,
    LOCKED,
    NAME,
    UNLOCKED,
    answer,
    around,
    on_grid,
    placed,
)
from pipeline.align.v2.echoes import levels
from pipeline.align.v2.faint_takes import soft_takes
from pipeline.align.v2.fit import fit_bits
from pipeline.align.v2.gaps import (
    fresh,
    gaps,
    incomplete,
    separated,
    shifted,
    stretch,
    without_filling,
)
from pipeline.align.v2.onset_bits import PER_SECOND, Bits, extract
from pipeline.align.v2.phase import deep_search, lock
from pipeline.align.v2.search import Guess, along, by_second, guesses
from pipeline.align.v2.takes import Path, Piece, path_of, peel
from pipeline.align.v2.tempo import KEYS, search_key, search_tempo
from pipeline.model import Evidence, MethodAlignment, Progress, Segment, Sound

HINT_SIGMAS = 5.5
"""Agreement over chance from which there is something to refine by."""


DRIFT = 6e-4
"""The largest drift between two clocks."""
CLOSE = 4
"""Paths up to which places that come close to the best one are followed as well."""
FASTER = 1.25
"""How much more evidence another speed needs to replace the same speed."""
SURE = 0.9
"""Confidence that a take in a gap needs."""
TEMPO = 4.6
"""Score from which another speed is looked at; chance comes to 3.9."""


def _silent(_: float) -> None:
    """Progress that nobody listens to."""


def paths_of(
    dance: Sound,
    reference: Sound,
    heard: Bits,
    listening: Bits,
    found: list[Guess],
    *,
    most: int = 8,
) -> list[Path]:
    """Guesses that win in their chunk, locked by phase where that is possible."""
    paths: list[Path] = []
    for guess in found:
        if len(paths) == most:
            break
        close = 0.75 if len(paths) < CLOSE else 0.9
        if guess.score < CHANCE or guess.score < close * guess.next_score:
            continue
        middle = (guess.start + guess.stop) / 2
        where = middle + guess.lag
        if any(abs(p.lag + middle * (1 + p.drift) - where) < 12 for p in paths):
            continue
        paths.append(followed(dance, reference, heard, listening, guess))
    return paths


def followed(dance: Sound, reference: Sound, heard: Bits, listening: Bits, guess: Guess) -> Path:
    """The path through a guess."""
    per_second = PER_SECOND * heard.speed
    lag, drift, height = guess.lag, 0.0, 0.0
    if not heard.stretched:
        start, stop = (max(t, 0) / per_second for t in (guess.start, guess.stop))
        stop = min(stop, duration(dance))
        line = lock(dance, reference, lag / PER_SECOND, heard.speed, start, stop, slack=DRIFT)
        if line.height >= LOCKED:
            lag, drift = line.offset * PER_SECOND, line.speed / heard.speed - 1
            return on_grid(dance, heard, listening, lag, drift, line.height)
    low, high = max(0, round(-lag)), min(heard.count, round(listening.count - lag))
    start, stop = max(guess.start, low), min(guess.stop, high)
    if stop - start > PER_SECOND:
        lag, drift = fit_bits(
            heard, listening, lag, drift, start, stop, slack=2 * DRIFT, limits=(low, high)
        )
    return path_of(heard, listening, lag, drift, height)


def v2(
    dance: Sound, reference: Sound, *, hint: Hint | None = None, progress: Progress | None = None
) -> MethodAlignment:
    """Aligns by onset bits and phase; see ``docs/alignment.md``."""
    report = progress or _silent
    listening = extract(reference)
    if hint is not None:
        return at_hint(dance, reference, listening, hint)
    heard = extract(dance)
    report(0.4)
    found = guesses(heard, listening)
    report(0.6)
    paths = paths_of(dance, reference, heard, listening, found)
    result = answer(dance, reference, heard, listening, paths)
    report(0.7)
    level = levels(dance)
    left = gaps(dance, reference, level, result.segments)
    if not result.matched or incomplete(result.segments, left):
        other = at_other_speed(dance, reference, listening)
        if other and weight(other) > FASTER * weight(result):
            result, left = other, gaps(dance, reference, level, other.segments)
    if not result.matched:
        deep = [
            path_of(heard, listening, d.offset * PER_SECOND, d.speed / heard.speed - 1, d.height)
            for d in deep_search(dance, reference)
        ]
        if deep:
            result = answer(dance, reference, heard, listening, deep)
    # Waveforms that do not agree at the same speed are another key's, or another player's.
    if not result.matched or result.evidence.details["trust"] <= UNLOCKED:
        other = in_other_key(dance, reference, listening)
        if other and weight(other) > FASTER * weight(result):
            result, left = other, gaps(dance, reference, level, other.segments)
    report(0.9)
    for low, high in left[:3] if result.matched else []:
        piece = at_other_speed(stretch(dance, low, high), reference, listening)
        if piece and (piece.confidence >= SURE or with_rival(piece)):
            moved = [shifted(segment, low) for segment in piece.segments]
            new = [s for s in moved if fresh(level, s, result.segments)]
            # The answer is no surer than any of its takes.
            sure = min(result.confidence, piece.confidence) if new else result.confidence
            told = result.told | {time + low for time in piece.told}
            segments = (*result.segments, *new)
            result = replace(result, segments=segments, confidence=sure, told=told)
    if result.matched:
        soft = soft_takes(dance, reference, level, result.segments)
        result = replace(result, segments=(*result.segments, *soft))
    report(1.0)
    return replace(result, segments=separated(without_filling(level, result.segments)))


def with_rival(piece: MethodAlignment) -> bool:
    """Whether a take in a gap is beyond chance and lacks nothing, and only another place of the
    reference, which is nearly alike, makes it doubtful: that it is there should be said."""
    said = piece.evidence.details
    return piece.matched and said["score"] >= HEARD and said["trust"] >= SURE


def at_hint(dance: Sound, reference: Sound, listening: Bits, hint: Hint) -> MethodAlignment:
    """The answer near a person's placing."""
    heard, lag = near(dance, listening, hint)
    if lag is None:
        return as_given(NAME, dance, reference, hint)
    low, high = max(0, round(-lag)), min(heard.count, round(listening.count - lag))
    path = followed(dance, reference, heard, listening, Guess(lag, low, high, CHANCE, 0.0))
    pieces = peel(heard, listening, [path])
    pieces = pieces or [Piece(path, *path.limits(heard, listening), CHANCE)]
    placings = [
        placed(dance, reference, heard, piece, around(pieces, index, heard.speed))
        for index, piece in enumerate(pieces)
    ]
    segments = in_key(separated([segment for segment, _, _ in placings]), heard)
    locked = all(line.height >= LOCKED for _, line, _ in placings)
    error = 1.0 if locked else 15.0
    return refined(MethodAlignment(NAME, True, False, 0.9, segments, (), error, None, Evidence()))


def weight(result: MethodAlignment) -> float:
    """All the evidence for an answer, to compare answers at different speeds."""
    return float(result.evidence.details.get("weight", 0.0)) if result.matched else 0.0


def at_other_speed(dance: Sound, reference: Sound, listening: Bits) -> MethodAlignment | None:
    """The answer at the best other speed at which there is one."""
    for tempo in search_tempo(dance, reference)[:3]:
        if tempo.score < TEMPO or tempo.score < 0.9 * tempo.next_score:
            continue
        pitch = tempo.speed if tempo.moved else 1.0
        heard = extract(dance, tempo.speed, pitch)
        lag = tempo.offset * PER_SECOND
        per_second = PER_SECOND * tempo.speed
        start = max(round(tempo.start * per_second), round(-lag), 0)
        stop = min(round(tempo.stop * per_second), round(listening.count - lag), heard.count)
        if stop - start < 2 * PER_SECOND:
            continue
        lag, drift = fit_bits(heard, listening, lag, 0.0, start, stop, slack=4e-3)
        speed = tempo.speed * (1 + drift)
        heard = extract(dance, speed, speed if tempo.moved else 1.0)
        found = guesses(heard, listening)
        paths = paths_of(dance, reference, heard, listening, found)
        result = answer(dance, reference, heard, listening, paths)
        if result.matched:
            return result
    return None


def in_other_key(dance: Sound, reference: Sound, listening: Bits) -> MethodAlignment | None:
    """The answer at the same speed in another key, if there is one."""
    for tempo in search_key(dance, reference)[:1]:
        if tempo.score < TEMPO or tempo.score < 0.9 * tempo.next_score:
            continue
        heard = extract(dance, 1.0, 2 ** (tempo.key / 12))
        paths = paths_of(dance, reference, heard, listening, guesses(heard, listening))
        result = answer(dance, reference, heard, listening, paths)
        if result.matched:
            return replace(result, segments=in_key(result.segments, heard))
    return None


def in_key(segments: tuple[Segment, ...], heard: Bits) -> tuple[Segment, ...]:
    """Segments that say in which key their music is; the reference keeps its own pitch."""
    if not heard.semitones:
        return segments
    return tuple(replace(s, pitch_moved=False, semitones=heard.semitones) for s in segments)


def best_lag(dance: Bits, reference: Bits, offset: float) -> tuple[float, float]:
    """The lag (frames) within reach at which most bits agree, and how far above chance."""
    reach = int(REACH * PER_SECOND)
    best = (0.0, 0.0)
    for step in range(-reach, reach + 1):
        lag = offset * PER_SECOND + step
        seconds = by_second(along(dance, reference, lag, 0.0))
        used = np.count_nonzero(seconds)
        score = float(seconds.sum() / np.sqrt(used)) if used else 0.0
        if score > best[1]:
            best = (lag, score)
    return best


def near(dance: Sound, listening: Bits, hint: Hint) -> tuple[Bits, float | None]:
    """Bits at the hint's speed, and the best lag within its reach; None when nothing fits."""
    pitches = [1.0] if abs(hint.speed - 1) < 2e-3 else [hint.speed, 1.0]
    for tries in (pitches, [2 ** (key / 12) for key in KEYS]):
        heard = (extract(dance, hint.speed, pitch) for pitch in tries)
        found = [(best_lag(bits, listening, hint.offset), bits) for bits in heard]
        (lag, score), bits = max(found, key=lambda item: item[0][1])
        if score >= HINT_SIGMAS:
            return bits, lag
    return bits, None
