"""The modular method: several feature estimators, fused; careful.

Whitened mel flux finds the lines, the tonal match and the clear-winner rule judge them,
deconvolution places them to a fraction of a millisecond where waveforms still match.
Speed is searched only when the same speed explains nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline import reasons
from pipeline.align.modular import notes
from pipeline.align.modular.coverage import WHOLE, doubt, trust
from pipeline.align.modular.features import PER_SECOND, Features, extract
from pipeline.align.modular.fit import Line, chance, fit_stretch, products
from pipeline.align.modular.gaps import (
    ENOUGH,
    apart,
    covered,
    moved,
    new_take,
    part_of,
    stepping,
    unbridged,
    unexplained,
)
from pipeline.align.modular.notes import TonalMatch, Tones
from pipeline.align.modular.placing import (
    broken_off,
    clipped,
    error_of,
    honest,
    limited,
    placed,
    segment_of,
    sharpened,
)
from pipeline.align.modular.search import search
from pipeline.align.modular.takes import Take, find_takes, genuine, track, tracks_of
from pipeline.align.modular.tempo import SEMITONES, search_key, search_speed
from pipeline.align.modular.verdict import SAME_NOTES, Verdict, judge_take
from pipeline.align.shared.hint import REACH, Hint, as_given, refined
from pipeline.model import Candidate, Evidence, MethodAlignment, Progress, Segment, Sound

HINT_SIGMAS = 5.5
"""Height of the best lag over chance from which there is something to refine by."""


NAME = "modular"
LIMITS_MS = 50.0
"""Milliseconds within which the limits of 19 takes of 20 were in the cases developed on."""
SPEED_CHANCE = 6.0
"""Score from which another speed is looked at."""
FASTER = 1.25
"""How much more evidence another speed needs to replace the same speed."""
SURE = 0.9
"""Confidence that a take at yet another speed needs, or trust where it is surely heard."""
HEARD = 7.6
"""Score from which a take is surely heard, whatever its rivals: hardly ever chance."""
UNLOCKED = 0.85
"""The most confidence in a line at the same pitch on which waveforms do not agree."""
MOST_REST = 3
"""Unexplained stretches that are searched."""


def _silent(_: float) -> None:
    """Progress that nobody listens to."""


def unmatched(reason: str, evidence: Evidence | None = None) -> MethodAlignment:
    """An answer that says why there is none."""
    return MethodAlignment(NAME, False, False, 0.0, (), (), None, reason, evidence or Evidence())


def modular(
    dance: Sound, reference: Sound, *, hint: Hint | None = None, progress: Progress | None = None
) -> MethodAlignment:
    """Aligns by features; see ``docs/alignment.md``."""
    report = progress or _silent
    listening = extract(reference)
    report(0.4)
    if hint is not None:
        return at_hint(dance, reference, listening, hint)
    heard = extract(dance)
    tones = notes.extract(reference)
    report(0.6)
    result = at_speed(dance, reference, heard, listening, tones)
    report(0.7)
    rest = unexplained(dance, reference, heard, result.segments)
    if not result.matched or covered(result.segments, rest) < ENOUGH or stepping(result.segments):
        other = at_other_speed(dance, reference, listening, tones)
        if other.matched and weight(other) > FASTER * weight(result):
            result = other
            rest = unexplained(dance, reference, heard, result.segments)
    # Waveforms that do not agree at the same speed are another key's, or another player's.
    if not result.matched or result.evidence.details["trust"] <= UNLOCKED:
        other = in_other_key(dance, reference, listening, tones)
        if other.matched and weight(other) > FASTER * weight(result):
            result, rest = other, unexplained(dance, reference, heard, other.segments)
    report(0.9)
    if result.matched:
        for low, high in rest[:MOST_REST]:
            part = part_of(dance, low, high)
            piece = at_other_speed(part, reference, listening, tones)
            if heard_there(piece):
                found = [moved(segment, low) for segment in piece.segments]
                found = [s for s in found if new_take(heard, s, result.segments)]
                # An answer is as sure as the least sure of its takes.
                sure = min(result.confidence, piece.confidence) if found else result.confidence
                told = result.told | {time + low for time in piece.told}
                segments = (*result.segments, *found)
                result = replace(result, segments=segments, confidence=sure, told=told)
    report(1.0)
    return replace(result, segments=apart(unbridged(heard, result.segments)))


def heard_there(piece: MethodAlignment) -> bool:
    """Whether a take was found in what others leave open.

    It may be surely heard and have a rival, where the song comes back nearly alike: to leave it
    out would say that nothing is there. What lacks a part of the reference is only a loop.
    """
    details = piece.evidence.details
    surely = details.get("score", 0.0) >= HEARD and details.get("trust", 0.0) >= SURE
    return piece.matched and (piece.confidence >= SURE or surely)


def at_hint(dance: Sound, reference: Sound, listening: Features, hint: Hint) -> MethodAlignment:
    """The answer near a person's placing."""
    heard, takes = near(dance, reference, listening, hint)
    if not takes:
        return as_given(NAME, dance, reference, hint)
    sure = Verdict(True, False, 0.95, max(take.strength for take in takes), 0.0)
    answer = in_key(assemble(dance, reference, heard, listening, takes, [sure] * len(takes)), heard)
    return refined(replace(answer, segments=apart(answer.segments)))


