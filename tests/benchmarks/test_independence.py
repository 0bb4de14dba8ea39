"""The judge's factor is the measured correlation of the methods' mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.rules.independence import independence


def said(case: int, method: str, error_ms: float | None, *, shares: bool = True) -> dict[str, Any]:
    """One answer of a match, as a line of a benchmark's output."""
    return {
        "case": str(case),
        "method": method,
        "matched": True,
        "shares_music": shares,
        "error_ms": error_ms,
    }


def test_mistakes_made_together_leave_a_second_method_no_weight() -> None:
    lines = [said(case, method, 500.0 if case < 5 else 1.0)
             for case in range(50) for method in ("v2", "modular")]  # fmt: skip
    found = independence(lines)
    assert (found.cases, found.mistakes, found.shared) == (50, (5, 5), 5)
    assert found.factor == pytest.approx(0.0)


def test_mistakes_that_have_nothing_in_common_leave_it_all_of_its_weight() -> None:
    lines = [said(case, method, None if case % step == 0 else 1.0, shares=case % step != 0)
             for case in range(100) for method, step in (("v2", 5), ("modular", 4))]  # fmt: skip
    found = independence(lines)
    assert (found.mistakes, found.shared) == ((20, 25), 5)
    assert found.factor == pytest.approx(1.0)
    assert found.interval[0] < 0 < found.interval[1]
