"""The judge: what two answers are worth together, and that the methods are independent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.alignment.held_sound import HeldSound
from pipeline import reasons
from pipeline.align import METHODS, fault_of, judge
from pipeline.model import Candidate, MethodAlignment, Segment
from tests.pipeline.align.sounds import (
    cut,
    noisy,
    track,
)

SURE = MethodAlignment(
    method="v2", matched=True, confidence=0.95, segments=(Segment(0, 30, 12.0),), error_ms=1.0
)
NONE = MethodAlignment(method="modular", reason=reasons.NO_SHARED_MUSIC)


def test_two_that_agree_are_surer_than_one() -> None:
    other = replace(SURE, method="modular", segments=(Segment(0, 30, 12.004),))
    together = judge({"v2": SURE, "modular": other})
    assert together.matched and together.confidence > 0.95
    assert together.agreement_ms == pytest.approx(4.0)


def test_two_that_disagree_are_a_match_without_confidence() -> None:
    other = replace(SURE, method="modular", segments=(Segment(0, 30, 20.0),), confidence=0.92)
    together = judge({"v2": SURE, "modular": other})
    assert together.matched and together.confidence <= 0.5
    assert together.agreement_ms == pytest.approx(8000)
    assert {12.0, 20.0} <= {c.offset for c in together.candidates}
    # Each has the places of both, a few milliseconds off: what sounds alike is one choice.
    found = tuple(
        replace(answer, candidates=(Candidate(12.0 + ms, 1.0, 0.5), Candidate(20.0 - ms, 1.0, 0.4)))
        for answer, ms in ((SURE, 0.004), (other, 0.006))
    )
    together = judge({"v2": found[0], "modular": found[1]})
    assert [c.offset for c in together.candidates] == [12.0, 20.0]


def test_a_weak_match_alone_is_none() -> None:
    together = judge({"v2": replace(SURE, confidence=0.85), "modular": NONE})
    assert not together.matched and together.reason == reasons.NO_SHARED_MUSIC


@pytest.mark.parametrize(("offset", "matched"), [(12.1, True), (20.0, False)])
def test_two_weak_matches_elsewhere_are_none(offset: float, matched: bool) -> None:
    weak = replace(SURE, confidence=0.7)
    other = replace(weak, method="modular", segments=(Segment(0, 30, offset),), confidence=0.85)
    together = judge({"v2": weak, "modular": other})
    assert together.matched == matched
    assert together.reason == (None if matched else reasons.NO_SHARED_MUSIC)
    # One that also hears something elsewhere is no contradiction.
    more = replace(other, segments=(Segment(0, 20, 12.0), Segment(20, 30, 40.0)))
    assert judge({"v2": weak, "modular": more}).matched
    # Where the music repeats, both may be right.
    repeats = replace(other, ambiguous=True, confidence=0.5)
    assert judge({"v2": weak, "modular": repeats}).matched


def test_a_strong_match_alone_stands_with_less_confidence() -> None:
    together = judge({"v2": SURE, "modular": NONE})
    assert together.matched and together.confidence < 0.9


def test_one_that_is_ambiguous_makes_the_answer_so() -> None:
    places = (Candidate(12.0, 1.0, 0.5), Candidate(40.0, 1.0, 0.49))
    unsure = replace(SURE, ambiguous=True, confidence=0.5, candidates=places, method="modular")
    together = judge({"v2": SURE, "modular": unsure})
    assert together.ambiguous and together.confidence <= 0.5
    assert {c.offset for c in together.candidates} == {12.0, 40.0}


def test_one_method_alone_is_judged_too() -> None:
    together = judge({"v2": SURE})
    assert together.matched and together.agreement_ms is None
    assert together.segments == SURE.segments


def doubted(answer: MethodAlignment, cap: float) -> MethodAlignment:
    """An answer whose method misses a part of the reference in the dance."""
    return replace(answer, confidence=min(answer.confidence, cap), confidence_cap=cap)


def test_what_one_method_misses_in_the_dance_limits_the_answer() -> None:
    other = replace(SURE, method="modular", segments=(Segment(0, 30, 12.004),))
    together = judge({"v2": doubted(SURE, 0.5), "modular": other})
    assert together.matched and together.confidence == pytest.approx(0.5)


def test_a_place_that_every_method_doubts_is_no_match() -> None:
    other = replace(SURE, method="modular")
    together = judge({"v2": doubted(SURE, 0.5), "modular": doubted(other, 0.5)})
    assert not together.matched and together.reason == reasons.NO_SHARED_MUSIC
    assert not judge({"v2": doubted(SURE, 0.5)}).matched


def test_limits_reach_as_far_as_either_method_heard_the_line() -> None:
    two = (Segment(2, 20, 12.0), Segment(24, 40, 30.0))
    other = (Segment(0.5, 20.1, 12.001), Segment(24.0, 44.0, 55.0))
    one = replace(SURE, segments=two)
    together = judge({"v2": one, "modular": replace(SURE, method="modular", segments=other)})
    assert [(s.dance_start, s.dance_end) for s in together.segments] == [(0.5, 20), (24, 40)]


def test_a_limit_that_the_sound_tells_stands_against_one_that_is_only_likely() -> None:
    """A soft beginning: one method supposes that it was played, the other knows that it was not."""
    supposed = replace(SURE, confidence=0.9, segments=(Segment(3.3, 17.0, -3.3),))
    known = replace(
        SURE,
        method="modular",
        segments=(Segment(5.0, 15.0, -3.3),),
        sharp_limits=frozenset({5.0, 15.0}),
    )
    [only] = judge({"v2": supposed, "modular": known}).segments
    assert (only.dance_start, only.dance_end) == (5.0, 15.0)


def test_limits_of_another_line_are_not_taken_over() -> None:
    """A drift that is wrong by a thousandth moves what should be heard, and so the limits."""
    exact = replace(SURE, segments=(Segment(0.0, 14.9, 3.0),))
    drifting = replace(SURE, method="modular", segments=(Segment(0.0, 15.7, 2.993, 1.0007),))
    [only] = judge({"v2": exact, "modular": replace(drifting, error_ms=9.0)}).segments
    assert only.dance_end == 14.9
    # A line of which no more is known may be the same.
    vague = replace(exact, error_ms=10.0, confidence=0.97)
    [only] = judge({"v2": vague, "modular": replace(drifting, error_ms=11.0)}).segments
    assert only.dance_end == 15.7


def two_of(*segments: Segment, confidence: float = 0.95) -> MethodAlignment:
    return replace(SURE, method="modular", segments=segments, confidence=confidence)


def test_a_take_that_one_method_heard_is_in_the_answer_with_less_confidence() -> None:
    soft = Segment(32, 45, -32.0)
    together = judge({"v2": SURE, "modular": two_of(*SURE.segments, soft)})
    assert together.segments == (*SURE.segments, soft)
    assert together.confidence == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("other", "confidence"),
    [
        (Segment(30.2, 45, -32.0), 0.95),  # adjoins a take: perhaps its echo
        (Segment(32, 36, -32.0), 0.95),  # short
        (Segment(32, 45, -32.0), 0.8),  # of a method that is not sure
    ],
)
def test_what_may_be_no_take_of_its_own_stays_out(other: Segment, confidence: float) -> None:
    together = judge({"v2": SURE, "modular": two_of(*SURE.segments, other, confidence=confidence)})
    assert together.segments == SURE.segments


def test_a_take_that_only_one_heard_makes_the_answer_less_sure() -> None:
    """Whether the take is in the answer or not: one of the two is mistaken."""
    unsure = two_of(*SURE.segments, Segment(32, 45, -32.0), confidence=0.8)
    for name, other in (("v2", SURE), ("modular", replace(SURE, confidence=0.7))):
        together = judge({"first": replace(other, method=name), "second": unsure})
        assert together.confidence <= 0.85


def test_of_two_equally_sure_the_more_exact_one_answers() -> None:
    rough = replace(SURE, confidence=0.951, error_ms=12.0)
    exact = replace(two_of(Segment(0, 30, 12.01)), confidence=0.95, error_ms=0.7)
    assert judge({"v2": rough, "modular": exact}).segments == exact.segments


def elsewhere(present: bool) -> MethodAlignment:
    """An answer of a method that hears the music in several places."""
    places = (Candidate(12.0, 1.0, 0.5), Candidate(20.0, 1.0, 0.49))
    doubting = replace(SURE, method="modular", ambiguous=True, confidence=0.5)
    return replace(doubting, candidates=places, present=present)


@pytest.mark.parametrize("present", [True, False])
def test_a_method_alone_that_hears_the_music_and_not_where_makes_the_answer_ambiguous(
    present: bool,
) -> None:
    together = judge({"v2": replace(NONE, method="v2"), "modular": elsewhere(present)})
    assert (together.matched, together.ambiguous) == (present, present)
    assert together.confidence <= 0.5
    assert {c.offset for c in together.candidates} == ({12.0, 20.0} if present else set())


def test_of_two_at_one_place_the_line_that_states_less_is_the_answer() -> None:
    """Whichever is surer of the place; also in the file of the one that can say little."""
    rough = replace(SURE, method="modular", error_ms=14.0, segments=(Segment(0, 30, 12.03),))
    exact = replace(SURE, confidence=0.5, error_ms=0.7)
    for other in (exact, replace(exact, confidence=0.99)):
        together = judge({"v2": other, "modular": rough})
        assert [s.offset for s in together.segments] == [12.0]
        assert together.error_ms == pytest.approx(30.7)
        assert [s.offset for s in together.variants["modular"].segments] == [12.0]
        assert together.variants["v2"].segments == exact.segments
    # One that states nearly as little keeps its own line in its own file.
    near = replace(rough, error_ms=3.0)
    assert judge({"v2": exact, "modular": near}).variants["modular"] == near
    # Another place is no better line.
    apart = replace(exact, segments=(Segment(0, 30, 12.1),))
    together = judge({"v2": apart, "modular": rough})
    assert together.variants["modular"] == rough and together.segments == rough.segments


def stated(answer: MethodAlignment, error: float, line: float) -> MethodAlignment:
    return replace(answer, error_ms=error, confirmed_error_ms=line)


def test_the_error_is_at_least_the_distance_of_the_methods() -> None:
    other = two_of(Segment(0, 30, 12.02), confidence=0.9)
    together = judge({"v2": stated(SURE, 0.7, 0.7), "modular": other})
    assert together.error_ms == pytest.approx(20.7)


def test_doubt_about_an_arrival_goes_when_both_found_the_same() -> None:
    first = stated(SURE, 28.0, 0.7)
    near = two_of(Segment(0, 30, 12.0002), confidence=0.9)
    far = two_of(Segment(0, 30, 12.003), confidence=0.9)
    assert judge({"v2": first, "modular": near}).error_ms == pytest.approx(0.9)
    # Beside one that states less, that one's line is the answer's.
    assert judge({"v2": first, "modular": far}).error_ms == pytest.approx(4.0)
    assert judge({"v2": first}).error_ms == pytest.approx(28.0)


@pytest.mark.music
@pytest.mark.parametrize("spoilt", ["v2", "modular"])
def test_spoiling_one_method_leaves_the_other_unchanged(
    spoilt: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = track(1)
    dance, reference = HeldSound(noisy(cut(song, 9, 20), 10)), HeldSound(song)
    other = "modular" if spoilt == "v2" else "v2"
    before = METHODS[other](dance, reference)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("spoilt")

    for part in {
        "v2": ("v2.onset_bits.bits_of", "v2.search.agreement", "v2.phase.lag_curves"),
        "modular": (
            "modular.features.MelFlux.of",
            "modular.search.correlate",
            "modular.arrival.responses",
        ),
    }[spoilt]:
        monkeypatch.setattr(f"pipeline.align.{part}", broken)
    with pytest.raises(RuntimeError, match="spoilt"):
        METHODS[spoilt](dance, reference)
    assert METHODS[other](dance, reference) == before


def test_a_silent_dance_is_described() -> None:
    fault = fault_of(HeldSound(np.zeros(80000, np.float32)))
    assert fault is not None
    assert fault.reason == reasons.SILENT and "10 s" in fault.detail


def test_a_short_dance_is_described() -> None:
    fault = fault_of(HeldSound(np.ones(4000, np.float32)))
    assert fault is not None and fault.reason == reasons.TOO_SHORT


@pytest.mark.music
def test_music_is_usable() -> None:
    assert fault_of(HeldSound(cut(track(1), 5, 20))) is None