def weight(answer: MethodAlignment) -> float:
    """All the evidence for an answer, to compare answers at different speeds."""
    return float(answer.evidence.details.get("weight", 0.0)) if answer.matched else 0.0


def at_other_speed(
    dance: Sound, reference: Sound, listening: Features, tones: Tones
) -> MethodAlignment:
    """The answer at the best other speed at which there is one."""
    for peak in search_speed(dance, reference)[:3]:
        if peak.score < SPEED_CHANCE or peak.score < 0.9 * peak.next_score:
            continue
        heard = extract(dance, peak.speed, peak.speed if peak.moved else 1.0)
        other = at_speed(dance, reference, heard, listening, tones)
        if other.matched:
            return other
    return unmatched(reasons.NO_SHARED_MUSIC)


def in_other_key(
    dance: Sound, reference: Sound, listening: Features, tones: Tones
) -> MethodAlignment:
    """The answer at the same speed in the best other key, whose segments say which."""
    key, peak = search_key(dance, reference)
    if peak.score < SPEED_CHANCE or peak.score < 0.9 * peak.next_score:
        return unmatched(reasons.NO_SHARED_MUSIC)
    heard = extract(dance, 1.0, 2 ** (key / 12))
    return in_key(at_speed(dance, reference, heard, listening, tones), heard)


def in_key(answer: MethodAlignment, heard: Features) -> MethodAlignment:
    """An answer that says in which key its music is; the reference keeps its own pitch."""
    if not heard.semitones:
        return answer
    segments = (replace(s, pitch_moved=False, semitones=heard.semitones) for s in answer.segments)
    return replace(answer, segments=tuple(segments))


def at_speed(
    dance: Sound, reference: Sound, heard: Features, listening: Features, tones: Tones
) -> MethodAlignment:
    """The answer at one speed."""
    peaks = search(heard, listening)
    lines = tracks_of(heard, listening, peaks, most=12)
    found = find_takes(heard, listening, lines)
    if not heard.stretched and (len(found) > 1 or broken_off(heard, listening, found)):
        lines = sharpened(dance, reference, heard, listening, lines, found)
        found = find_takes(heard, listening, lines)
    clean: list[Take] = []
    if not heard.stretched and len(found) > 1:
        found, clean = honest(dance, reference, found, heard.speed)
    takes = genuine(heard, listening, found, clean)
    del peaks, lines, found  # evidence frame by frame: of two hours, 6 MB a line
    if not takes:
        return unmatched(reasons.NO_SHARED_MUSIC)
    own = notes.extract(dance, heard.speed, heard.pitch)
    verdicts = [judge_take(heard, listening, take, tonal_match(own, tones, take)) for take in takes]
    return assemble(dance, reference, heard, listening, takes, verdicts)


def tonal_match(own: Tones, tones: Tones, take: Take) -> TonalMatch:
    """How well the notes of a take agree."""
    return notes.match(
        own,
        tones,
        float(take.line.lag) / PER_SECOND,
        take.line.drift,
        take.start / PER_SECOND,
        take.stop / PER_SECOND,
    )


