"""The modular method: several feature estimators, fused; careful.

Whitened mel flux finds the lines, the tonal match and the clear-winner rule judge them,
deconvolution places them to a fraction of a millisecond where waveforms still match.
Speed is searched only when the same speed explains nothing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline import reasons
from pipeline.align import modular_tonal
from pipeline.align.hint import Hint, as_given, refined
from pipeline.align.modular_extend import extended
from pipeline.align.modular_features import PER_SECOND, Features, extract
from pipeline.align.modular_fine import Exact, refine
from pipeline.align.modular_follow import Line
from pipeline.align.modular_gain import LACKING, WHOLE, doubt, trust
from pipeline.align.modular_hint import near
from pipeline.align.modular_limits import Ear, limits, whole
from pipeline.align.modular_rest import (
    ENOUGH,
    apart,
    covered,
    moved,
    new_take,
    part_of,
    stepping,
    unexplained,
)
from pipeline.align.modular_search import search
from pipeline.align.modular_speed import search_speed
from pipeline.align.modular_takes import (
    Take,
    Track,
    find_takes,
    genuine,
    track,
    tracks_of,
)
from pipeline.align.modular_tonal import TonalMatch, Tones
from pipeline.align.modular_verdict import Verdict, judge_take
from pipeline.model import Candidate, Evidence, MethodAlignment, Progress, Segment, Sound

NAME = "modular"
SPEED_CHANCE = 6.0
"""Score from which another speed is looked at."""
FASTER = 1.25
"""How much more evidence another speed needs to replace the same speed."""
SURE = 0.9
"""Confidence that a take at yet another speed needs."""
VERSION, NOTES = 0.6, 0.36
"""The least trust in a take whose notes agree by this coefficient."""
UNLOCKED = 0.85
"""The most confidence in a line at the same pitch on which waveforms do not agree."""
MOST_TURNS = 4
"""How often a segment is followed outwards, each time by up to its own length."""
END = 300
"""Frames from a take's end to a file's from which it breaks off."""
SHORT_TAKE = 20.0
"""Seconds of a take that tells nothing certain about drift."""
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
    tones = modular_tonal.extract(reference)
    report(0.6)
    result = at_speed(dance, reference, heard, listening, tones)
    report(0.7)
    rest = unexplained(dance, reference, heard, result.segments)
    if not result.matched or covered(result.segments, rest) < ENOUGH or stepping(result.segments):
        other = at_other_speed(dance, reference, listening, tones)
        if other.matched and weight(other) > FASTER * weight(result):
            result = other
            rest = unexplained(dance, reference, heard, result.segments)
    report(0.9)
    if result.matched:
        for low, high in rest[:MOST_REST]:
            part = part_of(dance, low, high)
            piece = at_other_speed(part, reference, listening, tones)
            if piece.matched and piece.confidence >= SURE:
                found = [moved(segment, low) for segment in piece.segments]
                found = [s for s in found if new_take(heard, s, result.segments)]
                result = replace(result, segments=(*result.segments, *found))
    report(1.0)
    return replace(result, segments=apart(result.segments))


def at_hint(dance: Sound, reference: Sound, listening: Features, hint: Hint) -> MethodAlignment:
    """The answer near a person's placing."""
    heard, takes = near(dance, reference, listening, hint)
    if not takes:
        return as_given(NAME, dance, reference, hint)
    sure = Verdict(True, False, 0.95, max(take.strength for take in takes), 0.0)
    answer = assemble(dance, reference, heard, takes, [sure] * len(takes))
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
    if not heard.stretched and len(found) > 1:
        found = honest(dance, reference, found, heard.speed)
    takes = genuine(heard, listening, found)
    if not takes:
        return unmatched(reasons.NO_SHARED_MUSIC)
    own = modular_tonal.extract(dance, heard.speed, heard.pitch)
    verdicts = [judge_take(heard, listening, take, tonal_match(own, tones, take)) for take in takes]
    return assemble(dance, reference, heard, takes, verdicts)


def broken_off(heard: Features, listening: Features, takes: list[Take]) -> bool:
    """Whether a take ends though its line goes on within both files."""
    for take in takes:
        low, high = take.line.overlap(heard, listening)
        if take.start - low > END or high - take.stop > END:
            return True
    return False


def sharpened(
    dance: Sound,
    reference: Sound,
    heard: Features,
    listening: Features,
    lines: list[Track],
    takes: list[Take],
) -> list[Track]:
    """The lines of long takes with the drift that waveforms tell, and their evidence anew.

    A drift that is off by 100 millionths loses the line a minute further on, where a repeat of
    the song then looks better.
    """
    result = list(lines)
    for index, known in enumerate(lines):
        own = [take for take in takes if take.line == known.line]
        take = max(own, key=lambda t: t.stop - t.start, default=None)
        if take is None or take.stop - take.start < SHORT_TAKE * PER_SECOND:
            continue
        exact = placed(
            dance, reference, segment_of(take, None, heard.speed, pitch_moved=False), heard.speed
        )
        if exact is not None:
            drift = exact.speed / heard.speed - 1
            lag = known.line.lag + (known.line.drift - drift) * (take.start + take.stop) / 2
            result[index] = track(heard, listening, Line(lag, drift))
    return result


