"""The rules of ``pipeline.align`` that decide something, each with what stands for its absence.

A rule is a function (or a constant) of a module and its neutral replacement: the answer that would
be given if nobody had written the rule. Replaced is every reference to it in ``pipeline.align``, in
this process only. ``watched`` puts both beside each other and notes where they differ, which is
where a rule *fires*; only there can its absence change anything.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

import pipeline.align
from pipeline.align.modular import takes
from pipeline.align.modular.arrival import first_arrival, refine
from pipeline.align.modular.coverage import trust
from pipeline.align.modular.limits import AROUND, limit, posterior
from pipeline.align.modular.method import unmatched
from pipeline.align.modular.notes import TonalMatch
from pipeline.align.modular.placing import error_of
from pipeline.align.shared.signal import vertex
from pipeline.align.v2 import answer, phase
from pipeline.align.v2 import limits as v2_limits
from pipeline.align.v2.coverage import ceiling
from pipeline.align.v2.takes import path_of
from pipeline.model import Segment
from pipeline.reasons import NO_SHARED_MUSIC

Without = Callable[..., Any]

V2_ARRIVAL, V2_LIKELY, V2_ERROR_OF = phase.arrival, v2_limits.likely, answer.error_of
"""As they are when nothing has been replaced yet."""


@dataclass(frozen=True)
class Rule:
    """One decision that can be left out."""

    module: str
    """Below ``pipeline.align``."""
    attribute: str
    without: Any
    """A function of the same arguments, or the neutral value of a constant."""
    part: str = ""
    """Which part of the function, where it is not all of it."""
    here: bool = False
    """Whether it is left out only where this module uses it."""

    @property
    def name(self) -> str:
        """Unique: module, attribute, and part."""
        return f"{self.module}.{self.attribute}" + (f"[{self.part}]" if self.part else "")

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that have to answer anew without it; none for a rule of the judge."""
        first = self.module.split(".")[0]
        return (first,) if first in ("v2", "modular") else ()

    @property
    def is_function(self) -> bool:
        """Whether it can be watched."""
        return callable(self.without)


