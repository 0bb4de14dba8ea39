"""What a file costs: it is described, or made into a task, as the service does it, and the child's
whole tree is looked at the way its parent does."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from pipeline.child.budget import Usage, usage_of
from pipeline.child.supervise import ChildResult, call, run_child
from pipeline.job.model import Job, Outcome
from pipeline.model import VARIANTS

LOOK_SECONDS = 0.1
TIMEOUT_SECONDS = 900.0
"""Of the clock, which no answer should need; what counts is the processor's time."""


@dataclass
class Peak:
    """The most that any child of this process has used, with all that it started."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def add(self, usage: Usage) -> None:
        """Take a look into account."""
        self.cpu_seconds = max(self.cpu_seconds, usage.cpu_seconds)
        self.memory_bytes = max(self.memory_bytes, usage.memory_bytes)


@dataclass(frozen=True)
class Answer:
    """How a file was answered; ``reason`` is None for success."""

    reason: str | None
    text: str
    detail: str
    value: Any
    cpu_seconds: float
    memory_mb: float


@contextmanager
def watched() -> Iterator[Peak]:
    """Looks at this process's children while the block runs."""
    peak = Peak()

    def look() -> None:
        here = psutil.Process()
        while not peak.ended.wait(LOOK_SECONDS):
            for child in here.children():
                peak.add(usage_of(child.pid))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        peak.ended.set()
        thread.join()


def ask(name: str, arguments: Mapping[str, Any]) -> Answer:
    """One small call (``pipeline.child.calls``)."""
    with watched() as peak:
        result = call(name, arguments, timeout=TIMEOUT_SECONDS)
    return _answer(result, peak)


def describe(path: Path, role: str) -> Answer:
    """What the page asks of an upload."""
    path.with_suffix(".facts").unlink(missing_ok=True)  # else a note would answer
    return ask("facts", {"path": str(path), "role": role})


def make_task(dance: Path, reference: Path, folder: Path, *, by_hand: bool = False) -> Answer:
    """A whole task of two files, its place given ``by_hand`` where the two do not match."""
    job = Job(
        dance,
        reference,
        out=folder / "out",
        stem="x",
        scratch=folder / "scratch",
        variants=("v2",) if by_hand else VARIANTS,
        hint=(0.0, 1.0) if by_hand else None,
    )
    try:
        with watched() as peak:
            result = run_child(
                {"kind": "job", "job": job.to_json()},
                lambda event: None,
                stop=lambda: None,
                timeout=TIMEOUT_SECONDS,
                opens=[dance, reference],
            )
        return _answer(result, peak)
    finally:
        for made in (job.out, job.scratch):
            shutil.rmtree(made, ignore_errors=True)


def _answer(result: ChildResult[Any], peak: Peak) -> Answer:
    reason, text, value = result.reason, result.text, result.outcome
    if isinstance(value, Outcome):
        failed = next((one for one in value.variants.values() if one.status == "failed"), None)
        if failed is not None:
            reason, text = failed.reason, failed.text
        reason = reason or value.reason
    return Answer(reason, text, result.detail, value, peak.cpu_seconds, peak.memory_bytes / 2**20)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of Markdown, the first of them the head."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], f"|{' --- |' * len(rows[0])}", *lines[1:]])
