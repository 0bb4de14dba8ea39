"""The benchmark's tables, as Markdown that can be put into the documentation as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from benchmarks.alignment.scoring import (
    GROUP_ORDER,
    LIMIT_MS,
    MIN_COVER,
    SURE_CONFIDENCE,
    WRONG_MS,
    Score,
)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "–"


def _within(scores: Sequence[Score], limits: Sequence[float]) -> list[str]:
    return [_share(sum(s.within(limit) for s in scores), len(scores)) for limit in limits]


def _largest(scores: Sequence[Score]) -> str:
    errors = [s.error_ms for s in scores if s.matched and s.error_ms is not None]
    if not errors:
        return "–"
    worst = max(errors)
    return "elsewhere" if worst == float("inf") else f"{worst:,.1f}"


def by_method(scores: Sequence[Score]) -> str:
    """One line a method over all cases."""
    rows = []
    for method in dict.fromkeys(s.method for s in scores):
        own = [s for s in scores if s.method == method]
        one_answer = [s for s in own if s.shares_music and s.handled is None]
        reject = [s for s in own if s.group == "to reject"]
        accepted = [s for s in own if s.matched and s.group != "another part"]
        wrong = [s for s in accepted if s.wrong]
        sure = [s for s in wrong if (s.confidence is None or s.confidence >= SURE_CONFIDENCE)]
        count = len(one_answer)
        rows.append([
            method,
            *_within(one_answer, (10, 20, 45, 100)),
            f"{sum(s.matched for s in reject)} of {len(reject)}",
            f"{sum(not s.matched for s in one_answer)} of {count}",
            str(len(wrong)),
            str(len(sure)),
            _largest(one_answer),
            f"{sum(s.cpu for s in own) / sum(s.seconds for s in own) * 60:.2f}",
            f"{max(s.rss for s in own) / 2**20:.0f}",
        ])  # fmt: skip
    head = [
        "method", "≤ 10 ms, %", "≤ 20 ms, %", "≤ 45 ms, %", "≤ 100 ms, %", "false acceptances",
        "missed", "accepted > 100 ms wrong", "of these sure", "largest error, ms",
        "CPU s a minute", "memory, MB",
    ]  # fmt: skip
    return _table(head, rows)


def by_goal(scores: Sequence[Score]) -> str:
    """One line a goal and method."""
    rows = []
    for group in GROUP_ORDER:
        for method in dict.fromkeys(s.method for s in scores):
            own = [s for s in scores if s.method == method and s.group == group]
            if own:
                rows.append([group, method, *_goal_cells(own)])
    head = ["goal", "method", "cases", "≤ 20 ms, %", "≤ 45 ms, %", "≤ 100 ms, %", "accepted"]
    return _table([*head, "largest error, ms", "handled right", "CPU s a minute"], rows)


def by_kind(scores: Sequence[Score], method: str) -> str:
    """One line a kind of one method."""
    rows = []
    for kind in dict.fromkeys(s.kind for s in scores):
        own = [s for s in scores if s.kind == kind and s.method == method]
        if own:
            rows.append([kind, *_goal_cells(own)])
    head = ["kind", "cases", "≤ 20 ms, %", "≤ 45 ms, %", "≤ 100 ms, %", "accepted"]
    return _table([*head, "largest error, ms", "handled right", "CPU s a minute"], rows)


def _goal_cells(own: Sequence[Score]) -> list[str]:
    count = len(own)
    shares = own[0].shares_music
    return [
        str(count),
        *(_within(own, (20, 45, 100)) if shares else ["–"] * 3),
        f"{sum(s.matched for s in own)} of {count}",
        _largest(own) if shares else "–",
        _handled(own),
        f"{sum(s.cpu for s in own) / sum(s.seconds for s in own) * 60:.2f}",
    ]


def _handled(own: Sequence[Score]) -> str:
    """Takes: limits and sync right; ambiguous: said so; to reject: rejected."""
    if own[0].group == "takes":
        good = sum(takes_right(s) for s in own)
    elif own[0].handled is not None:
        good = sum(bool(s.handled) for s in own)
    elif not own[0].shares_music:
        good = sum(not s.matched for s in own)
    else:
        return "–"
    return f"{good} of {len(own)}"


def takes_right(s: Score) -> bool:
    """Each take found, its limits to within 100 ms and its sync to within 20 ms."""
    return s.within(20) and s.limits_ms is not None and s.limits_ms <= LIMIT_MS


def reliability(scores: Sequence[Score], method: str) -> str:
    """How often answers of a confidence are right (≤ 45 ms off over the whole overlap)."""
    own = [s for s in scores if s.method == method and s.matched and s.confidence is not None]
    edges = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0001)
    rows = []
    for low, high in pairwise(edges):
        inside = [s for s in own if low <= (s.confidence or 0) < high]
        if inside:
            mean = float(np.mean([s.confidence or 0 for s in inside]))
            right = sum(s.right for s in inside)
            rows.append([f"{low:.2f}–{min(1, high):.2f}", str(len(inside)), f"{mean:.2f}",
                         _share(right, len(inside))])  # fmt: skip
    sure = [s for s in own if (s.confidence or 0) >= SURE_CONFIDENCE]
    rows.append(
        ["0.90 and more", str(len(sure)), "", _share(sum(s.right for s in sure), len(sure))]
    )
    return _table(["confidence", "answers", "mean", "right, %"], rows)


def estimates(scores: Sequence[Score], method: str) -> str:
    """How far the error can be trusted that answers state themselves, where the place is right."""
    own = [
        (s.estimated_ms, s.error_ms)
        for s in scores
        if s.method == method and s.estimated_ms is not None
        if s.matched and s.error_ms is not None and s.error_ms <= WRONG_MS
    ]
    rows = []
    edges = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 45.0, np.inf)
    for low, high in pairwise(edges):
        inside = [true for stated, true in own if low < stated <= high]
        if inside:
            kept = sum(true <= stated for stated, true in own if low < stated <= high)
            name = f"{low:g}–{high:g}" if np.isfinite(high) else f"over {low:g}"
            spread = [float(np.median(inside)), float(np.quantile(inside, 0.95)), max(inside)]
            cells = [f"{error:.1f}" for error in spread]
            rows.append([name, str(len(inside)), *cells, _share(kept, len(inside))])
    kept = sum(true <= stated for stated, true in own)
    rows.append(["all", str(len(own)), "", "", "", _share(kept, len(own))])
    head = ["stated error, ms", "answers", "true: median", "95 %", "largest"]
    return _table([*head, "true ≤ stated, %"], rows)


def failures(scores: Sequence[Score], method: str) -> str:
    """Every case that missed its goal, the worst kinds of failure first."""
    lines = []
    for s in scores:
        if s.method != method:
            continue
        fault = fault_of(s)
        if fault:
            error = "–" if s.error_ms is None else f"{s.error_ms:.1f}"
            own = "–" if s.estimated_ms is None else f"{s.estimated_ms:.1f}"
            sure = "–" if s.confidence is None else f"{s.confidence:.2f}"
            extra = f" limits {s.limits_ms:.0f} ms" if s.limits_ms is not None else ""
            lines.append(
                f"{fault:<28} {s.case:<28} error {error:>9} ms (says {own}) confidence {sure}"
                f" cover {s.cover:.2f}{extra} {s.reason or ''} {s.failure or ''}".rstrip()
            )
    return "\n".join(sorted(lines)) + "\n" if lines else "none\n"


def fault_of(s: Score) -> str | None:  # noqa: PLR0911  (one line a fault reads best)
    """What is wrong with an answer, or ``None`` when it meets its goal."""
    sure = " (sure)" if (s.confidence or 0) >= SURE_CONFIDENCE else ""
    if s.failure:
        return "0 crashed"
    if not s.shares_music:
        return f"1 accepted, unrelated{sure}" if s.matched else None
    if s.wrong:
        return f"2 wrong place{sure}"
    if not s.matched:
        return "3 missed"
    if s.handled is not None:
        return None if s.handled else "4 not said to be ambiguous"
    if s.cover < MIN_COVER:
        return "5 covers too little"
    if s.group == "takes" and not takes_right(s):
        return "5 takes"
    limit = 45 if s.kind in ("mild_kept", "full_kept") else 20
    if not s.within(limit):
        return f"6 more than {limit} ms off"
    return "7 needlessly ambiguous" if s.ambiguous else None
