"""Fits the constants behind confidence to answers, and says how well they hold on others.

    python -m benchmarks.rules.ablate --split develop --rules --out develop.jsonl
    python -m benchmarks.rules.calibrate --read develop.jsonl --test release.jsonl

The stated confidence itself is fitted as well: right answers as often as stated are a curve of
middle 0 and slope 1 over its log odds (Cox, Biometrika 1958).

Every constant turns evidence into the probability of being right, so each is fitted as a logistic
regression of "right" on that evidence, by penalised likelihood (Firth, Biometrika 1993), since
right and wrong answers hardly overlap. What a fit is worth is how likely it makes answers that it
did not see (log loss): the other half of the cases, and those of ``--test``. The judge's factor has
its own command (``independence``). See ``docs/benchmarks-alignment.md``.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

from benchmarks.alignment.scoring import SURE_CONFIDENCE, WRONG_MS, Score
from benchmarks.alignment.tables import _table
from benchmarks.rules.ablate import JUDGE, read, scores_of
from pipeline.align.modular import coverage as modular_coverage
from pipeline.align.modular import verdict
from pipeline.align.shared.confidence import Logistic, Ramp
from pipeline.align.v2 import answer, coverage

Doubles = NDArray[np.float64]

RESAMPLES = 200
"""Of the bootstrap, by cases."""
MAX_STATED = 0.9999
MIN_ANSWERS = 4
"""Nothing is fitted to fewer."""
INTERVAL = (0.05, 0.95)
"""Quantiles of the bootstrap that are printed."""


@dataclass(frozen=True)
class Curve:
    """``P(right) = 1 / (1 + exp(-slope * (evidence - middle)))``."""

    middle: float
    slope: float

    def at(self, evidence: Doubles) -> Doubles:
        """The probability at each evidence."""
        return np.asarray(special.expit(self.slope * (evidence - self.middle)), np.float64)

    def evidence_of(self, probability: float) -> float:
        """Where the curve has this probability."""
        return self.middle + float(special.logit(probability)) / self.slope


def _same(curve: Logistic) -> Curve:
    return Curve(curve.middle, curve.slope)


def through(ramp: Ramp) -> Curve:
    """The curve through a linear ramp's two points, which is what it stands for."""
    (x, y), (p, q) = ramp.evidence, ramp.confidence
    slope = float(special.logit(q) - special.logit(p)) / (y - x)
    return Curve(x - float(special.logit(p)) / slope, slope)


@dataclass(frozen=True)
class Constant:
    """One pair of constants: whose they are, today's curve, and the evidence in an answer."""

    name: str
    method: str
    today: Curve
    evidence: Callable[[Score], float | None]
    """None where the constant decides nothing about the answer."""


def _verdict_score(s: Score) -> float | None:
    """Modular's score, where no rival and no doubt decides instead."""
    rival = s.details.get("next_ratio", 0.0) > verdict.CLEAR_SHARE
    decided = rival or s.details.get("trust", 1.0) < 1.0
    return None if decided else s.details.get("score") or None


def _strength(s: Score) -> float | None:
    """V2's strength, or the score of what it refused, where nothing else decides."""
    if not s.matched:
        return s.details.get("score") or None
    decided = s.ambiguous or s.details.get("trust", 1.0) < 1.0
    return None if decided else s.details.get("strength")


def _usual_score(s: Score) -> float | None:
    """V2's strength over 40 s, where a part of the reference is missing."""
    if s.details.get("missing", 0.0) <= coverage.LACK.evidence[0] or "strength" not in s.details:
        return None
    return s.details["strength"] / max(
        1.0, float(np.sqrt(s.details["seconds"] / coverage.SCORE_SECONDS))
    )


def _notes(s: Score) -> float | None:
    """Modular's match of notes, where a part of the reference is missing."""
    doubted = s.matched and s.details.get("missing", 0.0) > modular_coverage.DOUBT.evidence[0]
    return s.details.get("tonal_rho") if doubted else None


def _stated(s: Score) -> float | None:
    """What all of it comes to: the log odds of the stated confidence."""
    stated = min(s.confidence or 0.0, MAX_STATED)
    return float(special.logit(stated)) if s.matched and stated > 0 else None


