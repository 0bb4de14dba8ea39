"""From lines to an answer of the v2 method: takes, exact places, and whether they stand."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pipeline.align.shared.confidence import MAX_CONFIDENCE, Logistic, Ramp
from pipeline.align.shared.segments import in_key
from pipeline.align.shared.takes import free_span, segment_of
from pipeline.align.shared.whole_dance import UNLOCKED_CONFIDENCE, curve_evidence, unmatched
from pipeline.align.sounds.correlation import stacked
from pipeline.align.sounds.feature_frames import FramedPair, Line
from pipeline.align.sounds.signal import highest_places
from pipeline.align.v2.coverage import WHOLE_SHARE, confidence_cap, missing_share
from pipeline.align.v2.fit import half_width
from pipeline.align.v2.limits import limited
from pipeline.align.v2.onset_bits import FRAMES_PER_SECOND, extract
from pipeline.align.v2.phase import PhaseFit, fit_phase
from pipeline.align.v2.search import APART_FRAMES, SECOND_FRAMES, agreement
from pipeline.align.v2.takes import BitTake, EvidenceLine, evidence_line, find_takes, whole_take
from pipeline.model import Candidate, Evidence, MethodAlignment, Segment

NAME = "v2"
LOCKED_SIGMAS = 7.5
"""Height of a phase peak from which waveforms are said to match."""
CHANCE_SIGMAS, MIN_SIGMAS = 5.2, 5.8
"""Agreement of bits up to which unrelated sounds come, and strength from which a take stands."""
HEIGHT_WEIGHT = 0.8
"""What the height of a phase peak counts beside the agreement of bits, where these say nothing
(music deep in noise). Chosen, as ``HEIGHT`` is."""
CHUNK_FRAMES, MAX_CHUNKS = 2000, 8
"""Frames of the chunks whose curves over all lags are summed (32 s), and how many of a take."""
CLEAR_SHARE, EQUAL_SHARE, BETTER_RATIO = 0.82, 0.91, 1.1
"""The next place's share of the best: up to here a clear winner, from here as good, and
from here so much better that this is not the place."""
CLEARNESS = Ramp((CLEAR_SHARE, EQUAL_SHARE), (1.0, 0.5))
"""Over the next place's share of the best."""
HEIGHT = Logistic(middle=7.0, slope=1.5)
"""Over the strength, in deviations of chance. Chosen; neither confirmed nor refuted
(``python -m benchmarks.rules.calibrate``)."""
RIVAL_SHARE, MAX_RIVALS, MIN_RIVAL_SECONDS = 0.55, 4, 2.0
"""Other places that are placed exactly: from this share of the best on, how many, and over how much
of the take."""
AS_GOOD_SHARE, CLOSE_CONFIDENCE = 0.95, 0.75
"""A next place with this share of the evidence of bits leaves this confidence at most."""
SHARPEST_MS, SMEARED_MS, UNKNOWN_MS = 0.6, 10.0, 45.0
"""Milliseconds: of a line of phases at best, of a line of bits at best, and at worst."""
HIGH_SIGMAS = 30.0
"""Height of a peak of phases that leaves no doubt."""
MANY_PLACES = 6
"""So many equally good places are a rhythm that many songs have, and no match, unless all of the
reference is heard there: then it is a loop."""
HEARD_SIGMAS = 8.5
"""The score that chance, and two songs over the same drums, hardly come to."""


class Rival(NamedTuple):
    """Another place for a take."""

    lag: float
    """Frames."""
    share: float
    """Its evidence relative to that of the chosen one."""


def placed(
    pair: FramedPair, take: BitTake, between: tuple[float, float]
) -> tuple[Segment, PhaseFit]:
    """A take as a segment of the dance's clock, and its fit over all of it.

    ``between``: the dance times that its neighbours leave free.
    """
    rough = segment_of(pair, take)
    exact = PhaseFit(rough.line, 0.0)
    if not pair.stretched:
        exact = fit_phase(pair.on(rough.line), rough.dance_start, rough.dance_end, slack=2e-4)
    locked = exact.height >= LOCKED_SIGMAS
    line = exact.line if locked else rough.line
    on, segment = pair.on(line), rough.on(line)
    return limited(on, segment, between) if locked else on.clipped(segment), exact


