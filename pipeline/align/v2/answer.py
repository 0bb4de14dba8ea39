"""From lines to an answer of the v2 method: takes, exact places, and whether they stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.align.shared.confidence import MAX_CONFIDENCE, Logistic, Ramp
from pipeline.align.shared.feature_frames import FramedPair
from pipeline.align.shared.signal import duration, highest_places, spread_max
from pipeline.align.shared.whole_dance import UNLOCKED_CONFIDENCE, curve_evidence, unmatched
from pipeline.align.v2.coverage import WHOLE_SHARE, confidence_cap, missing_share
from pipeline.align.v2.fit import half_width
from pipeline.align.v2.limits import extended_outwards, limits
from pipeline.align.v2.onset_bits import FRAMES_PER_SECOND, extract
from pipeline.align.v2.phase import PhaseFit, fit_phase
from pipeline.align.v2.search import APART_FRAMES, agreement
from pipeline.align.v2.takes import EvidenceLine, Take, evidence_line, genuine, peel_takes
from pipeline.model import Candidate, Evidence, LineMap, MethodAlignment, Segment

NAME = "v2"
LIMITS_MS = 60.0
"""Milliseconds within which the limits of 19 takes of 20 were in the cases developed on."""
LOCKED_SIGMAS = 7.5
"""Height of a phase peak from which waveforms are said to match."""
CHANCE_SIGMAS = 5.2
"""Agreement of bits up to which unrelated sounds come."""
CLEAR_SHARE, EQUAL_SHARE, BETTER_RATIO = 0.82, 0.91, 1.1
"""The next place's share of the best: up to here a clear winner, from here as good, and
from here so much better that this is not the place."""
CLEARNESS = Ramp((CLEAR_SHARE, EQUAL_SHARE), (1.0, 0.5))
"""Over the next place's share of the best."""
HEIGHT = Logistic(middle=7.0, slope=1.5)
"""Over the strength, in deviations of chance. Chosen; neither confirmed nor refuted
(``python -m benchmarks.alignment.calibrate``)."""
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


Share = tuple[float, float]
"""A place, as a lag in frames, and its evidence relative to that of the chosen one."""


def placed(
    pair: FramedPair, take: Take, between: tuple[float, float]
) -> tuple[Segment, PhaseFit, set[float]]:
    """A take as a segment of the dance's clock, fitted over its whole length, and its sharp limits.

    ``between``: the dance times up to which its line may be followed.
    """
    start, stop = take.start / pair.speed, min(take.stop / pair.speed, duration(pair.dance))
    rough = LineMap(take.line.lag / FRAMES_PER_SECOND, pair.speed * (1 + take.line.drift))
    exact = PhaseFit(rough, 0.0)
    if not pair.stretched:
        exact = fit_phase(pair.on(rough), start, stop, slack=2e-4)
    locked = exact.height >= LOCKED_SIGMAS
    line = exact.line if locked else rough
    on = pair.on(line)
    low, high = on.overlap()
    span = max(start, low), min(stop, high)
    sharp: set[float] = set()
    if locked:
        span = extended_outwards(on, span, (max(low, between[0]), min(high, between[1])))
        found = limits(on, span, (low, high), between)
        span = found[0].time, found[1].time
        sharp = {limit.time for limit in found if limit.sharp}
    start, stop, offset, speed = (float(x) for x in (*span, line.offset, line.speed))
    moved = pair.dance_frames.pitch != 1.0
    return Segment(start, stop, offset, speed, pitch_moved=moved), exact, sharp


