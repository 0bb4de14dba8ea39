"""How independent the methods' mistakes are: the source of ``INDEPENDENT_SHARE`` in the judge.

    python -m benchmarks.alignment --split develop --out develop.jsonl
    python -m benchmarks.rules.independence develop.jsonl

A mistake is a place that is wrong by more than 45 ms, or any place where nothing is shared. Of two
methods that err equally often (``p``), with the correlation ``r`` of their mistakes, the second is
wrong with probability ``p + r (1 - p)`` where the first is: its word counts ``1 - r`` times what it
would count were they independent.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.alignment.scoring import RIGHT_MS
from pipeline.align import METHODS

DRAWS = 2000
"""Draws of the bootstrap (Efron, 1979) over cases."""


@dataclass(frozen=True)
class Independence:
    """What the mistakes of two methods have in common."""

    cases: int
    mistakes: tuple[int, int]
    """Of the one and of the other."""
    shared: int
    """Cases in which both are mistaken."""
    correlation: float
    """Phi coefficient of the mistakes; 0: as if each erred by chance."""
    interval: tuple[float, float]
    """The middle nine tenths of the bootstrap's correlations."""

    @property
    def factor(self) -> float:
        """How much a second method's word counts."""
        return 1 - self.correlation


def is_mistake(score: Mapping[str, Any]) -> bool:
    """Whether an answer names a place that is none."""
    error = score["error_ms"]
    right = score["shares_music"] and error is not None and error <= RIGHT_MS
    return bool(score["matched"] and not right)


def phi(mistakes: NDArray[np.float64]) -> float:
    """Correlation of two columns of 0 and 1; 0 where one of them does not vary."""
    if not np.all(mistakes.std(axis=0) > 0):
        return 0.0
    return float(np.asarray(np.corrcoef(mistakes.T))[0, 1])


def independence(scores: Iterable[Mapping[str, Any]]) -> Independence:
    """The correlation of both methods' mistakes over the cases that both answered."""
    by_case: dict[str, dict[str, float]] = {}
    for score in scores:
        if score["method"] in METHODS:
            by_case.setdefault(score["case"], {})[score["method"]] = float(is_mistake(score))
    both = [[said[name] for name in METHODS] for said in by_case.values() if len(said) > 1]
    mistakes = np.array(both)
    random = np.random.default_rng(0)
    drawn = [phi(mistakes[random.integers(0, len(both), len(both))]) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, [0.05, 0.95])
    first, second = (int(count) for count in mistakes.sum(axis=0))
    return Independence(
        cases=len(both),
        mistakes=(first, second),
        shared=int(mistakes.all(axis=1).sum()),
        correlation=phi(mistakes),
        interval=(float(low), float(high)),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the correlation and the factor that follows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="JSON lines of a run with --out")
    options = parser.parse_args(arguments)
    lines = [line for file in options.files for line in file.read_text().splitlines()]
    found = independence(json.loads(line) for line in lines)
    names = " and ".join(METHODS)
    print(f"{found.cases} cases; {names} are mistaken in {found.mistakes[0]} and "
          f"{found.mistakes[1]}, both in {found.shared}")  # fmt: skip
    print(f"correlation {found.correlation:.2f} (90 %: {found.interval[0]:.2f} to "
          f"{found.interval[1]:.2f}); factor {found.factor:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
