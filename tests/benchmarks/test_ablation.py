"""Leaving out rules of the alignment, and fitting the constants behind confidence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.alignment.scoring import Score
from benchmarks.cases.case import Case
from benchmarks.rules import ablate, calibrate
from benchmarks.rules.each import RULES, Rule, Watch, original, recorded, same, users, without
from pipeline.align.modular.takes import Track
from pipeline.align.shared import segments as segments_of
from pipeline.align.shared.confidence import Ramp
from pipeline.model import Samples, Segment
from tests.music import NoMusic, tracks
from tests.pipeline.align import sounds

SCORE = Score(
    "develop-takes-0", "takes", "v2", True, False, 0.99, True, 2.0, 5.0, 1.0, 30.0, None, 1.0,
    60.0, 0, None, None,
)  # fmt: skip


def rule(name: str) -> Rule:
    return next(r for r in RULES if r.name == name)


def test_every_kind_of_case_is_known_where_cases_are_made() -> None:
    """In a fresh process: nothing else may have imported the recipes."""
    code = "from benchmarks.cases.generate import KINDS; print(len(KINDS))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert int(done.stdout) > 50


@pytest.mark.parametrize("one", RULES, ids=lambda r: r.name)
def test_every_rule_is_in_the_code_and_can_be_left_out(one: Rule) -> None:
    known, places = original(one), users(one)
    assert places, "nothing refers to it"
    assert callable(known) == one.is_function
    assert not same(known, one.without), "its absence would change nothing"
    with without(one):
        assert all(getattr(module, name) is one.without for module, name in places)
    assert all(getattr(module, name) is known for module, name in places)


def test_names_of_rules_are_unique() -> None:
    assert not [name for name, count in Counter(r.name for r in RULES).items() if count > 1]


def test_a_rule_fires_where_its_result_is_not_the_neutral_one() -> None:
    creeping = [Segment(0, 10, 0.0), Segment(10.2, 20, 0.5)]
    steady = [Segment(0, 10, 0.0), Segment(15.0, 20, 30.0)]
    stepping = rule("shared.segments.incomplete")
    for segments, fires in ((steady, False), (creeping, True)):
        watch = Watch()
        with watch.on([stepping, rule("shared.segments.separated")]):
            assert segments_of.incomplete(segments, []) is fires, "a watched rule still decides"
        assert watch.fired == ({stepping.name} if fires else set())
    with without(stepping):
        assert segments_of.incomplete(creeping, []) is False
    with recorded("shared.segments", "incomplete") as calls:
        segments_of.incomplete(creeping, [])
    assert calls == [((creeping, []), True)]


def test_results_are_compared_with_their_arrays() -> None:
    values = np.arange(3, dtype=np.float32)
    one = Track(None, values, values, values)  # type: ignore[arg-type]
    assert same([one, (1.0, None)], [replace(one, values=values.copy()), (1.0, None)])
    assert not same(one, replace(one, seconds=values + 1))


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        (replace(SCORE, error_ms=2.5), []),
        (replace(SCORE, error_ms=4.0), ["error"]),
        (replace(SCORE, error_ms=6.0), ["error within the stated", "error"]),
        (replace(SCORE, error_ms=30.0, estimated_ms=60.0),
         ["sync", "takes", "error", "stated error"]),
        (replace(SCORE, limits_ms=130.0), ["takes", "limits"]),
        (replace(SCORE, confidence=0.85), ["sure and right"]),
        (replace(SCORE, error_ms=4000.0),
         ["place", "sync", "not sure and wrong", "takes", "sure and right"]),
        (replace(SCORE, matched=False, confidence=0.0, error_ms=None),
         ["place", "sync", "takes", "sure and right"]),
    ],
)  # fmt: skip
def test_what_a_case_loses_is_named(after: Score, lost: list[str]) -> None:
    assert ablate.worse(SCORE, after) == lost
    back = ablate.changes([after], [SCORE])
    assert [c.won for c in back] == ([tuple(lost)] if lost else [])


def test_a_false_acceptance_is_a_loss() -> None:
    refused = replace(SCORE, matched=False, shares_music=False, error_ms=None, kind="unrelated")
    accepted = replace(refused, matched=True, confidence=0.7)
    assert ablate.worse(refused, accepted) == ["refused"]
    assert ablate.worse(refused, replace(accepted, confidence=0.95)) == [
        "refused", "not sure of it"]  # fmt: skip


@pytest.mark.music
def test_a_rule_is_left_out_where_it_fired(tmp_path: Path) -> None:
    """A short take is fitted in three ways, of which one alone may be another."""
    try:
        tracks("neverball-common")
    except NoMusic as why:
        pytest.skip(f"no music: {why}")
    song: Samples = sounds.cut(sounds.track(1), 20.0, 45.0)
    talk = np.random.default_rng(0).standard_normal(4 * sounds.RATE).astype(np.float32) * 0.02
    dance = np.concatenate([talk, sounds.noisy(sounds.cut(song, 12.0, 14.0), 20.0)])
    truth = Segment(4.0, 18.0, 8.0)
    case = Case("develop-part-0", "part", dance, song, sounds.RATE, (truth,))
    rules = [
        rule("modular.placing.placed[short takes]"),
        rule("judge.takes_only_other_found"),
        rule("shared.whole_dance.REPLACE_RATIO"),
    ]
    lines = list(ablate.lines_of(case, rules, Counter({r.name: 5 for r in rules})))
    assert [line["rule"] for line in lines] == [None, rules[0].name, rules[2].name]
    assert lines[0]["fired"] == [rules[0].name]
    scores = ablate.scores_of(lines[0])
    assert [s.method for s in scores] == ["v2", "modular", "judge"]
    assert all(s.right for s in scores)
    assert scores[0].details["strength"] > 0
    file = tmp_path / "lines.jsonl"
    file.write_text("".join(json.dumps(line, default=float) + "\n" for line in lines))
    table = ablate.report(ablate.read([file]))
    assert "| modular.placing.placed[short takes] | 1 | 1 |" in table
    assert "| judge.takes_only_other_found | 0 | 0 |" in table


def test_draws_come_in_turn_and_in_parts() -> None:
    options = ablate._options(["--classes", "clean", "takes", "--limit", "2"])
    assert [d.name for d in ablate.draws(options)] == [
        "develop-clean-0", "develop-takes-0", "develop-clean-1", "develop-takes-1"]  # fmt: skip
    options.part = "2/2"
    assert [d.name for d in ablate.draws(options)] == ["develop-takes-0", "develop-takes-1"]


def test_a_known_curve_is_fitted_again() -> None:
    random = np.random.default_rng(1)
    known = calibrate.Curve(6.0, 1.5)
    evidence = random.uniform(2, 12, 3000)
    truth = (random.uniform(size=3000) < known.at(evidence)).astype(np.float64)
    found = calibrate.fit(evidence, truth)
    assert found is not None
    assert found.middle == pytest.approx(6.0, abs=0.2)
    assert found.slope == pytest.approx(1.5, abs=0.2)
    other = calibrate.Curve(8.0, 1.5)
    assert calibrate.log_loss(found, evidence, truth) < calibrate.log_loss(other, evidence, truth)
    assert calibrate.fit(evidence, np.ones(3000)) is None, "without wrong answers nothing is told"


def test_a_ramp_is_a_curve_through_its_ends() -> None:
    curve = calibrate.through(Ramp((22.0, 52.0), (0.5, 0.85)))
    assert curve.at(np.array([22.0, 52.0])) == pytest.approx([0.5, 0.85])
    assert curve.evidence_of(0.85) == pytest.approx(52.0)


def _answers() -> list[Score]:
    """Forty cases: right ones have high scores, wrong ones low ones."""
    found = []
    for number in range(40):
        wrong = number < 4
        strength = 5.5 + 0.05 * number if wrong else 7.0 + number
        details = {"strength": strength, "trust": 1.0}
        for method in ("v2", "modular", "judge"):
            found.append(replace(
                SCORE, case=f"case-{number}", method=method, details=details,
                error_ms=5000.0 if wrong else 1.0,
                confidence=0.5 if wrong else 0.99))  # fmt: skip
    return found


def test_constants_are_judged_by_what_was_not_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "RESAMPLES", 10)  # what they spread over is not looked at
    scores = _answers()
    cap = calibrate.cap_table(scores)
    assert "| v2 | 36 | 0 | 0.9900 | 0.9737 |" in cap
    file = tmp_path / "answers.jsonl"
    with file.open("w") as out:
        for number in range(40):
            own = [asdict(s) for s in scores if s.case == f"case-{number}"]
            print(json.dumps({"case": f"case-{number}", "rule": None, "fired": [], "cpu": 1.0,
                              "scores": own}), file=out)  # fmt: skip
    calibrate.main(["--read", str(file), "--test", str(file)])
    rows = [line for line in capsys.readouterr().out.splitlines() if "v2.answer: height" in line]
    assert rows[0].startswith(
        "| v2.answer: height of the strength | 36 (11.00) / 4 (5.65) | 7.00; 1.50 |"
    )
