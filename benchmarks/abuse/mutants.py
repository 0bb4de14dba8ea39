"""Damaged real files of 14 formats, by thousands: how each is answered, as a table."""

from __future__ import annotations

import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from tests.hostile.forked import fork_children
from tests.hostile.measured import table
from tests.hostile.mutants import FORMATS, Verdict, make_bases, try_mutant


def measure_mutants(count: int, first: int, processes: int) -> bool:
    """Tries mutants ``first`` to ``first + count``, in children that are forked, since thousands of
    them start; prints a line for each format and each file that is not answered as it should be.
    Gives whether there is none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bases = make_bases(folder)
        seeds = range(first, first + count)
        with ProcessPoolExecutor(
            processes, mp_context=get_context("spawn"), initializer=fork_children
        ) as pool:
            verdicts = []
            for verdict in pool.map(try_mutant, seeds, repeat(bases), repeat(folder)):
                verdicts.append(verdict)
                if verdict.crashed or verdict.beyond:
                    print(_shown(verdict), flush=True)
    rows = [["format", "mutants", "used", "refused", "crashed", "beyond budget", "CPU s", "MB"]]
    rows += [_row(name, [v for v in verdicts if v.name.endswith(f".{name}")]) for name in FORMATS]
    rows.append(_row("all", verdicts))
    print(table(rows))
    reasons = Counter(str(v.answer.reason) for v in verdicts if v.answer.reason)
    print("\n" + ", ".join(f"{reason} {number}" for reason, number in reasons.most_common()))
    return not any(v.crashed or v.beyond for v in verdicts)


def _shown(verdict: Verdict) -> str:
    answer = verdict.answer
    return (
        f"{verdict.name} {verdict.stage}: {answer.reason}, {answer.cpu_seconds:.1f} s, "
        f"{answer.memory_mb:.0f} MB, {answer.text}\n{answer.detail[-1500:]}"
    )


def _row(name: str, verdicts: list[Verdict]) -> list[str]:
    answers = [verdict.answer for verdict in verdicts]
    used = sum(answer.reason is None for answer in answers)
    crashed = sum(verdict.crashed for verdict in verdicts)
    return [
        name,
        f"{len(verdicts):,}",
        f"{used:,}",
        f"{len(verdicts) - used - crashed:,}",
        str(crashed),
        str(sum(verdict.beyond for verdict in verdicts)),
        f"{max((a.cpu_seconds for a in answers), default=0):.1f}",
        f"{max((a.memory_mb for a in answers), default=0):.0f}",
    ]