CONSTANTS = (
    Constant("modular.verdict: height of the score", "modular", _same(verdict.HEIGHT),
             _verdict_score),
    Constant("v2.answer: height of the strength", "v2", _same(answer.HEIGHT), _strength),
    Constant("v2.coverage: score that outweighs what is missing", "v2",
             through(coverage.SCORE), _usual_score),
    Constant("modular.coverage: notes that outweigh what is missing", "modular",
             through(modular_coverage.NOTES), _notes),
    *(Constant(f"{method}: log odds of the stated confidence", method, Curve(0.0, 1.0), _stated)
      for method in ("v2", "modular", JUDGE)),
)  # fmt: skip


def right(s: Score) -> bool:
    """Whether the place is the right one; never where nothing is shared."""
    return s.shares_music and s.error_ms is not None and s.error_ms <= WRONG_MS


def observations(scores: Sequence[Score], constant: Constant) -> tuple[Doubles, Doubles, list[str]]:
    """Evidence, whether it was right, and the case, of each answer that the constant decides.

    A refusal counts where nothing is shared: there it is evidence that was surely wrong.
    """
    found = [
        (value, float(right(s)), s.case)
        for s in scores
        if s.method == constant.method and (s.matched or not s.shares_music)
        if (value := constant.evidence(s)) is not None
    ]
    evidence, truth = (np.array([row[k] for row in found], np.float64) for k in (0, 1))
    return evidence, truth, [case for _, _, case in found]


def fit(evidence: Doubles, truth: Doubles) -> Curve | None:
    """The likeliest curve under Jeffreys' prior; None without both right and wrong answers."""
    if len(evidence) < MIN_ANSWERS or truth.min() == truth.max():
        return None
    centre, scale = float(evidence.mean()), float(evidence.std()) + 1e-9
    x = np.stack([np.ones(len(evidence)), (evidence - centre) / scale])

    def cost(parameters: Doubles) -> float:
        linear = parameters @ x
        p = special.expit(linear)
        likelihood = np.where(truth > 0, -np.logaddexp(0, -linear), -np.logaddexp(0, linear)).sum()
        information = (x * (p * (1 - p) + 1e-12)) @ x.T
        return -float(likelihood + 0.5 * np.linalg.slogdet(information)[1])

    share = float(special.logit((truth.sum() + 1) / (len(truth) + 2)))
    starts = [np.array([share, slope]) for slope in (0.0, 1.0, 4.0)]
    best = min((optimize.minimize(cost, start) for start in starts), key=lambda done: done.fun)
    first, second = best.x
    return Curve(centre - scale * float(first / second), float(second) / scale)


def log_loss(curve: Curve, evidence: Doubles, truth: Doubles, cap: float = 0.995) -> float:
    """Mean surprise (nats) of answers under a curve, stated no surer than ``cap``."""
    p = np.clip(curve.at(evidence), 1 - cap, cap)
    return float(-np.mean(np.where(truth > 0, np.log(p), np.log(1 - p)))) if len(p) else 0.0


def resampled(evidence: Doubles, truth: Doubles, seed: int = 0) -> list[Curve]:
    """The curves of bootstrap samples."""
    random = np.random.default_rng(seed)
    picks = (random.integers(len(evidence), size=len(evidence)) for _ in range(RESAMPLES))
    return [curve for pick in picks if (curve := fit(evidence[pick], truth[pick])) is not None]


def half_of(case: str) -> int:
    """To which half a case belongs, the same on every machine."""
    return zlib.crc32(case.encode()) % 2


def _spread(values: Sequence[float]) -> str:
    low, high = np.quantile(values, INTERVAL) if values else (np.nan, np.nan)
    return f"{low:.2f} to {high:.2f}"