def score_over_chance(pair: FramedPair, take: Take) -> tuple[float, list[Share], Evidence]:
    """Score of a take over chance, the other places' shares, and the curve."""
    dance, reference = pair.dance_frames, pair.reference_frames
    low, high = round(take.start * FRAMES_PER_SECOND), round(take.stop * FRAMES_PER_SECOND)
    length = min(2000, high - low)
    starts = np.rint(np.linspace(low, max(high - length, low), min(-(-(high - low) // length), 8)))
    total = np.zeros(reference.count + dance.count * 2 + length, np.float32)
    zero = dance.count + dance.count // 2 + length
    for start in starts.astype(int):
        curve = spread_max(agreement(dance.part(start, start + length), reference), 1)
        at = zero - (length - 1) - start - round(take.line.drift * (start + length / 2))
        total[at : at + len(curve)] += curve
    total /= np.float32(np.sqrt(len(starts)))
    mine = round(take.line.lag) + zero
    score = float(total[max(mine - 2, 0) : mine + 3].max(initial=0.0))
    others = [
        (float(place - zero), float(total[place]) / max(score, 1e-6))
        for place in highest_places(total, 8, APART_FRAMES)
        if abs(place - mine) > APART_FRAMES
    ]
    details = {"score": score, "next_ratio": others[0][1] if others else 0.0}
    evidence = curve_evidence(total, zero, FRAMES_PER_SECOND, details)
    return score, others, evidence


def rivals(pair: FramedPair, take: Take, others: list[Share]) -> list[Share]:
    """Other places with their exact share of a take's evidence over its whole overlap.

    Bits are coarse in time, so that a copy half a frame away looks worse than it is; the
    phase says where exactly it is.
    """
    low, high = int(take.start), max(int(take.stop), int(take.start) + 1)
    mine = float(take.line.seconds[low:high].sum())
    exact: list[Share] = []
    for lag, share in others:
        first = max(take.start, -lag / FRAMES_PER_SECOND)
        last = min(take.stop, (pair.reference_frames.count - lag) / FRAMES_PER_SECOND)
        close = share >= RIVAL_SHARE and last - first >= MIN_RIVAL_SECONDS
        if not close or len(exact) >= MAX_RIVALS or pair.stretched:
            exact.append((lag, share))
            continue
        drift, span = take.line.drift, (first / pair.speed, last / pair.speed)
        on = pair.on(LineMap(lag / FRAMES_PER_SECOND, pair.speed * (1 + drift)))
        found = fit_phase(on, *span, slack=1e-4, most=24)
        there = found.line.offset * FRAMES_PER_SECOND if found.height >= LOCKED_SIGMAS else lag
        theirs = float(on_grid(pair, there, drift, found.height).seconds[low:high].sum())
        exact.append((there, max(theirs / max(mine, 1e-6), 0.0)))
    return sorted(exact, key=lambda item: -item[1])


def error_of(pair: FramedPair, take: Take, exact: PhaseFit) -> float:
    """Milliseconds by which a take's line may be off.

    Where phases agree, ``SHARPEST_MS``, what its windows scatter, and more the lower the peak:
    below ``HIGH_SIGMAS`` it may be that of a reflection, or of one of many voices. Else
    ``SMEARED_MS``, and what the bits scatter.
    """
    if exact.height >= LOCKED_SIGMAS:
        low = float(np.interp(exact.height, [LOCKED_SIGMAS, HIGH_SIGMAS], [1.0, 0.0]))
        return SHARPEST_MS + 1000 * exact.error + SMEARED_MS * low
    low, high = (round(t * FRAMES_PER_SECOND) for t in (take.start, take.stop))
    if high - low < 2 * FRAMES_PER_SECOND:
        return UNKNOWN_MS
    line = take.line.lag, take.line.drift
    frames = half_width(pair.dance_frames, pair.reference_frames, *line, low, high)
    return min(SMEARED_MS + 1000 * frames / FRAMES_PER_SECOND, UNKNOWN_MS)


def free_span(takes: list[Take], index: int, speed: float) -> tuple[float, float]:
    """The dance times that the neighbours of a take leave free."""
    before = takes[index - 1].stop / speed if index else 0.0
    after = takes[index + 1].start / speed if index + 1 < len(takes) else np.inf
    return before, float(after)


def surely_present(score: float, missing: float | None) -> bool:
    """Whether the music is surely there, wherever else it fits: bits agree as they hardly do by
    chance or by the same drums, and nothing of the reference is missing."""
    return score >= HEARD_SIGMAS and missing is not None and missing <= WHOLE_SHARE


def answer(pair: FramedPair, lines: list[EvidenceLine]) -> MethodAlignment:
    """Takes, verdicts and exact places of lines."""
    frames = pair.dance_frames, pair.reference_frames
    takes = genuine(pair, peel_takes(*frames, lines))
    if not takes:
        takes = [
            Take(line, *line.limits(*frames), line.height)
            for line in lines
            if line.height >= LOCKED_SIGMAS
        ][:1]
    segments: list[Segment] = []
    best: tuple[float, float, float, list[Share], Evidence] | None = None
    errors: list[float] = []
    missing: list[float | None] = []
    total, sharp_limits = 0.0, set[float]()
    for index, take in enumerate(takes):
        segment, exact, sharp = placed(pair, take, free_span(takes, index, pair.speed))
        locked = exact.height >= LOCKED_SIGMAS
        score, others, evidence = score_over_chance(pair, take)
        nearest = others[0][1] if others else 0.0
        deep = score < CHANCE_SIGMAS and locked
        strength = 0.8 * exact.height if deep else score
        others = others if deep else rivals(pair, take, others)
        span = segment.dance_start, segment.dance_end
        lack = missing_share(pair.on(segment.line), *span) if locked else None
        many = sum(share >= EQUAL_SHARE for _, share in others) >= MANY_PLACES and not deep
        if strength < CHANCE_SIGMAS + 0.6 or (many and not surely_present(score, lack)):
            continue
        if not deep and others and others[0][1] > BETTER_RATIO:
            continue
        segments.append(segment)
        sharp_limits |= sharp
        missing += [lack] if locked else []
        total += take.score * float(np.sqrt(take.stop - take.start))
        errors.append(error_of(pair, take, exact))
        if best is None or strength > best[0]:
            best = (strength, score, nearest, others, evidence)
    if best is None:
        return unmatched(NAME)
    strength, score, nearest, others, evidence = best
    ratio = others[0][1] if others and score >= CHANCE_SIGMAS else 0.0
    ambiguous = ratio >= EQUAL_SHARE
    confidence = min(HEIGHT.at(strength), CLEARNESS.at(ratio)) * MAX_CONFIDENCE
    if nearest >= AS_GOOD_SHARE and score >= CHANCE_SIGMAS:
        confidence = min(confidence, CLOSE_CONFIDENCE)
    main = max(segments, key=lambda s: s.length)
    # At one speed phases agree, but for another key or player's version.
    unlocked = not missing and not pair.stretched
    cap = UNLOCKED_CONFIDENCE if unlocked else confidence_cap(missing, strength, main.length)
    confidence = min(confidence, cap, 0.5 if ambiguous else 1.0)
    lack = max((share for share in missing if share is not None), default=None)
    details = {**evidence.details, **({} if lack is None else {"missing": lack})}
    candidates = candidates_of(main, others)
    return MethodAlignment(
        method=NAME,
        matched=True,
        ambiguous=ambiguous,
        confidence=confidence,
        segments=tuple(segments),
        candidates=candidates if ambiguous else candidates[1:],
        error_ms=max(errors),
        evidence=replace(evidence, details=details),
        sharp_limits=frozenset(sharp_limits),
        score=score,
        weight=total,
        confidence_cap=cap,
        present=surely_present(score, lack),
        line_ms=max(errors),
        limits_ms=LIMITS_MS,
    )


def candidates_of(main: Segment, others: list[Share]) -> tuple[Candidate, ...]:
    """The chosen place and those that come near it, with their shares of the evidence."""
    places = [(main.offset, 1.0)] + [
        (lag / FRAMES_PER_SECOND, share) for lag, share in others if share >= CLEAR_SHARE
    ]
    return tuple(Candidate(o, main.speed, min(s, 1.0) * 0.5) for o, s in places)


def on_grid(pair: FramedPair, lag: float, drift: float, height: float) -> EvidenceLine:
    """A line whose evidence is measured with the dance's frames on the reference's grid."""
    shift = float(np.ceil(lag) - lag)
    aligned = extract(pair.dance, pair.speed, pair.dance_frames.pitch, shift)
    line = evidence_line(aligned, pair.reference_frames, lag + shift, drift, height)
    return replace(line, lag=lag)