def assemble(
    dance: Sound,
    reference: Sound,
    heard: Features,
    listening: Features,
    takes: list[Take],
    verdicts: list[Verdict],
) -> MethodAlignment:
    """The answer made from the takes that stand."""
    speed = heard.speed
    segments: list[Segment] = []
    errors: list[tuple[float, float]] = []
    told: frozenset[float] = frozenset()
    standing = [v for v in verdicts if v.matched]
    if not standing:
        best = max(verdicts, key=lambda v: v.score)
        return unmatched(reasons.NO_SHARED_MUSIC, best.evidence)
    main = max(standing, key=lambda v: v.score)
    doubts: list[float | None] = []
    kept = [take for take, verdict in zip(takes, verdicts, strict=True) if verdict.matched]
    per_second = PER_SECOND * speed
    for index, take in enumerate(kept):
        rough = segment_of(take, None, speed, pitch_moved=False)
        exact = None if heard.stretched else placed(dance, reference, rough, speed)
        segment = segment_of(take, exact, speed, pitch_moved=heard.pitch != 1.0)
        if exact is None:
            segments.append(clipped(dance, reference, segment))
        else:
            before = segments[-1].dance_end if segments else 0.0
            after = kept[index + 1].start / per_second if index + 1 < len(kept) else np.inf
            segment, sharp = limited(dance, reference, segment, (before, after))
            segments.append(segment)
            span = segment.dance_start, segment.dance_end
            said = doubt(dance, reference, segment.offset, segment.speed, *span)
            doubts.append(said)
            # In another mix much is not heard within a take, and says nothing of its limits.
            if said is not None and said <= WHOLE:
                told |= sharp
        errors.append(error_of(heard, listening, take, exact))
    rho = float(main.evidence.details.get("tonal_rho", 0.0))
    trusted = trust(doubts, rho)
    if not doubts and not heard.stretched:
        trusted = UNLOCKED  # at one speed waveforms agree, but for another key or player's version
    ambiguous = main.ambiguous
    total = sum(
        take.strength * float(np.sqrt((take.stop - take.start) / PER_SECOND))
        for take, verdict in zip(takes, verdicts, strict=True)
        if verdict.matched
    )
    details = {**main.evidence.details, "weight": float(total), "trust": trusted}
    details["line_ms"] = max(line for line, _ in errors)
    details["limits_ms"] = LIMITS_MS
    known = [d for d in doubts if d is not None]
    if known:
        details["missing"] = max(known)
        details["present"] = float(max(known) <= WHOLE and rho >= SAME_NOTES)
    candidates = tuple(
        Candidate(float(lag) / PER_SECOND, float(speed), share) for lag, share in main.places
    )
    return MethodAlignment(
        NAME,
        True,
        ambiguous,
        min(main.confidence, trusted),
        tuple(segments),
        candidates if ambiguous else candidates[1:],
        max(stated for _, stated in errors),
        None,
        replace(main.evidence, details=details),
        told,
    )


def near(
    dance: Sound, reference: Sound, listening: Features, hint: Hint
) -> tuple[Features, list[Take]]:
    """Features at the hint's speed, and the takes within its reach; none when nothing fits."""
    pitches = [1.0] if abs(hint.speed - 1) < 2e-3 else [hint.speed, 1.0]
    keys = [2 ** (key / 12) for key in SEMITONES]
    best: tuple[float, Features, Line] | None = None
    heard = extract(dance, hint.speed, pitches[0])
    for number, pitch in enumerate([*pitches, *keys]):
        if number == len(pitches) and best is not None and best[0] >= HINT_SIGMAS:
            break  # other keys are tried when nothing fits
        heard = extract(dance, hint.speed, pitch)
        line = Line(hint.offset * PER_SECOND)
        low, high = line.overlap(heard, listening)
        if high - low < PER_SECOND:
            continue
        reach = round(REACH * PER_SECOND)
        curve = products(heard, listening, line, low, high, reach).sum(axis=1)
        sigma = float(np.sqrt(np.square(chance(heard, low, high)).sum())) + 1e-6
        top = int(curve.argmax())
        height = float(curve[top]) / sigma
        if best is None or height > best[0]:
            best = (height, heard, Line(line.lag + top - reach))
    if best is None or best[0] < HINT_SIGMAS:
        return heard, []
    _, heard, line = best
    low, high = line.overlap(heard, listening)
    line = fit_stretch(heard, listening, line, low, high, 5e-4)
    found = find_takes(heard, listening, [track(heard, listening, line)])
    takes = genuine(heard, listening, found)
    return heard, takes or [Take(line, low, high, best[0])]
