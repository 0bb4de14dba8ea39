"""Measures our alignment methods and their peers on the same cases in the same run.

    python -m benchmarks.alignment --split develop
    python -m benchmarks.alignment --split held --methods v2 modular judge peers --out held.jsonl

See ``docs/benchmarks.md``. Peers need ``benchmarks/requirements.txt`` in an environment of its
own, whose Python is named by ``--peers-python``.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.alignment import tables
from benchmarks.alignment.peers import PEERS
from benchmarks.alignment.scoring import Score, score
from benchmarks.alignment.workers import Answer, Worker, from_method, write_case
from benchmarks.cases.case import Case
from benchmarks.cases.generate import generate
from benchmarks.cases.tracks import SPLITS
from pipeline.align import METHODS, judge

JUDGE = "judge"


def measure(
    cases: Sequence[Case], methods: Sequence[str], workers: dict[str, Worker]
) -> list[Score]:
    """Every method's score on every case; ``judge`` is made from our methods' own answers."""
    scores = []
    for case in cases:
        with tempfile.TemporaryDirectory() as scratch:
            files = write_case(case, Path(scratch))
            answers = {name: worker.ask(files) for name, worker in workers.items()}
        if JUDGE in methods:
            answers[JUDGE] = _judged({m: answers[m] for m in METHODS if m in answers})
        scores += [score(case, m, answers[m], files.seconds) for m in methods if m in answers]
    return scores


def _judged(answers: dict[str, Answer]) -> Answer:
    """The task's answer; it costs what the methods cost and what joining them costs."""
    cpu = sum(a.cpu for a in answers.values())
    rss = max((a.rss for a in answers.values()), default=0)
    full = {name: a.full for name, a in answers.items() if a.full is not None}
    failure = "; ".join(f"{n}: {a.failure}" for n, a in answers.items() if a.failure) or None
    if not full:
        return Answer(False, False, None, (), cpu=cpu, rss=rss, failure=failure)
    before = time.process_time()
    joined = from_method(judge(full))
    cpu += time.process_time() - before
    return replace(joined, cpu=cpu, rss=rss, failure=failure)


def run(
    cases: Iterable[Case],
    methods: Sequence[str],
    asked: Sequence[str],
    peers_python: Path,
    out: Path | None = None,
) -> list[Score]:
    """The scores of ``methods`` on cases, each of ``asked`` in a process of its own; ``out`` gets
    them as JSON lines."""
    workers = {name: Worker(name, peers_python) for name in asked}
    scores: list[Score] = []
    with ExitStack() as ending:
        for worker in workers.values():
            ending.callback(worker.close)
        file = ending.enter_context(out.open("w")) if out else None
        for case in cases:
            done = measure([case], methods, workers)
            scores += done
            for one in done:
                if file:
                    print(json.dumps(asdict(one), default=float), file=file, flush=True)
            faults = [f"{s.method}: {tables.fault_of(s)} ({s.error_ms})" for s in done
                      if s.method not in PEERS and tables.fault_of(s)]  # fmt: skip
            print(case.name, *faults, file=sys.stderr, flush=True)
    return scores


def report(scores: Sequence[Score], methods: Sequence[str]) -> str:
    """All tables as one Markdown text."""
    ours = [m for m in methods if m not in PEERS]
    parts = ["## By method\n", tables.by_method(scores), "## By goal\n", tables.by_goal(scores)]
    for method in ours:
        parts += [
            f"## {method}: by kind\n", tables.by_kind(scores, method),
            f"## {method}: confidence\n", tables.reliability(scores, method),
            f"## {method}: stated errors\n", tables.estimates(scores, method),
            f"## {method}: failures\n", "```\n" + tables.failures(scores, method) + "```\n",
        ]  # fmt: skip
    return "\n".join(parts)


def read_scores(files: Sequence[Path]) -> list[Score]:
    """The scores of several runs on the cases that every method of every run was given."""
    scores = [Score(**json.loads(line)) for file in files for line in file.read_text().splitlines()]
    methods = {s.method for s in scores}
    given = {method: {s.case for s in scores if s.method == method} for method in methods}
    common = set.intersection(*given.values())
    return [s for s in scores if s.case in common]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alignment", description=__doc__)
    parser.add_argument("--split", choices=SPLITS, default="develop")
    parser.add_argument("--classes", nargs="+", help="only these kinds of cases")
    parser.add_argument("--methods", nargs="+", default=[*METHODS, JUDGE],
                        help=f"of {', '.join([*METHODS, JUDGE, 'peers', *PEERS])}")  # fmt: skip
    parser.add_argument("--limit", type=int, help="at most so many cases of a kind")
    parser.add_argument("--draw", type=int, default=0, metavar="N",
                        help="draw the cases anew (develop, release)")  # fmt: skip
    parser.add_argument("--only", nargs="+", help="only the cases of these names")
    parser.add_argument("--out", type=Path, help="JSON lines, one a case and method")
    parser.add_argument(
        "--read",
        nargs="+",
        type=Path,
        help="make the tables from such files again, of the cases common to all",
    )
    parser.add_argument("--report", type=Path, help="also write the tables here")
    parser.add_argument("--peers-python", type=Path, default=Path(".cache/peers/bin/python"))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the cases one after the other and prints the tables."""
    options = _options(arguments)
    if options.draw and options.split not in ("develop", "release"):
        raise SystemExit("--draw is for develop and release: the others are drawn once")
    if options.read:
        scores = read_scores(options.read)
        print(report(scores, list(dict.fromkeys(s.method for s in scores))))
        return
    methods = [name for m in options.methods for name in (PEERS if m == "peers" else [m])]
    asked = [m for m in methods if m != JUDGE]
    if JUDGE in methods:
        asked = list(dict.fromkeys([*METHODS, *asked]))
    cases = generate(
        options.split, options.classes, limit=options.limit, names=options.only, again=options.draw
    )
    began = time.monotonic()
    scores = run(cases, methods, asked, options.peers_python, options.out)
    text = report(scores, methods)
    print(text)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(f"{len(scores)} answers in {time.monotonic() - began:.0f} s of wall time, "
          f"{used.ru_utime:.0f} s of CPU to make the cases.")  # fmt: skip
    if options.report:
        options.report.write_text(text)


if __name__ == "__main__":
    main()
