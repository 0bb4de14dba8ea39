"""One answer from the answers of all methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, permutations

from pipeline import reasons
from pipeline.align import judge_lines as lines
from pipeline.model import Alignment, Candidate, MethodAlignment, Segment

ALONE_CONFIDENCE = 0.9
"""The confidence from which one method's word is taken against the other's "no match"."""
ELSEWHERE_MS = 250.0
"""Methods further apart than this mean different places of the song, and not two mixes of one."""
ECHO_CONFIDENCE = 0.5
"""A match that no method trusts more than this is only a loop that two songs, or two parts of
one, share."""
UNSURE_CONFIDENCE = 0.5
"""The most confidence where the methods, or two places, contradict each other: as likely as not."""
ONE_METHOD_CONFIDENCE = 0.85
"""The most confidence in an answer of which only one method heard a take, or all."""
SAME_LIMIT_SECONDS = 0.3
"""Seconds by which one method's limits may fall short of the other's and be the same limits."""
SURE_CONFIDENCE = 0.9
"""The confidence from which a take is believed that the other method did not hear."""
MIN_TAKE_SECONDS, APART_SECONDS = 6.0, 1.0
"""Seconds of such a take at least, and between it and the others."""
INDEPENDENT_SHARE = 0.66
"""How much a second method's word counts: 1 less the correlation of both methods' mistakes, 0.34
on the develop split (nine times in ten 0.0 to 0.6; ``benchmarks/rules/independence.py``)."""
SAME_PLACE_SECONDS = 0.1
"""Seconds: candidates nearer than this are one."""


def completed(
    mine: Sequence[Segment],
    other: Sequence[Segment],
    sharp: frozenset[float] = frozenset(),
    within: float = lines.VISIBLE_MS,
) -> tuple[Segment, ...]:
    """Segments carried on to where the other method found the same line go on.

    A quiet start or end is more easily missed than found where there is none; small differences are
    left alone, and so is a limit that the sound shows (one of ``sharp``). Lines are the same
    ``within`` so many milliseconds.
    """
    result: list[Segment] = []
    for index, segment in enumerate(mine):
        start, stop = segment.dance_start, segment.dance_end
        for two in lines.paired(segment, other, within):
            if start - two.dance_start > SAME_LIMIT_SECONDS and start not in sharp:
                start = max(two.dance_start, result[-1].dance_end if result else 0.0)
            if two.dance_end - stop > SAME_LIMIT_SECONDS and stop not in sharp:
                stop = two.dance_end
                if index + 1 < len(mine):
                    stop = max(min(stop, mine[index + 1].dance_start), segment.dance_end)
        result.append(replace(segment, dance_start=min(start, segment.dance_start), dance_end=stop))
    return tuple(result)


def takes_only_other_found(mine: Sequence[Segment], other: Sequence[Segment]) -> list[Segment]:
    """Takes that only the other method found: long ones, apart from all of mine.

    A take deep in noise may be beyond one method. What adjoins a take is left out, since it may
    be an echo of a repetitive song.
    """
    return [
        two
        for two in other
        if two.length >= MIN_TAKE_SECONDS and all(-two.shared(o) >= APART_SECONDS for o in mine)
    ]


def found_by_one(answers: Sequence[MethodAlignment]) -> bool:
    """Whether one method found a take of which another found nothing: be it part of the answer or
    not, one of the two is mistaken."""
    return any(
        takes_only_other_found(one.segments, two.segments) for one, two in permutations(answers, 2)
    )


def all_candidates(
    answers: Sequence[MethodAlignment], first: MethodAlignment, places: Sequence[Candidate]
) -> tuple[Candidate, ...]:
    """``places`` and the candidates of all answers, each place once, best first."""
    main = max(first.segments, key=lambda segment: segment.length)
    middle = (main.dance_start + main.dance_end) / 2
    chosen = list(places)
    for candidate in sorted(
        (c for answer in answers for c in answer.candidates), key=lambda c: -c.confidence
    ):
        place = candidate.line.reference_time(middle)
        if all(abs(place - c.line.reference_time(middle)) > SAME_PLACE_SECONDS for c in chosen):
            chosen.append(candidate)
    return tuple(chosen[:8])


def by_confidence(answer: MethodAlignment) -> tuple[float, float]:
    """Sorts answers: the surer first, and of equally sure ones the one that is off by less."""
    return -round(answer.confidence, 2), answer.error_ms or 0.0


def present_somewhere(answer: MethodAlignment) -> bool:
    """Whether a method is sure that the music is there, and only not where of several places."""
    return answer.ambiguous and answer.present


def is_loop_match(answer: MethodAlignment) -> bool:
    """Whether a method itself says that its place lacks what the reference has there."""
    return answer.confidence_cap <= ECHO_CONFIDENCE


def found_different_places(matched: Sequence[MethodAlignment]) -> bool:
    """Whether the methods found different places, no segment of one near one of the other's, and
    none of them found that the music repeats: when none is sure of its own place either, each is
    evidence against the other's."""
    if any(a.ambiguous for a in matched):
        return False
    return any(
        not any(lines.paired(mine, two.segments, ELSEWHERE_MS) for mine in one.segments)
        for one, two in pairwise(matched)
    )


