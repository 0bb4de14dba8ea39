"""The v2 method: one fast search by onset bits, waveforms for the exact place.

Chunks of onset bits give candidates; phase correlation locks them to the sample. Where
bits say nothing (deep noise), the waveform itself is searched through the whole file.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline import reasons
from pipeline.align.hint import Hint
from pipeline.align.signal import duration
from pipeline.align.v2_bits import PER_SECOND, Bits, extract
from pipeline.align.v2_deep import deep_search
from pipeline.align.v2_echo import genuine, levels
from pipeline.align.v2_limits import limits
from pipeline.align.v2_line import fit_bits
from pipeline.align.v2_phase import Lock, lock
from pipeline.align.v2_rest import fresh, gaps, incomplete, separated, shifted, stretch
from pipeline.align.v2_search import Guess, agreement, guesses, tops
from pipeline.align.v2_speed import search_tempo
from pipeline.align.v2_takes import Path, Piece, path_of, peel
from pipeline.model import Candidate, Evidence, MethodAlignment, Progress, Segment, Sound

NAME = "v2"
LOCKED = 7.5
"""Height of a phase peak from which waveforms are said to match."""
CHANCE = 5.2
"""Agreement of bits up to which unrelated sounds come."""
CLEAR, EQUAL = 0.82, 0.91
"""The next place's share of the best: up to here a clear winner, from here as good."""
DRIFT = 6e-4
FASTER = 1.25
"""How much more evidence another speed needs to replace the same speed."""
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
        if guess.score < CHANCE or guess.score < 0.9 * guess.next_score:
            continue
        middle = (guess.start + guess.stop) / 2
        where = middle + guess.lag
        if any(abs(p.lag + middle * (1 + p.drift) - where) < 12 for p in paths):
            continue
        paths.append(followed(dance, reference, heard, listening, guess))
    return paths


def followed(
    dance: Sound, reference: Sound, heard: Bits, listening: Bits, guess: Guess
) -> Path:
    """The path through a guess."""
    per_second = PER_SECOND * heard.speed
    lag, drift, height = guess.lag, 0.0, 0.0
    if not heard.stretched:
        start, stop = (max(t, 0) / per_second for t in (guess.start, guess.stop))
        stop = min(stop, duration(dance))
        line = lock(dance, reference, lag / PER_SECOND, heard.speed, start, stop, slack=DRIFT)
        if line.height >= LOCKED:
            lag, drift = line.offset * PER_SECOND, line.speed / heard.speed - 1
            return path_of(heard, listening, lag, drift, line.height)
    low, high = max(0, round(-lag)), min(heard.count, round(listening.count - lag))
    start, stop = max(guess.start, low), min(guess.stop, high)
    if stop - start > PER_SECOND:
        lag, drift = fit_bits(
            heard, listening, lag, drift, start, stop, slack=2 * DRIFT, limits=(low, high)
        )
    return path_of(heard, listening, lag, drift, height)


def placed(dance: Sound, reference: Sound, heard: Bits, piece: Piece) -> tuple[Segment, Lock]:
    """A piece as a segment of the dance's clock, locked over its whole length."""
    speed = heard.speed
    start, stop = piece.start / speed, min(piece.stop / speed, duration(dance))
    line = Lock(piece.path.lag / PER_SECOND, speed * (1 + piece.path.drift), 0.0)
    exact = line
    if not heard.stretched:
        exact = lock(dance, reference, line.offset, line.speed, start, stop, slack=2e-4)
    kept = exact if exact.height >= LOCKED else line
    moved = heard.pitch != 1.0
    low = max(-kept.offset / kept.speed, 0.0)
    high = min((duration(reference) - kept.offset) / kept.speed, duration(dance))
    start, stop = max(start, low), min(stop, high)
    if exact.height >= LOCKED:
        start, stop = limits(
            dance, reference, kept.offset, kept.speed, start, stop, (low, high)
        )
    return Segment(float(start), float(stop), float(kept.offset), float(kept.speed), moved), exact