def constants_table(scores: Sequence[Score], test: Sequence[Score]) -> str:
    """What each pair of constants was fitted to, beside today's, on answers seen and not seen."""
    rows = []
    for constant in CONSTANTS:
        evidence, truth, cases = observations(scores, constant)
        curve = fit(evidence, truth)
        count = f"{_counted(evidence[truth > 0], min)} / {_counted(evidence[truth == 0], max)}"
        if curve is None:
            rows.append([constant.name, count, _named(constant.today), *["–"] * 4])
            continue
        curves = resampled(evidence, truth)
        halves = np.array([half_of(case) for case in cases])
        unseen = []
        for half in (0, 1):
            learnt = fit(evidence[halves == half], truth[halves == half])
            left = halves != half
            unseen.append((log_loss(learnt or curve, evidence[left], truth[left]),
                           log_loss(constant.today, evidence[left], truth[left])))  # fmt: skip
        fresh_evidence, fresh_truth, _ = observations(test, constant)
        fitted, today = (float(np.mean(losses)) for losses in zip(*unseen, strict=True))
        losses = [
            f"{fitted:.3f}, {today:.3f}",
            f"{log_loss(curve, fresh_evidence, fresh_truth):.3f}, "
            f"{log_loss(constant.today, fresh_evidence, fresh_truth):.3f}"
            if len(fresh_truth)
            else "–",
        ]
        spread = f"{_spread([c.middle for c in curves])}; {_spread([c.slope for c in curves])}"
        rows.append([constant.name, count, _named(constant.today), _named(curve), spread, *losses])
    head = ["constant", "right (lowest) / wrong (highest)", "today: middle; slope", "fitted",
            "5 % to 95 %",
            "log loss on the other half: fitted, today's", "on the test split"]  # fmt: skip
    return _table(head, rows)


def _counted(evidence: Doubles, extreme: Callable[[Doubles], float]) -> str:
    """How many answers, and the evidence of the extreme one."""
    return f"{len(evidence)} ({extreme(evidence):.2f})" if len(evidence) else "0"


def _named(curve: Curve) -> str:
    return f"{curve.middle:.2f}; {curve.slope:.2f}"


def cap_table(scores: Sequence[Score]) -> str:
    """How sure an answer can be at all: right and wrong ones of those stated at 0.9 and more.

    After ``n`` right answers and none wrong, the next is right with (n + 1) / (n + 2) (Laplace's
    rule of succession); the other bound is Clopper and Pearson's, one-sided, 95 %.
    """
    rows = []
    for method in dict.fromkeys(s.method for s in scores):
        own = [
            s
            for s in scores
            if s.method == method and s.matched and (s.confidence or 0) >= SURE_CONFIDENCE
        ]
        wrong = sum(not right(s) for s in own)
        laplace = (len(own) - wrong + 1) / (len(own) + 2)
        least = (
            float(stats.beta.ppf(0.05, len(own) - wrong, wrong + 1)) if len(own) > wrong else 0.0
        )
        stated = float(np.mean([s.confidence or 0 for s in own])) if own else 0.0
        rows.append([method, str(len(own)), str(wrong), f"{stated:.4f}", f"{laplace:.4f}",
                     f"{least:.4f}"])  # fmt: skip
    head = ["method", "answers at 0.9 and more", "wrong", "stated, mean", "expected", "at least"]
    return _table(head, rows)


def report(scores: Sequence[Score], test: Sequence[Score]) -> str:
    """All tables as one Markdown text."""
    parts = ["## Constants\n", constants_table(scores, test), "## Cap\n", cap_table(scores)]
    parts += ["## Cap, on the test split\n", cap_table(test)] if test else []
    return "\n".join(parts)


def answers_in(files: Sequence[Path]) -> list[Score]:
    """The answers of the code as it stands, of ``ablate`` or of the benchmark itself; the latter
    have no evidence but the confidence."""
    scores: list[Score] = []
    for line in read(files):
        if "scores" not in line:
            scores.append(Score(**line))
        elif line["rule"] is None:
            scores += scores_of(line)
    return scores


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads answers and prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules.calibrate")
    parser.add_argument("--read", nargs="+", type=Path, required=True,
                        help="what either benchmark wrote of the split to fit to")  # fmt: skip
    parser.add_argument("--test", nargs="*", type=Path, default=[], help="of another split")
    options = parser.parse_args(arguments)
    print(report(answers_in(options.read), answers_in(options.test)))


if __name__ == "__main__":
    main()
