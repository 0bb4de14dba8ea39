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
from functools import cache, reduce
from types import ModuleType
from typing import Any

import numpy as np

import pipeline.align
from benchmarks.alignment.scoring import SURE_CONFIDENCE
from pipeline.align import METHODS
from pipeline.align.judge import completed
from pipeline.align.modular import takes
from pipeline.align.modular.arrival import first_arrival, refine
from pipeline.align.modular.coverage import confidence_cap as modular_cap
from pipeline.align.modular.notes import TonalMatch
from pipeline.align.modular.placing import error_of
from pipeline.align.shared.segments import in_order
from pipeline.align.shared.whole_dance import unmatched
from pipeline.align.sounds.change_point import posterior
from pipeline.align.sounds.signal import vertex
from pipeline.align.v2 import answer, phase
from pipeline.align.v2.coverage import confidence_cap
from pipeline.model import Segment

Without = Callable[..., Any]

V2_ARRIVAL, V2_ERROR_OF = phase.arrival, answer.error_of
"""As they are when nothing has been replaced yet."""


@dataclass(frozen=True)
class Rule:
    """One decision that can be left out."""

    module: str
    """Below ``pipeline.align``."""
    attribute: str
    """In the module, or ``Class.method``."""
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
        return ("v2", "modular") if first == "shared" else (first,) if first in METHODS else ()

    @property
    def is_function(self) -> bool:
        """Whether it can be watched."""
        return callable(self.without)