def score_over_chance(pair: FramedPair, take: BitTake) -> tuple[float, list[Rival], Evidence]:
    """Score of a take over chance, its rivals as the curve has them, and the curve."""
    length = min(CHUNK_FRAMES, take.stop - take.start)
    number = min(-(-(take.stop - take.start) // length), MAX_CHUNKS)
    starts = np.rint(np.linspace(take.start, take.stop - length, number)).astype(int).tolist()
    total, zero = stacked(pair, take.line, starts, length, agreement)
    mine = round(take.line.lag) + zero
    score = float(total[max(mine - 2, 0) : mine + 3].max(initial=0.0))
    others = [
        Rival(float(place - zero), float(total[place]) / max(score, 1e-6))
        for place in highest_places(total, 8, APART_FRAMES)
        if abs(place - mine) > APART_FRAMES
    ]
    details = {"score": score, "next_ratio": others[0].share if others else 0.0}
    evidence = curve_evidence(total, zero, FRAMES_PER_SECOND, details)
    return score, others, evidence


def rivals(pair: FramedPair, take: BitTake, others: list[Rival]) -> list[Rival]:
    """Other places with their exact share of a take's evidence over its whole overlap.

    Bits are coarse in time, so that a copy half a frame away looks worse than it is; the
    phase says where exactly it is.
    """
    low = take.start // SECOND_FRAMES
    seconds = slice(low, max(take.stop // SECOND_FRAMES, low + 1))
    mine = float(take.said.seconds[seconds].sum())
    exact: list[Rival] = []
    for lag, share in others:
        first, last = max(take.start, -lag), min(take.stop, pair.reference_frames.count - lag)
        close = share >= RIVAL_SHARE and last - first >= MIN_RIVAL_SECONDS * FRAMES_PER_SECOND
        if not close or len(exact) >= MAX_RIVALS or pair.stretched:
            exact.append(Rival(lag, share))
            continue
        line, span = replace(take.line, lag=lag), (pair.seconds(first), pair.seconds(last))
        found = fit_phase(pair.on(pair.map(line)), *span, slack=1e-4, most=24)
        there = pair.line(found.line).lag if found.height >= LOCKED_SIGMAS else lag
        theirs = on_grid(pair, Line(there, line.drift), found.height).seconds[seconds].sum()
        exact.append(Rival(there, max(float(theirs) / max(mine, 1e-6), 0.0)))
    return sorted(exact, key=lambda rival: -rival.share)


def error_of(pair: FramedPair, take: BitTake, exact: PhaseFit) -> float:
    """Milliseconds by which a take's line may be off.

    Where phases agree, ``SHARPEST_MS``, what its windows scatter, and more the lower the peak:
    below ``HIGH_SIGMAS`` it may be that of a reflection, or of one of many voices. Else
    ``SMEARED_MS``, and what the bits scatter.
    """
    if exact.height >= LOCKED_SIGMAS:
        low = float(np.interp(exact.height, [LOCKED_SIGMAS, HIGH_SIGMAS], [1.0, 0.0]))
        return SHARPEST_MS + 1000 * exact.error + SMEARED_MS * low
    if take.stop - take.start < 2 * FRAMES_PER_SECOND:
        return UNKNOWN_MS
    frames = half_width(pair, take.line, take.start, take.stop)
    return min(SMEARED_MS + 1000 * frames / FRAMES_PER_SECOND, UNKNOWN_MS)


def surely_present(score: float, missing: float | None) -> bool:
    """Whether the music is surely there, wherever else it fits: bits agree as they hardly do by
    chance or by the same drums, and nothing of the reference is missing."""
    return score >= HEARD_SIGMAS and missing is not None and missing <= WHOLE_SHARE


def answer(pair: FramedPair, lines: list[EvidenceLine]) -> MethodAlignment:
    """Takes, verdicts and exact places of lines."""
    takes = find_takes(pair, lines)
    if not takes:
        locked_lines = (line for line in lines if line.height >= LOCKED_SIGMAS)
        takes = [whole_take(pair, line, line.height) for line in locked_lines][:1]
    segments: list[Segment] = []
    standing: list[tuple[float, float, float, list[Rival], Evidence]] = []
    errors: list[float] = []
    missing: list[float | None] = []
    total = 0.0
    for index, take in enumerate(takes):
        segment, exact = placed(pair, take, free_span(pair, takes, index))
        locked = exact.height >= LOCKED_SIGMAS
        score, others, evidence = score_over_chance(pair, take)
        nearest = others[0].share if others else 0.0
        deep = score < CHANCE_SIGMAS and locked
        strength = HEIGHT_WEIGHT * exact.height if deep else score
        others = others if deep else rivals(pair, take, others)
        lack = missing_share(pair.on(segment.line), segment) if locked else None
        many = sum(share >= EQUAL_SHARE for _, share in others) >= MANY_PLACES and not deep
        beaten = not deep and others and others[0].share > BETTER_RATIO
        loop = many and not surely_present(score, lack)
        if strength < MIN_SIGMAS or beaten or loop:
            continue
        segments.append(segment)
        missing += [lack] if locked else []
        total += take.strength * float(np.sqrt((take.stop - take.start) / FRAMES_PER_SECOND))
        errors.append(error_of(pair, take, exact))
        standing.append((strength, score, nearest, others, evidence))
    if not standing:
        return unmatched(NAME)
    strength, score, nearest, others, evidence = max(standing, key=lambda said: said[0])
    ratio = others[0].share if others and score >= CHANCE_SIGMAS else 0.0
    ambiguous = ratio >= EQUAL_SHARE
    confidence = min(HEIGHT.at(strength), CLEARNESS.at(ratio)) * MAX_CONFIDENCE
    if nearest >= AS_GOOD_SHARE and score >= CHANCE_SIGMAS:
        confidence = min(confidence, CLOSE_CONFIDENCE)
    main = max(segments, key=lambda s: s.length)
    # At one speed phases agree, but for another key or player's version.
    unlocked = not missing and not pair.stretched
    lack = max((share for share in missing if share is not None), default=None)
    cap = UNLOCKED_CONFIDENCE if unlocked else confidence_cap(lack, strength, main.length)
    confidence = min(confidence, cap, 0.5 if ambiguous else 1.0)
    details = {**evidence.details, **({} if lack is None else {"missing": lack})}
    candidates = candidates_of(main, others)
    return MethodAlignment(
        method=NAME,
        matched=True,
        ambiguous=ambiguous,
        confidence=confidence,
        segments=in_key(segments, pair.dance_frames),
        candidates=candidates if ambiguous else candidates[1:],
        error_ms=max(errors),
        evidence=replace(evidence, details=details),
        score=score,
        weight=total,
        confidence_cap=cap,
        present=surely_present(score, lack),
    )


def candidates_of(main: Segment, others: list[Rival]) -> tuple[Candidate, ...]:
    """The chosen place and its rivals that come near it, with their shares of the evidence."""
    places = [(main.offset, 1.0)] + [
        (lag / FRAMES_PER_SECOND, share) for lag, share in others if share >= CLEAR_SHARE
    ]
    return tuple(Candidate(o, main.speed, min(s, 1.0) * 0.5) for o, s in places)


def on_grid(pair: FramedPair, line: Line, height: float) -> EvidenceLine:
    """A line whose evidence is measured with the dance's frames on the reference's grid."""
    shift = float(np.ceil(line.lag) - line.lag)
    aligned = extract(pair.dance, pair.speed, pair.dance_frames.pitch, shift)
    moved = replace(line, lag=line.lag + shift)
    return replace(evidence_line(replace(pair, dance_frames=aligned), moved, height), line=line)