def _sorted(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    return tuple(sorted(segments, key=lambda s: s.dance_start))


def _strongest(curve: Any, rate: int, weakest: float = 0.0) -> tuple[float, float]:
    """The strongest peak instead of the first arrival (v2)."""
    size = np.abs(curve)
    top = int(size.argmax())
    inner = 0 < top < len(curve) - 1
    bend = vertex(*(float(size[top + k]) for k in (-1, 0, 1))) if inner else 0.0
    noise = 1.4826 * float(np.median(size)) + 1e-9
    return top + bend - len(curve) // 2, float(size[top]) / noise


def _weak_arrival(curve: Any, rate: int, weakest: float = 0.0) -> tuple[float, float]:
    return V2_ARRIVAL(curve, rate, phase.STRONG)


def _strongest_of(curve: Any, halves: Any, quarters: Any, rate: int) -> Any:
    """The strongest arrival instead of the first one (modular)."""
    none = np.zeros_like(curve)
    return first_arrival(curve, (none, none), quarters, rate)


def _near_limit(ear: Any, rough: float, inside: float, bound: float, end: float,
                *, rising: bool) -> Any:  # fmt: skip
    """A limit of modular that is not looked for beyond ``AROUND`` seconds."""
    bound = max(bound, rough - AROUND) if rising else min(bound, rough + AROUND)
    return limit(ear, rough, inside, bound, end, rising=rising)


def _plain_gains(lines: list[takes.Track]) -> Any:
    """What each second says for each line, lines not being weighed against each other."""
    seconds = np.stack([known.seconds for known in lines])
    scale = np.array([max(known.usual, 0.5) for known in lines])[:, None]
    own = (np.clip(seconds / scale, -0.5, 1.5) - takes.SHARE) * np.minimum(scale * scale, 4.0)
    return np.concatenate([np.zeros((1, seconds.shape[1])), own]).astype(np.float32)


def _plain_odds(gains: Any, *, at_end: bool) -> Any:
    return V2_LIKELY(gains, at_end=False)


def _error_without_height(heard: Any, listening: Any, piece: Any, exact: Any) -> float:
    if exact.height >= answer.LOCKED:
        exact = replace(exact, height=max(exact.height, answer.HIGH))
    return V2_ERROR_OF(heard, listening, piece, exact)


RULES: tuple[Rule, ...] = (
    # the judge: from both answers to one
    Rule("judge", "completed", lambda mine, *_: tuple(mine)),
    Rule("judge", "bounded", lambda segments, *_: tuple(segments)),
    Rule("judge", "told_on", lambda *_: frozenset()),
    Rule("judge", "missed", lambda *_: []),
    Rule("judge", "heard_by_one", lambda *_: False),
    Rule("judge", "echo", lambda *_: False),
    Rule("judge", "contrary", lambda *_: False),
    Rule("judge", "heard_somewhere", lambda *_: False),
    Rule("judge", "trust", lambda *_: 1.0),
    Rule("judge", "surest", lambda a: (-a.confidence, 0.0), "by error"),
    Rule("judge", "ONE_EAR", 1.0),
    Rule("judge", "ALONE", 0.0),
    Rule("judge_lines", "on_lines", lambda segments, _: tuple(segments)),
    Rule("judge_lines", "most_exact", lambda matched, _: matched[0]),
    Rule("judge_lines", "exacter", lambda said, *_: said),
    Rule("judge_lines", "stated_error", lambda exact, *_: exact.error_ms),
    Rule("judge_lines", "own_error",
         lambda said, _: float("inf") if said.error_ms is None else said.error_ms),
    # modular: candidates and lines
    Rule("modular.takes", "gains_of", _plain_gains, "lines against each other"),
    Rule("modular.takes", "sharpen", lambda known, near, *_, **__: near),
    Rule("modular.fit", "regress", lambda dance, reference, line, *_: line),
    Rule("modular.placing", "broken_off", lambda *_: False),
    Rule("modular.placing", "sharpened", lambda *a: a[4]),
    # modular: echoes
    Rule("modular.takes", "genuine", lambda d, r, found, *_: found),
    Rule("modular.takes", "outside", lambda *_: False),
    Rule("modular.takes", "repeats", lambda *_: 0.0),
    Rule("modular.takes", "repeats_anywhere", lambda *_: 0.0),
    Rule("modular.takes", "paused", lambda *_: False),
    Rule("modular.placing", "honest", lambda d, r, found, *_: (found, [])),
    # modular: exact lines
    Rule("modular.placing", "placed", lambda d, r, rough, _: refine(
        d, r, rough.offset, rough.speed, rough.dance_start, rough.dance_end, slack=4e-4),
        "short takes"),
    Rule("modular.arrival", "first_arrival", _strongest_of),
    Rule("modular.arrival", "_steady", lambda *_: True),
    Rule("modular.placing", "error_of", lambda *a: (error_of(*a)[0],) * 2, "side lobe"),
    # modular: limits
    Rule("modular.placing", "extended", lambda _, start, stop, *__: (start, stop)),
    Rule("modular.placing", "ended", lambda d, r, segment, *_: (segment, frozenset())),
    Rule("modular.limits", "limit", _near_limit, "beyond AROUND"),
    Rule("modular.limits", "posterior",
         lambda gains, others, *, at_end: posterior(
             gains, np.zeros_like(others), at_end=at_end), "other music"),
    Rule("modular.limits", "posterior",
         lambda gains, others, *, at_end: posterior(gains, others, at_end=False),
         "file ends"),
    Rule("modular.limits", "AGAIN", float("inf")),
    # modular: coverage, verdict, confidence
    Rule("modular.coverage", "doubt", lambda *_: None),
    Rule("modular.coverage", "trust", lambda *_: 1.0),
    Rule("modular.coverage", "trust", lambda doubts, rho: trust(doubts, 0.0), "notes"),
    Rule("modular.coverage", "MERGED", (1, 1, 4), "two blocks"),
    Rule("modular.coverage", "MERGED", (1,), "several blocks"),
    Rule("modular.method", "tonal_match", lambda *_: TonalMatch(1.0, 99.0, 0.0)),
    Rule("modular.verdict", "SAME_NOTES", 9.0),
    Rule("modular.verdict", "fit_stretch", lambda d, r, line, *_: line, "rivals", here=True),
    Rule("modular.method", "UNLOCKED", 1.0),
    # modular: other speeds, other keys, what is left
    Rule("modular.gaps", "covered", lambda *_: 1.0),
    Rule("modular.gaps", "stepping", lambda *_: False),
    Rule("modular.gaps", "unexplained", lambda *_: []),
    Rule("modular.gaps", "at_reference_end", lambda *_: False),
    Rule("modular.gaps", "at_reference_start", lambda *_: False),
    Rule("modular.gaps", "new_take", lambda *_: True),
    Rule("modular.gaps", "unbridged", lambda heard, segments: _sorted(segments)),
    Rule("modular.gaps", "quiet", lambda *_: False),
    Rule("modular.gaps", "apart", _sorted),
    Rule("modular.method", "heard_there", lambda piece: piece.matched and piece.confidence >= 0.9,
         "with a rival"),
    Rule("modular.method", "in_other_key", lambda *_: unmatched(NO_SHARED_MUSIC)),
    Rule("modular.method", "FASTER", 1.0),
    # v2: candidates and pieces
    Rule("v2.answer", "on_grid",
         lambda d, own, other, lag, drift, height: path_of(own, other, lag, drift, height)),
    Rule("v2.method", "CLOSE", 0),
    Rule("v2.takes", "merged", lambda pieces: pieces),
    Rule("v2.echoes", "genuine", lambda d, h, r, pieces, *_: pieces),
    Rule("v2.echoes", "paused", lambda *_: False),
    Rule("v2.answer", "complete", lambda d, r, h, pieces: (pieces, [])),
    # v2: exact lines
    Rule("v2.phase", "arrival", _strongest),
    Rule("v2.phase", "arrival",
         _weak_arrival, "weak ones"),
    Rule("v2.phase", "disagreement", lambda *_: 0.0),
    Rule("v2.answer", "error_of", _error_without_height, "height"),
    Rule("v2.fit", "half_width", lambda *_: 0.0),
    # v2: limits
    Rule("v2.limits", "gone_on", lambda *a: (a[4], a[5])),
    Rule("v2.limits", "told_limits", lambda *a: ((a[4], False), (a[5], False))),
    Rule("v2.limits", "likely", _plain_odds, "file ends"),
    Rule("v2.limits", "OFF", float("inf")),
    Rule("v2.limits", "FARTHEST", 3.0),
    # v2: coverage, verdict, confidence
    Rule("v2.answer", "lacking", lambda *_: None),
    Rule("v2.answer", "rivals", lambda d, r, h, reference, piece, others: others),
    Rule("v2.answer", "present", lambda *_: False),
    Rule("v2.coverage", "ceiling", lambda *_: 1.0),
    Rule("v2.coverage", "ceiling",
         lambda lacks, _, seconds: ceiling(lacks, 0.0, seconds), "high scores"),
    Rule("v2.coverage", "TOGETHER", (1,)),
    Rule("v2.answer", "CLOSE", 1.0),
    Rule("v2.answer", "BETTER", float("inf")),
    Rule("v2.answer", "SAME", 10**9),
    Rule("v2.answer", "UNLOCKED", 1.0),
    # v2: other speeds, other keys, deep noise, what is left
    Rule("v2.gaps", "incomplete", lambda *_: False),
    Rule("v2.gaps", "gaps", lambda *_: []),
    Rule("v2.gaps", "fresh", lambda *_: True),
    Rule("v2.gaps", "without_filling", lambda level, segments: list(_sorted(segments))),
    Rule("v2.gaps", "silent", lambda *_: False),
    Rule("v2.gaps", "separated", _sorted),
    Rule("v2.method", "with_rival", lambda *_: False),
    Rule("v2.method", "in_other_key", lambda *_: None),
    Rule("v2.method", "FASTER", 1.0),
    Rule("v2.phase", "deep_search", lambda *_: []),
    Rule("v2.faint_takes", "soft_takes", lambda *_: []),
    Rule("v2.faint_takes", "heard", lambda *_: 1.0, "from the beginning"),
)  # fmt: skip
"""One a line where it can be; what is only a matter of speed is not among them."""


@cache
def modules() -> list[ModuleType]:
    """All modules of ``pipeline.align``, imported."""
    found = pkgutil.walk_packages(pipeline.align.__path__, "pipeline.align.")
    return [importlib.import_module(info.name) for info in found]


def original(rule: Rule) -> Any:
    """What a rule is in the code."""
    return getattr(importlib.import_module(f"pipeline.align.{rule.module}"), rule.attribute)


def users(rule: Rule) -> list[tuple[ModuleType, str]]:
    """Where a rule is referred to: a constant within its own method only."""
    known = original(rule)
    folder = f"pipeline.align.{rule.module.split('.')[0]}"
    return [
        (module, name)
        for module in modules()
        for name, value in vars(module).items()
        if value is known
        and (rule.is_function or (name == rule.attribute and module.__name__.startswith(folder)))
        and (not rule.here or module.__name__ == f"pipeline.align.{rule.module}")
    ]


@contextmanager
def replaced(rule: Rule, by: Any) -> Iterator[None]:
    """Every reference to a rule is something else meanwhile."""
    places, known = users(rule), original(rule)
    try:
        for module, name in places:
            setattr(module, name, by)
        yield
    finally:
        for module, name in places:
            setattr(module, name, known)


def without(rule: Rule) -> AbstractContextManager[None]:
    """A context in which the rule does not exist."""
    return replaced(rule, rule.without)


@contextmanager
def recorded(module: str, attribute: str) -> Iterator[list[tuple[tuple[Any, ...], Any]]]:
    """The positional arguments and the result of each call of a function meanwhile."""
    rule = Rule(module, attribute, len)
    known = original(rule)
    calls: list[tuple[tuple[Any, ...], Any]] = []

    def call(*arguments: Any, **options: Any) -> Any:
        calls.append((arguments, known(*arguments, **options)))
        return calls[-1][1]

    with replaced(rule, call):
        yield calls


class Watch:
    """Which rules fired, and the processor time that finding out took."""

    def __init__(self) -> None:
        self.fired: set[str] = set()
        self.seconds = 0.0
        self._inside = False

    @contextmanager
    def on(self, rules: Sequence[Rule]) -> Iterator[None]:
        """Both sides of each function are asked for meanwhile, and the rule's own is the answer."""
        with ExitStack() as stack:
            by_function: dict[int, list[Rule]] = {}
            for rule in rules:
                if rule.is_function:
                    by_function.setdefault(id(original(rule)), []).append(rule)
            for group in by_function.values():
                stack.enter_context(replaced(group[0], self._both(group)))
            yield

    def _both(self, group: Sequence[Rule]) -> Without:
        known = original(group[0])

        def call(*arguments: Any, **options: Any) -> Any:
            result = known(*arguments, **options)
            if not self._inside:
                self._inside = True
                began = time.process_time()
                for rule in group:
                    if rule.name not in self.fired and not same(
                        result, rule.without(*arguments, **options)
                    ):
                        self.fired.add(rule.name)
                self._inside = False
                self.seconds += time.process_time() - began
            return result

        return call


def same(one: Any, two: Any) -> bool:
    """Whether two results are equal, arrays and records included."""
    if one is two:
        return True
    if isinstance(one, np.ndarray) or isinstance(two, np.ndarray):
        return bool(np.array_equal(one, two))
    if is_dataclass(one) and type(one) is type(two):
        return all(same(getattr(one, f.name), getattr(two, f.name)) for f in fields(one))
    if isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(one == two)
