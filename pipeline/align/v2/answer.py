"""From paths to an answer of the v2 method: takes, exact places, and whether they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline import reasons
from pipeline.align.shared.signal import duration
from pipeline.align.v2.coverage import MUCH, NOTHING, ceiling, unexplained
from pipeline.align.v2.echoes import genuine
from pipeline.align.v2.fit import half_width
from pipeline.align.v2.limits import gone_on, limits, told_limits
from pipeline.align.v2.onset_bits import PER_SECOND, Bits, extract
from pipeline.align.v2.phase import Lock, lock
from pipeline.align.v2.search import agreement, tops
from pipeline.align.v2.takes import Path, Piece, path_of, peel
from pipeline.model import Candidate, Evidence, MethodAlignment, Segment, Sound

NAME = "v2"
LIMITS_MS = 60.0
"""Milliseconds within which the limits of 19 takes of 20 were in the cases developed on."""
LOCKED = 7.5
"""Height of a phase peak from which waveforms are said to match."""
CHANCE = 5.2
"""Agreement of bits up to which unrelated sounds come."""
CLEAR, EQUAL, BETTER = 0.82, 0.91, 1.1
"""The next place's share of the best: up to here a clear winner, from here as good, and
from here so much better that this is not the place."""
UNLOCKED = 0.85
"""The most confidence in a line at the same pitch on which phases do not agree."""
AS_GOOD, CLOSE = 0.95, 0.75
"""A next place with this share of the evidence of bits leaves this confidence at most."""
SHARP, SMEARED, UNTOLD = 0.6, 10.0, 45.0
"""Milliseconds: of a line of phases at best, of a line of bits at best, and at worst."""
HIGH = 30.0
"""Height of a peak of phases that leaves no doubt."""
SAME = 6
"""So many equally good places are a rhythm that many songs have, and no match, unless all of the
reference is heard there: then it is a loop."""
HEARD = 8.5
"""The score that chance, and two songs over the same drums, hardly come to."""


def placed(
    dance: Sound, reference: Sound, heard: Bits, piece: Piece, between: tuple[float, float]
) -> tuple[Segment, Lock, set[float]]:
    """A piece as a segment of the dance's clock, locked over its whole length, and those of its
    limits that the sound tells.

    ``between``: the dance times up to which its line may be followed.
    """
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
    told: set[float] = set()
    if exact.height >= LOCKED:
        free = (max(low, between[0]), min(high, between[1]))
        start, stop = gone_on(dance, reference, kept.offset, kept.speed, start, stop, free)
        at = kept.offset, kept.speed
        found = told_limits(dance, reference, *at, start, stop, (low, high), between)
        (start, _), (stop, _) = found
        told = {float(time) for time, sharp in found if sharp}
    at = float(kept.offset), float(kept.speed)
    return Segment(float(start), float(stop), *at, moved), exact, told


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
        (float(place - zero), float(total[place]) / max(score, 1e-6))
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


def rivals(
    dance: Sound,
    reference: Sound,
    heard: Bits,
    listening: Bits,
    piece: Piece,
    others: list[tuple[float, float]],
) -> list[tuple[float, float]]:
    """Other places with their exact share of a piece's evidence over its whole overlap.

    Bits are coarse in time, so that a copy half a frame away looks worse than it is; the
    phase says where exactly it is.
    """
    low, high = int(piece.start), max(int(piece.stop), int(piece.start) + 1)
    mine = float(piece.path.seconds[low:high].sum())
    exact: list[tuple[float, float]] = []
    for rough, share in others:
        lag = rough
        if share < 0.55 or len(exact) >= 4:
            exact.append((lag, share))
            continue
        first = max(piece.start, -lag / PER_SECOND)
        last = min(piece.stop, (listening.count - lag) / PER_SECOND)
        if last - first < 2 or heard.stretched:
            exact.append((lag, share))
            continue
        line = lock(
            dance,
            reference,
            lag / PER_SECOND,
            heard.speed * (1 + piece.path.drift),
            first / heard.speed,
            last / heard.speed,
            slack=1e-4,
            most=24,
        )
        if line.height >= LOCKED:
            lag = line.offset * PER_SECOND
        drift = piece.path.drift
        path = on_grid(dance, heard, listening, lag, drift, line.height)
        theirs = float(path.seconds[low:high].sum())
        exact.append((lag, max(theirs / max(mine, 1e-6), 0.0)))
    return sorted(exact, key=lambda item: -item[1])


def error_of(heard: Bits, listening: Bits, piece: Piece, exact: Lock) -> float:
    """Milliseconds by which a piece's line may be off.

    Where phases agree, ``SHARP``, what its windows scatter, and more the lower the peak: below
    ``HIGH`` it may be that of a reflection, or of one of many voices. Else ``SMEARED``, and what
    the bits scatter.
    """
    if exact.height >= LOCKED:
        low = float(np.interp(exact.height, [LOCKED, HIGH], [1.0, 0.0]))
        return SHARP + 1000 * exact.error + SMEARED * low
    path = piece.path
    low, high = (round(t * PER_SECOND) for t in (piece.start, piece.stop))
    if high - low < 2 * PER_SECOND:
        return UNTOLD
    frames = half_width(heard, listening, path.lag, path.drift, low, high)
    return min(SMEARED + 1000 * frames / PER_SECOND, UNTOLD)


def unmatched(evidence: Evidence | None = None) -> MethodAlignment:
    """An answer without a match."""
    return MethodAlignment(
        NAME, False, False, 0.0, (), (), None, reasons.NO_SHARED_MUSIC, evidence or Evidence()
    )


def around(pieces: list[Piece], index: int, speed: float) -> tuple[float, float]:
    """The dance times that the neighbours of a piece leave free."""
    before = pieces[index - 1].stop / speed if index else 0.0
    after = pieces[index + 1].start / speed if index + 1 < len(pieces) else np.inf
    return before, float(after)


def lacking(dance: Sound, reference: Sound, segment: Segment) -> float | None:
    """The share of the reference that a segment promises and the dance lacks."""
    span = segment.dance_start, segment.dance_end
    return unexplained(dance, reference, segment.offset, segment.speed, *span)


def present(score: float, lack: float | None) -> bool:
    """Whether the music is surely there, wherever else it fits: bits agree as they hardly do by
    chance or by the same drums, and nothing of the reference is lacking."""
    return score >= HEARD and lack is not None and lack <= NOTHING


def complete(
    dance: Sound, reference: Sound, heard: Bits, pieces: list[Piece]
) -> tuple[list[Piece], list[Piece]]:
    """The pieces, and those of them that explain all of the reference.

    Where there are such, pieces that lack much are left out: however long an echo of a
    repetitive song is, a short piece that explains all is the place.
    """
    lacks: list[float | None] = []
    for piece in pieces:
        start = max(piece.start / heard.speed, 0.0)
        stop = min(piece.stop / heard.speed, duration(dance))
        offset, speed = piece.path.lag / PER_SECOND, heard.speed * (1 + piece.path.drift)
        exact = lock(dance, reference, offset, speed, start, stop, slack=2e-4)
        said = None
        if exact.height >= LOCKED:
            at = exact.offset, exact.speed
            low = max(-exact.offset / exact.speed, 0.0)
            high = min((duration(reference) - exact.offset) / exact.speed, duration(dance))
            start, stop = max(start, low), min(stop, high)
            start, stop = limits(dance, reference, *at, start, stop, (low, high))
            said = unexplained(dance, reference, *at, start, stop)
        lacks.append(said)
    whole = [p for p, s in zip(pieces, lacks, strict=True) if s is not None and s <= NOTHING]
    if not whole:
        return pieces, []
    return [p for p, s in zip(pieces, lacks, strict=True) if s is None or s < MUCH], whole


def answer(
    dance: Sound, reference: Sound, heard: Bits, listening: Bits, paths: list[Path]
) -> MethodAlignment:
    """Takes, verdicts and exact places of paths."""
    locked = [p for p in paths if p.height >= LOCKED]
    peeled = peel(heard, listening, paths)
    clean: list[Piece] = []
    if len(peeled) > 1 and not heard.stretched:
        peeled, clean = complete(dance, reference, heard, peeled)
    pieces = genuine(dance, heard, listening, peeled, clean)
    if not pieces and locked:
        path = locked[0]
        pieces = [Piece(path, *path.limits(heard, listening), path.height)]
    segments: list[Segment] = []
    best: tuple[float, float, list[tuple[float, float]], Evidence] | None = None
    errors: list[float] = []
    lacks: list[float | None] = []
    total, told = 0.0, set[float]()
    for index, piece in enumerate(pieces):
        between = around(pieces, index, heard.speed)
        segment, exact, sharp = placed(dance, reference, heard, piece, between)
        score, others, evidence = standing(heard, listening, piece)
        deep = score < CHANCE and exact.height >= LOCKED
        strength = 0.8 * exact.height if deep else score
        others = others if deep else rivals(dance, reference, heard, listening, piece, others)
        lack = lacking(dance, reference, segment) if exact.height >= LOCKED else None
        many = sum(share >= EQUAL for _, share in others) >= SAME and not deep
        if strength < CHANCE + 0.6 or (many and not present(score, lack)):
            continue
        if not deep and others and others[0][1] > BETTER:
            continue
        segments.append(segment)
        told |= sharp
        lacks += [lack] if exact.height >= LOCKED else []
        total += piece.score * float(np.sqrt(piece.stop - piece.start))
        errors.append(error_of(heard, listening, piece, exact))
        if best is None or strength > best[0]:
            best = (strength, score, others, evidence)
    if best is None:
        return unmatched()
    strength, score, others, evidence = best
    ratio = others[0][1] if others and score >= CHANCE else 0.0
    ambiguous = ratio >= EQUAL
    height = 1 / (1 + np.exp(-(strength - 7.0) * 1.5))
    confidence = float(min(height, np.interp(ratio, [CLEAR, EQUAL], [1.0, 0.5]))) * 0.995
    if evidence.details["next_ratio"] >= AS_GOOD and score >= CHANCE:
        confidence = min(confidence, CLOSE)
    main = max(segments, key=lambda s: s.dance_end - s.dance_start)
    # At one speed phases agree, but for another key or player's version.
    unlocked = not lacks and not heard.stretched
    trust = UNLOCKED if unlocked else ceiling(lacks, strength, main.dance_end - main.dance_start)
    confidence = min(confidence, trust)
    lack = max((share for share in lacks if share is not None), default=None)
    details = {
        **evidence.details,
        "weight": total,
        "trust": trust,
        "line_ms": max(errors),
        "limits_ms": LIMITS_MS,
        "present": float(present(score, lack)),
        **({} if lack is None else {"missing": lack}),
    }
    candidates = candidates_of(main, others)
    return MethodAlignment(
        NAME,
        True,
        ambiguous,
        min(confidence, 0.5) if ambiguous else confidence,
        tuple(segments),
        candidates if ambiguous else candidates[1:],
        max(errors),
        None,
        replace(evidence, details=details),
        frozenset(told),
    )


def candidates_of(main: Segment, others: list[tuple[float, float]]) -> tuple[Candidate, ...]:
    """The chosen place and those that come near it, with their shares of the evidence."""
    places = [(main.offset, 1.0)] + [
        (lag / PER_SECOND, share) for lag, share in others if share >= CLEAR
    ]
    return tuple(Candidate(o, main.speed, min(s, 1.0) * 0.5) for o, s in places)


def on_grid(
    dance: Sound, heard: Bits, listening: Bits, lag: float, drift: float, height: float
) -> Path:
    """A path whose evidence is measured with the dance's frames on the reference's grid."""
    shift = float(np.ceil(lag) - lag)
    aligned = extract(dance, heard.speed, heard.pitch, shift)
    path = path_of(aligned, listening, lag + shift, drift, height)
    return replace(path, lag=lag)