def judge(answers: Mapping[str, MethodAlignment]) -> Alignment:
    """The task's answer: the surer method's segments, with a confidence made from both."""
    said = list(answers.values())
    matched = sorted((a for a in said if a.matched), key=by_confidence)
    alone = len(matched) < len(said)
    unsure = not any(a.confidence >= ALONE_CONFIDENCE or present_somewhere(a) for a in matched)
    if (
        not matched
        or (unsure and (alone or found_different_places(matched)))
        or all(map(is_loop_match, matched))
    ):
        return Alignment(
            matched=False,
            confidence=UNSURE_CONFIDENCE * max((a.confidence for a in said), default=0.0),
            reason=next((a.reason for a in said if a.reason), reasons.NO_SHARED_MUSIC),
            variants=dict(answers),
        )
    first, others = matched[0], matched[1:]
    segments = first.segments
    for second in others:
        # A line that is off by less than it says may be the same; an exact one is not.
        within = min(max(lines.SAME_LINE_MS, first.error_ms or lines.VISIBLE_MS), lines.VISIBLE_MS)
        segments = completed(segments, second.segments, first.sharp_limits, within)
    agreement = lines.distance(first.segments, others[0].segments) if others else None
    exact = lines.most_exact(matched, agreement)
    segments = lines.on_lines(segments, exact.segments)
    if lines.agree(agreement):
        for second in others:
            if second.confidence >= SURE_CONFIDENCE and not second.ambiguous:
                segments += tuple(takes_only_other_found(segments, second.segments))
    places = () if lines.agree(agreement) else tuple(map(own_place, matched[:2]))
    return Alignment(
        matched=True,
        ambiguous=any(a.ambiguous for a in matched),
        confidence=confidence_of(said, matched, agreement),
        segments=tuple(sorted(segments, key=lambda s: s.dance_start)),
        candidates=all_candidates(matched, first, places if others else ()),
        agreement_ms=agreement,
        error_ms=lines.stated_error(exact, matched, agreement),
        variants={name: lines.exacter(a, exact, agreement) for name, a in answers.items()},
    )


def own_place(answer: MethodAlignment) -> Candidate:
    """Where a method itself found the music, by its longest segment."""
    main = max(answer.segments, key=lambda segment: segment.length)
    return Candidate(main.offset, main.speed, answer.confidence)


def confidence_of(
    said: Sequence[MethodAlignment], matched: Sequence[MethodAlignment], agreement: float | None
) -> float:
    """How sure the answer is, from those of all methods and of those that found the music, the
    surest first."""
    first, *others = matched
    confidence = first.confidence
    if lines.agree(agreement):
        confidence = 1 - (1 - confidence) * (1 - INDEPENDENT_SHARE * others[0].confidence)
    elif others:
        confidence = min(confidence, UNSURE_CONFIDENCE)
    if len(said) > 1 and (not others or found_by_one(matched)):
        confidence = min(confidence, ONE_METHOD_CONFIDENCE)
    if any(a.ambiguous for a in matched):
        confidence = min(confidence, UNSURE_CONFIDENCE)
    # What makes one method doubt that the whole reference is present is no matter of chance,
    # which a second method would make less likely: it holds for the answer.
    return min(confidence, *(a.confidence_cap for a in matched))