def honest(dance: Sound, reference: Sound, takes: list[Take], speed: float) -> list[Take]:
    """The takes without those that lack what the reference has, where others lack nothing.

    However long an echo of a repetitive song is, a short take in which all of the reference
    is heard is better evidence.
    """
    doubts: list[float | None] = []
    for take in takes:
        rough = segment_of(take, None, speed, pitch_moved=False)
        exact = placed(dance, reference, rough, speed)
        at = segment_of(take, exact, speed, pitch_moved=False)
        floor, ceiling = whole(dance, reference, at.offset, at.speed)
        start, stop = max(at.dance_start, floor), min(at.dance_end, ceiling)
        said = None if exact is None else doubt(dance, reference, at.offset, at.speed, start, stop)
        doubts.append(said)
    if all(d is None or d > WHOLE for d in doubts):
        return takes
    return [t for t, d in zip(takes, doubts, strict=True) if d is None or d < LACKING]


def tonal_match(own: Tones, tones: Tones, take: Take) -> TonalMatch:
    """How well the notes of a take agree."""
    return modular_tonal.match(
        own,
        tones,
        float(take.line.lag) / PER_SECOND,
        take.line.drift,
        take.start / PER_SECOND,
        take.stop / PER_SECOND,
    )


def segment_of(take: Take, exact: Exact | None, speed: float, *, pitch_moved: bool) -> Segment:
    """A take as a segment, in seconds of the dance's own clock."""
    per_second = PER_SECOND * speed
    offset, rate = float(take.line.lag) / PER_SECOND, float(speed * (1 + take.line.drift))
    if exact is not None:
        offset, rate = exact.offset, exact.speed
    return Segment(take.start / per_second, take.stop / per_second, offset, rate, pitch_moved)


def placed(dance: Sound, reference: Sound, rough: Segment, speed: float) -> Exact | None:
    """The exact line of a take. A short one tells its drift badly: there the line without
    drift through its middle is taken unless another is clearly better."""
    start, stop = rough.dance_start, rough.dance_end
    exact = refine(dance, reference, rough.offset, rough.speed, start, stop, slack=4e-4)
    if stop - start >= SHORT_TAKE:
        return exact
    middle = (start + stop) / 2
    offset = rough.offset + (rough.speed - speed) * middle
    plain = refine(dance, reference, offset, speed, start, stop, slack=6e-4)
    steady = refine(dance, reference, offset, speed, start, stop, slack=0.0)
    found = [(e.height * w, e) for e, w in ((steady, 1.25), (plain, 1.0), (exact, 1.0)) if e]
    return max(found, key=lambda item: item[0])[1] if found else None


def limited(
    dance: Sound, reference: Sound, segment: Segment, between: tuple[float, float]
) -> Segment:
    """A segment of matching waveforms, followed to where its line ends, its limits exact.

    ``between``: the dance times that other segments leave free.
    """
    floor, ceiling = whole(dance, reference, segment.offset, segment.speed)
    low, high = max(floor, between[0]), min(ceiling, between[1])
    start, stop = max(segment.dance_start, floor), min(segment.dance_end, ceiling)
    for _ in range(MOST_TURNS):
        ear = Ear(dance, reference, segment.offset, segment.speed)
        first, last = extended(ear, start, stop, low, high)
        if (first, last) == (start, stop):
            break
        start, stop = first, last
        exact = refine(dance, reference, segment.offset, segment.speed, start, stop, slack=2e-5)
        if exact is not None:
            segment = replace(segment, offset=exact.offset, speed=exact.speed)
    ear = Ear(dance, reference, segment.offset, segment.speed)
    exact_limits = limits(ear, start, stop, floor, ceiling)
    if exact_limits is not None and exact_limits[1] - exact_limits[0] > 0.5 * (stop - start):
        start, stop = exact_limits
    return replace(segment, dance_start=float(start), dance_end=float(stop))


def clipped(dance: Sound, reference: Sound, segment: Segment) -> Segment:
    """A segment within what its line can cover."""
    floor, ceiling = whole(dance, reference, segment.offset, segment.speed)
    start, stop = max(segment.dance_start, floor), min(segment.dance_end, ceiling)
    return replace(segment, dance_start=float(start), dance_end=float(stop))


def assemble(
    dance: Sound,
    reference: Sound,
    heard: Features,
    takes: list[Take],
    verdicts: list[Verdict],
) -> MethodAlignment:
    """The answer made from the takes that stand."""
    speed = heard.speed
    segments: list[Segment] = []
    errors: list[float] = []
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
            segment = limited(dance, reference, segment, (before, after))
            segments.append(segment)
            span = segment.dance_start, segment.dance_end
            doubts.append(doubt(dance, reference, segment.offset, segment.speed, *span))
        errors.append(1.0 if exact is not None else 12.0)
    # The same notes in another arrangement are a version of the song, and no echo of it.
    trusted = max(
        trust(doubts),
        VERSION if float(main.evidence.details.get("tonal_rho", 0.0)) >= NOTES else 0.0,
    )
    if not doubts and not heard.stretched:
        trusted = UNLOCKED  # at one speed waveforms agree, but for another player's version
    ambiguous = main.ambiguous
    total = sum(
        take.strength * float(np.sqrt((take.stop - take.start) / PER_SECOND))
        for take, verdict in zip(takes, verdicts, strict=True)
        if verdict.matched
    )
    details = {**main.evidence.details, "weight": float(total), "trust": trusted}
    if any(d is not None for d in doubts):
        details["missing"] = max(d for d in doubts if d is not None)
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
        float(np.max(errors)),
        None,
        replace(main.evidence, details=details),
    )