def _sorted(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    return tuple(in_order(segments))


def _in_time(found: Sequence[Any]) -> list[Any]:
    """All takes, none an echo."""
    return sorted(found, key=lambda take: take.start)


def _strongest(curve: Any, rate: int, weakest: float = 0.0) -> tuple[float, float]:
    """The strongest peak instead of the first arrival (v2)."""
    size = np.abs(curve)
    top = int(size.argmax())
    noise = 1.4826 * float(np.median(size)) + 1e-9
    return top + vertex(size, top) - len(curve) // 2, float(size[top]) / noise


def _weak_arrival(curve: Any, rate: int, weakest: float = 0.0) -> tuple[float, float]:
    return V2_ARRIVAL(curve, rate, phase.STRONG_RATIO)


def _strongest_of(curve: Any, curves: Any, shifts: Any, rate: int) -> Any:
    """The strongest arrival instead of the first one (modular)."""
    return first_arrival(curve, np.zeros_like(curves), shifts, rate)


def _plain_gains(lines: list[takes.Track]) -> Any:
    """What each second says for each line, lines not being weighed against each other."""
    seconds = np.stack([known.seconds for known in lines])
    scale = np.array([max(known.usual, 0.5) for known in lines])[:, None]
    relative = np.clip(seconds / scale, takes.WORST_SHARE, takes.MOST_SHARE) - takes.HOLDS_SHARE
    own = relative * np.minimum(scale * scale, takes.MOST_NATS)
    return np.concatenate([np.zeros((1, seconds.shape[1])), own]).astype(np.float32)


def _error_without_height(pair: Any, take: Any, exact: Any) -> float:
    if exact.height >= answer.LOCKED_SIGMAS:
        exact = replace(exact, height=max(exact.height, answer.HIGH_SIGMAS))
    return V2_ERROR_OF(pair, take, exact)


RULES: tuple[Rule, ...] = (
    # the judge: from both answers to one
    Rule("judge", "completed", lambda mine, *_: tuple(mine)),
    Rule("judge", "completed",
         lambda mine, other, _, within: completed(mine, other, frozenset(), within), "sharp"),
    Rule("judge", "takes_only_other_found", lambda *_: []),
    Rule("judge", "found_by_one", lambda *_: False),
    Rule("judge", "is_loop_match", lambda *_: False),
    Rule("judge", "found_different_places", lambda *_: False),
    Rule("judge", "present_somewhere", lambda *_: False),
    Rule("judge", "by_confidence", lambda a: (-a.confidence, 0.0), "by error"),
    Rule("judge", "ONE_METHOD_CONFIDENCE", 1.0),
    Rule("judge", "ALONE_CONFIDENCE", 0.0),
    Rule("judge_lines", "on_lines", lambda segments, _: tuple(segments)),
    Rule("judge_lines", "most_exact", lambda matched, _: matched[0]),
    Rule("judge_lines", "exacter", lambda said, *_: said),
    Rule("judge_lines", "stated_error", lambda exact, *_: exact.error_ms),
    Rule("judge_lines", "own_error",
         lambda said, _: float("inf") if said.error_ms is None else said.error_ms),
    # both methods: what is tried, pauses, echoes
    Rule("shared.segments", "incomplete", lambda *_: False),
    Rule("shared.segments", "separated", _sorted),
    Rule("shared.pauses", "gaps", lambda *_, **__: []),
    Rule("shared.pauses", "is_own_take", lambda *_: True),
    Rule("shared.pauses", "without_fillings", lambda _, segments: _sorted(segments)),
    Rule("shared.pauses", "silent", lambda *_: False),
    Rule("shared.pauses", "paused", lambda *_: False),
    Rule("shared.takes", "genuine", lambda _, found, *__: _in_time(found)),
    Rule("shared.whole_dance", "Estimator.in_other_key", lambda own, _: unmatched(own.name)),
    Rule("shared.whole_dance", "Estimator.worth_adding",
         lambda _, piece: piece.confidence >= SURE_CONFIDENCE, "with a rival"),
    Rule("shared.whole_dance", "REPLACE_RATIO", 1.0),
    Rule("shared.whole_dance", "UNLOCKED_CONFIDENCE", 1.0),
    # both methods: limits
    Rule("sounds.change_point", "find_limits",
         lambda _, pair, segment, *__: (pair.clipped(segment), frozenset())),
    Rule("sounds.change_point", "posterior",
         lambda nats, other=None, *, at_end: posterior(nats, None, at_end=at_end), "other music"),
    Rule("sounds.change_point", "posterior",
         lambda nats, other=None, *, at_end: posterior(nats, other, at_end=False), "file ends"),
    Rule("sounds.change_point", "AGAIN_SECONDS", float("inf")),
    Rule("sounds.change_point", "FARTHEST_SECONDS", 3.0),
    # modular: candidates and lines
    Rule("modular.takes", "gains_of", _plain_gains, "lines against each other"),
    Rule("modular.takes", "sharpen", lambda known, near, *_, **__: near),
    Rule("modular.fit", "regress", lambda pair, line, *_: line),
    Rule("modular.placing", "sharpened", lambda pair, lines, _: lines),
    Rule("modular.placing", "drop_takes_missing_music", lambda pair, found: (found, [])),
    # modular: exact lines and their errors
    Rule("modular.placing", "placed", lambda pair, rough: refine(
        pair.on(rough.line), rough.dance_start, rough.dance_end, slack=4e-4), "short takes"),
    Rule("modular.arrival", "first_arrival", _strongest_of),
    Rule("modular.arrival", "_steady", lambda *_: True),
    Rule("modular.placing", "error_of", lambda *a: (error_of(*a)[0],) * 2, "side lobe"),
    # modular: coverage, verdict, confidence
    Rule("modular.coverage", "missing_share", lambda *_: None),
    Rule("modular.coverage", "confidence_cap", lambda *_: 1.0),
    Rule("modular.coverage", "confidence_cap", lambda doubt, _: modular_cap(doubt, 0.0), "notes"),
    Rule("modular.coverage", "MERGED_BLOCKS", (1, 1, 4), "two blocks"),
    Rule("modular.coverage", "MERGED_BLOCKS", (1,), "several blocks"),
    Rule("modular.notes", "match", lambda *_: TonalMatch(1.0, 99.0)),
    Rule("modular.verdict", "SAME_NOTES_RHO", 9.0),
    Rule("modular.verdict", "fit_stretch", lambda pair, line, *_: line, "rivals", here=True),
    # v2: candidates and takes
    Rule("v2.method", "CLOSE_LINES", 0),
    # v2: exact lines and their errors
    Rule("v2.phase", "arrival", _strongest),
    Rule("v2.phase", "arrival", _weak_arrival, "weak ones"),
    Rule("sounds.line_error", "scatter_error", lambda *_: 0.0),
    Rule("v2.answer", "error_of", _error_without_height, "height"),
    Rule("v2.fit", "half_width", lambda *_: 0.0),
    # v2: coverage, verdict, confidence
    Rule("v2.coverage", "missing_share", lambda *_: None),
    Rule("v2.answer", "rivals", lambda pair, take, others: others),
    Rule("v2.answer", "surely_present", lambda *_: False),
    Rule("v2.coverage", "confidence_cap", lambda *_: 1.0),
    Rule("v2.coverage", "confidence_cap",
         lambda lack, _, seconds: confidence_cap(lack, 0.0, seconds), "high scores"),
    Rule("v2.coverage", "MERGED_WINDOWS", (1,)),
    Rule("v2.answer", "CLOSE_CONFIDENCE", 1.0),
    Rule("v2.answer", "BETTER_RATIO", float("inf")),
    Rule("v2.answer", "MANY_PLACES", 10**9),
    # v2: deep noise
    Rule("v2.phase", "deep_search", lambda *_: []),
    Rule("v2.faint_takes", "faint_takes", lambda *_: ()),
)  # fmt: skip
"""One a line where it can be; what is only a matter of speed is not among them."""


@cache
def modules() -> list[ModuleType]:
    """All modules of ``pipeline.align``, imported."""
    found = pkgutil.walk_packages(pipeline.align.__path__, "pipeline.align.")
    return [importlib.import_module(info.name) for info in found]


def original(rule: Rule) -> Any:
    """What a rule is in the code."""
    module = importlib.import_module(f"pipeline.align.{rule.module}")
    return reduce(getattr, rule.attribute.split("."), module)


def users(rule: Rule) -> list[tuple[Any, str]]:
    """Where a rule is referred to: a constant within its own method only."""
    if "." in rule.attribute:
        owner, _, name = rule.attribute.rpartition(".")
        return [(original(replace(rule, attribute=owner)), name)]
    known = original(rule)
    return [
        (module, name)
        for module in modules()
        for name, value in vars(module).items()
        if value is known
        and (rule.is_function or name == rule.attribute)
        and (
            rule.is_function
            or rule.module.split(".")[0] in (module.__name__.split(".")[2], "shared")
        )
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
