"""Leaves out each rule of ``pipeline.align`` and counts the cases won and lost without it.

    python -m benchmarks.rules.ablate --split develop --out develop.jsonl
    python -m benchmarks.rules.ablate --read develop.jsonl release.jsonl

Each case is answered once as the code stands, while every rule (``rules.py``) is watched: did its
result ever differ from what would be said without it? Only a rule that fired can have changed the
answer, so it is left out in those cases alone, and its method answers again; rules of the judge
need the methods' answers only. See ``docs/benchmarks-alignment.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal

from benchmarks.alignment import tables
from benchmarks.alignment.held_sound import HeldSound
from benchmarks.alignment.scoring import SURE_CONFIDENCE, Score, score
from benchmarks.alignment.workers import RATE, from_method
from benchmarks.cases.case import Case, Draw
from benchmarks.cases.generate import KINDS
from benchmarks.cases.tracks import SPLITS
from benchmarks.rules.each import RULES, Rule, Watch, recorded, without
from pipeline.align import METHODS, judge
from pipeline.model import MethodAlignment

JUDGE = "judge"
LEAST_CHANGE_MS, LEAST_CHANGE_SHARE = 1.0, 0.2
"""An error that changes by less, in milliseconds or relative to the larger one, is the same."""
LEAST_LIMIT_CHANGE_MS = 20.0


@dataclass(frozen=True)
class Timed:
    """A method's answer and the processor seconds it took."""

    answer: MethodAlignment
    cpu: float


def sounds_of(case: Case) -> tuple[HeldSound, HeldSound]:
    """Dance and reference as our methods get them."""
    dance, reference = (
        HeldSound(signal.resample_poly(x, RATE, case.rate).astype(np.float32))
        for x in (case.dance, case.reference)
    )
    return dance, reference


def timed(method: str, sounds: tuple[HeldSound, HeldSound]) -> Timed:
    """One method's answer to a case."""
    began = time.process_time()
    answer = METHODS[method](*sounds)
    return Timed(answer, time.process_time() - began)


def scored(case: Case, answers: Mapping[str, Timed]) -> list[Score]:
    """The scores of both methods and of the judge."""
    seconds = (len(case.dance) + len(case.reference)) / case.rate
    scores = []
    for name, one in answers.items():
        said = from_method(one.answer)
        scores.append(score(case, name, said, seconds))
    joined = judge({name: one.answer for name, one in answers.items()})
    return [*scores, score(case, JUDGE, from_method(joined), seconds)]


def lines_of(
    case: Case, rules: Sequence[Rule], left: Counter[str], enough: int = 10**6
) -> Iterator[dict[str, Any]]:
    """What is written of a case: first as the code stands, then without each rule that fired.

    ``left``: in how many more cases each rule is to be left out; a rule without which the judge
    has lost something in ``enough`` cases has shown what it is for, and is left alone.
    """
    sounds = sounds_of(case)
    watch = Watch()
    answers: dict[str, Timed] = {}
    for method in METHODS:
        own = [rule for rule in rules if method in rule.methods]
        before = watch.seconds
        with (
            recorded("v2.coverage", "confidence_cap") as caps,
            recorded("v2.answer", "score_over_chance") as standings,
            watch.on(own),
        ):
            one = timed(method, sounds)
        if method == "v2":
            one = replace(one, answer=_with_scores(one.answer, caps, standings))
        answers[method] = Timed(one.answer, one.cpu - (watch.seconds - before))
    with watch.on([rule for rule in rules if not rule.methods]):
        scores = scored(case, answers)
    yield _line(case, None, scores, answers, fired=sorted(watch.fired))
    for rule in rules:
        fired = rule.name in watch.fired or not rule.is_function
        if not fired or left[rule.name] <= 0:
            continue
        left[rule.name] -= 1
        with without(rule):
            changed = {m: timed(m, sounds) for m in rule.methods}
            now = {**answers, **changed}
            without_it = scored(case, now)
        yield _line(case, rule.name, without_it, now)
        if any(c.method == JUDGE and c.lost for c in changes(scores, without_it)):
            left[f"{rule.name} lost"] += 1
            if left[f"{rule.name} lost"] >= enough:
                left[rule.name] = 0