def standing(
    heard: Bits, listening: Bits, piece: Piece
) -> tuple[float, list[tuple[float, float]], Evidence]:
    """Score of a piece over chance, the other places' shares, and the curve."""
    path = piece.path
    low, high = round(piece.start * PER_SECOND), round(piece.stop * PER_SECOND)
    length = min(2000, high - low)
    starts = np.rint(np.linspace(low, max(high - length, low), min(-(-(high - low) // length), 8)))
    total = np.zeros(listening.count + heard.count * 2 + length, np.float32)
    zero = heard.count + heard.count // 2 + length
    for start in starts.astype(int):
        curve = agreement(heard.part(start, start + length), listening)
        curve = np.maximum(curve, np.maximum(np.roll(curve, 1), np.roll(curve, -1)))
        at = zero - (length - 1) - start - round(path.drift * (start + length / 2))
        total[at : at + len(curve)] += curve
    total /= np.float32(np.sqrt(len(starts)))
    mine = round(path.lag) + zero
    score = float(total[max(mine - 2, 0) : mine + 3].max(initial=0.0))
    others = [
        (place - zero, float(total[place]) / max(score, 1e-6))
        for place in tops(total, 8)
        if abs(place - mine) > 12
    ]
    used = np.flatnonzero(total)
    parts = np.array_split(np.arange(used[0], used[-1] + 1), 400) if len(used) > 400 else []
    best = [int(part[int(total[part].argmax())]) for part in parts]
    peak = float(total.max()) + 1e-9
    evidence = Evidence(
        tuple((b - zero) / PER_SECOND for b in best),
        tuple(float(total[b]) / peak for b in best),
        {"score": score, "next_ratio": others[0][1] if others else 0.0},
    )
    return score, others, evidence


def v2(
    dance: Sound, reference: Sound, *, hint: Hint | None = None, progress: Progress | None = None
) -> MethodAlignment:
    """Aligns by onset bits and phase; see ``docs/alignment.md``."""
    report = progress or _silent
    listening, heard = extract(reference), extract(dance)
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
    report(0.9)
    for low, high in left[:3] if result.matched else []:
        piece = at_other_speed(stretch(dance, low, high), reference, listening)
        if piece and piece.confidence >= 0.9:
            found = [shifted(segment, low) for segment in piece.segments]
            found = [s for s in found if fresh(level, s, result.segments)]
            result = replace(result, segments=(*result.segments, *found))
    report(1.0)
    return replace(result, segments=separated(list(result.segments)))


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


def unmatched(evidence: Evidence | None = None) -> MethodAlignment:
    """An answer without a match."""
    return MethodAlignment(
        NAME, False, False, 0.0, (), (), None, reasons.NO_SHARED_MUSIC, evidence or Evidence()
    )


def answer(
    dance: Sound, reference: Sound, heard: Bits, listening: Bits, paths: list[Path]
) -> MethodAlignment:
    """Takes, verdicts and exact places of paths."""
    deep = [p for p in paths if p.height >= LOCKED]
    pieces = genuine(dance, heard, listening, peel(heard, listening, paths))
    if not pieces and deep:
        path = deep[0]
        pieces = [Piece(path, *path.limits(heard, listening), path.height)]
    segments: list[Segment] = []
    best: tuple[float, float, list[tuple[float, float]], Evidence] | None = None
    errors: list[float] = []
    total = 0.0
    for piece in pieces:
        segment, exact = placed(dance, reference, heard, piece)
        score, others, evidence = standing(heard, listening, piece)
        strength = max(score, 0.8 * exact.height if exact.height >= LOCKED else 0.0)
        if strength < CHANCE + 0.6:
            continue
        segments.append(segment)
        total += piece.score * float(np.sqrt(piece.stop - piece.start))
        errors.append(1.0 if exact.height >= LOCKED else 15.0)
        if best is None or strength > best[0]:
            best = (strength, score, others, evidence)
    if best is None:
        return unmatched()
    strength, score, others, evidence = best
    ratio = others[0][1] if others and score > CHANCE else 0.0
    ambiguous = ratio >= EQUAL
    height = 1 / (1 + np.exp(-(strength - 7.0) * 1.5))
    confidence = float(min(height, np.interp(ratio, [CLEAR, EQUAL], [1.0, 0.5]))) * 0.995
    main = max(segments, key=lambda s: s.dance_end - s.dance_start)
    places = [(main.offset, 1.0)] + [
        (lag / PER_SECOND, share) for lag, share in others if share >= CLEAR
    ]
    candidates = tuple(Candidate(o, main.speed, min(s, 1.0) * 0.5) for o, s in places)
    return MethodAlignment(
        NAME,
        True,
        ambiguous,
        min(confidence, 0.5) if ambiguous else confidence,
        tuple(segments),
        candidates if ambiguous else candidates[1:],
        max(errors),
        None,
        replace(evidence, details={**evidence.details, "weight": total}),
    )