def _with_scores(
    answer: MethodAlignment, caps: Sequence[Any], standings: Sequence[Any]
) -> MethodAlignment:
    """An answer of v2 whose details have what its confidence was made of: the strength and the
    seconds of its main segment; of a refused one the highest score of what was refused."""
    details = dict(answer.evidence.details)
    if not answer.matched:
        details = {"score": max((result[0] for _, result in standings), default=0.0)}
    for (lack, strength, seconds), cap in caps:
        if (cap, lack) == (answer.confidence_cap, details.get("missing")):
            details |= {"strength": strength, "seconds": seconds}
    return replace(answer, evidence=replace(answer.evidence, details=details))


def _line(
    case: Case, rule: str | None, scores: list[Score], answers: Mapping[str, Timed],
    fired: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    return {
        "case": case.name,
        "rule": rule,
        "fired": list(fired),
        "cpu": sum(one.cpu for one in answers.values()),
        "scores": [asdict(s) for s in scores],
    }


def goals(s: Score) -> dict[str, bool]:
    """What an answer should reach, by name, as far as it applies to its case."""
    if not s.shares_music:
        return {"refused": not s.matched, "not sure of it": not (s.matched and _sure(s))}
    reached = {"place": s.within(100), "sync": s.within(20), "not sure and wrong":
               not (s.wrong and _sure(s))}  # fmt: skip
    if s.handled is not None:
        return {**reached, "ambiguity": s.handled}
    if s.group == "takes":
        reached["takes"] = tables.takes_right(s)
    if s.within(100) and s.estimated_ms is not None and s.error_ms is not None:
        reached["error within the stated"] = s.error_ms <= s.estimated_ms
    return {**reached, "sure and right": s.right and _sure(s)}


def _sure(s: Score) -> bool:
    return (s.confidence or 0.0) >= SURE_CONFIDENCE


def worse(one: Score, two: Score) -> list[str]:
    """What the second score has lost of the first."""
    first, second = goals(one), goals(two)
    lost = [name for name, reached in first.items() if reached and second.get(name) is False]
    if one.within(100) and two.within(100):
        lost += ["error"] if _grew(one.error_ms, two.error_ms) else []
        lost += ["stated error"] if _grew(one.estimated_ms, two.estimated_ms) else []
    if one.limits_ms is not None and two.limits_ms is not None:
        lost += ["limits"] if two.limits_ms > one.limits_ms + LEAST_LIMIT_CHANGE_MS else []
    return lost


def _grew(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return False
    return after - before > max(LEAST_CHANGE_MS, LEAST_CHANGE_SHARE * after)


@dataclass(frozen=True)
class Change:
    """What became of a case without a rule."""

    case: str
    method: str
    lost: tuple[str, ...]
    won: tuple[str, ...]


def changes(whole: Sequence[Score], left_out: Sequence[Score]) -> list[Change]:
    """Method by method, what was lost and won; nothing of those where nothing was."""
    found = []
    for one, two in zip(whole, left_out, strict=True):
        change = Change(one.case, one.method, tuple(worse(one, two)), tuple(worse(two, one)))
        if change.lost or change.won:
            found.append(change)
    return found


def read(files: Sequence[Path]) -> list[dict[str, Any]]:
    """The lines of several runs."""
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def scores_of(line: Mapping[str, Any]) -> list[Score]:
    """The scores of a line."""
    return [Score(**s) for s in line["scores"]]


def report(lines: Sequence[Mapping[str, Any]]) -> str:
    """One row a rule: fired in, left out in, lost and won by method and judge, cost; and each
    change by its case."""
    whole = {line["case"]: line for line in lines if line["rule"] is None}
    names = [rule.name for rule in RULES]
    rows, details = [], []
    for name in names:
        own = [line for line in lines if line["rule"] == name and line["case"] in whole]
        fired = sum(name in line["fired"] for line in whole.values())
        found = [c for line in own
                 for c in changes(scores_of(whole[line["case"]]), scores_of(line))]  # fmt: skip
        before = sum(whole[line["case"]]["cpu"] for line in own)
        cost = sum(line["cpu"] for line in own) / before - 1 if before else 0.0
        rows.append([name, str(fired), str(len(own)), *(_counted(found, side) for side in
                     ("lost", "won")), f"{100 * cost:+.0f} %"])  # fmt: skip
        details += [f"{name}: {c.case} {c.method}: lost {', '.join(c.lost) or '-'};"
                    f" won {', '.join(c.won) or '-'}" for c in found]  # fmt: skip
    head = ["rule", f"fired, of {len(whole)}", "left out in", "lost without it",
            "won without it", "CPU without it"]  # fmt: skip
    return tables._table(head, rows) + "\n```\n" + "\n".join(details) + "\n```\n"


def _counted(found: Sequence[Change], side: str) -> str:
    """``method: 2 place, 1 sync; judge: 1 place``, or a dash."""
    parts = []
    for method in dict.fromkeys(c.method for c in found):
        counts = Counter(what for c in found if c.method == method for what in getattr(c, side))
        if counts:
            parts.append(f"{method}: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    return "; ".join(parts) or "–"


def draws(options: argparse.Namespace) -> list[Draw]:
    """The cases that are asked for, before they are made: one of each kind, then the next of
    each, so that a run that is ended early has seen all kinds."""
    part, parts = map(int, options.part.split("/"))
    wanted = [
        Draw(options.split, kind, index, options.draw)
        for index in range(max(count for count, _ in KINDS.values()))
        for kind in options.classes or KINDS
        if index < min(KINDS[kind][0], options.limit or KINDS[kind][0])
    ]
    named = [d for d in wanted if options.only is None or d.name in options.only]
    return named[part - 1 :: parts]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules.ablate")
    parser.add_argument("--split", choices=SPLITS, default="develop")
    parser.add_argument("--draw", type=int, default=0, metavar="N")
    parser.add_argument("--classes", nargs="+", help="only these kinds of cases")
    parser.add_argument("--limit", type=int, help="at most so many cases of a kind")
    parser.add_argument("--only", nargs="+", help="only the cases of these names")
    parser.add_argument(
        "--rules",
        nargs="*",
        help="only these; without it all functions, since a constant"
        " cannot be watched and is left out in every case",
    )
    parser.add_argument("--most", type=int, default=10**6,
                        help="leave a rule out in at most so many cases")  # fmt: skip
    parser.add_argument(
        "--enough",
        type=int,
        default=10**6,
        metavar="N",
        help="leave a rule alone once N cases have been lost without it",
    )
    parser.add_argument("--part", default="1/1", help="I/N: every N-th case, from the I-th on")
    parser.add_argument("--out", type=Path, help="JSON lines, one a case and rule")
    parser.add_argument("--read", nargs="+", type=Path, help="only make the table of such files")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the cases and prints the table of the rules."""
    options = _options(arguments)
    if options.read:
        print(report(read(options.read)))
        return
    rules = [r for r in RULES if (
        r.is_function if options.rules is None else r.name in options.rules)]  # fmt: skip
    left = Counter(dict.fromkeys((r.name for r in rules), options.most))
    lines: list[dict[str, Any]] = []
    file: AbstractContextManager[Any] = options.out.open("a") if options.out else nullcontext()
    with file as out:
        for draw in draws(options):
            for line in lines_of(KINDS[draw.kind][1](draw), rules, left, options.enough):
                lines.append(line)
                if out:
                    print(json.dumps(line, default=float), file=out, flush=True)
            print(draw.name, len(lines), file=sys.stderr, flush=True)
    print(report(lines))


if __name__ == "__main__":
    main()
