"""Runs one piece of work in a child process and hands its events on.

The page's process never decodes what a user sent: a crashing decoder, a runaway memory or
a cancel ends the child only, and its memory goes back to the system.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

from files.errors import StorageError
from pipeline import reasons
from pipeline.child.budget import LOOK_SECONDS, Budget, usage_of
from pipeline.child.calls import files_of
from pipeline.child.sandbox import environment
from pipeline.job.events import (
    DescribedEvent,
    End,
    ErrorEvent,
    Report,
    ValueEvent,
    from_json,
)
from pipeline.job.model import Outcome
from pipeline.limits import Limits, limits_to_json
from pipeline.media import facts_note
from pipeline.reasons import UNMAPPED, public_text, reason_of
from pipeline.scratch import scratch_folder
from pipeline.settings import Settings

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.1
"""Between two looks at whether to stop."""
MAX_LINES = 40
"""Of the child's log that a failure quotes."""


T = TypeVar("T")


@dataclass(frozen=True)
class ChildResult(Generic[T]):
    """How the child ended: exactly one of ``outcome`` and ``reason`` is set."""

    outcome: T | None = None
    reason: str | None = None
    role: str | None = None
    text: str = ""
    detail: str = ""


JobResult = ChildResult[Outcome]
CallResult = ChildResult[Mapping[str, Any]]


def _environment(temporary: Path) -> dict[str, str]:
    """What media work needs of the parent's environment, with one thread for each numerical
    library, and a folder of its own for temporary files."""
    single = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"
    )  # the children are the parallelism; more threads also cost address space
    own = {**single, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "TMPDIR": str(temporary)}
    return environment(os.environ) | own


def _read_lines(stream: IO[bytes], put: Callable[[bytes], None]) -> threading.Thread:
    def read() -> None:
        for line in stream:
            put(line)
        put(b"")

    thread = threading.Thread(target=read, name="child-reader", daemon=True)
    thread.start()
    return thread


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends the child and all that it started, at once, and reaps it."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a zombie's group
        process.kill()
    process.wait(timeout=10)


def run_child(
    request: Mapping[str, Any],
    report: Report,
    *,
    stop: Callable[[], str | None],
    timeout: float,
    tag: str = "",
    opens: Sequence[Path] = (),
    settings: Limits | None = None,
) -> ChildResult[Any]:
    """Runs ``request`` in a child until it ends, ``stop()`` names a reason, or time is up.

    ``timeout`` is in seconds; ``tag`` (a task's id) marks the lines of the log and the process;
    ``opens`` are the files whose size and content make the budget (``pipeline.child.budget``);
    without ``settings`` the limits are those of the environment. Never raises for what the child
    does. An exception of ``report`` or ``stop`` ends the child and goes on to the caller, as does
    the OSError of a child that could not be started.
    """
    settings = settings or Settings()
    with scratch_folder() as temporary:
        return _run(request, report, stop, timeout, tag, opens, settings, temporary)


def _run(
    request: Mapping[str, Any],
    report: Report,
    stop: Callable[[], str | None],
    timeout: float,
    tag: str,
    opens: Sequence[Path],
    settings: Limits,
    temporary: Path,
) -> ChildResult[Any]:
    """Body of ``run_child``; ``temporary`` is the child's folder for temporary files."""
    budget = Budget.to_open(opens, settings.task_memory_mb)
    process = subprocess.Popen(
        # Nobody reads the tag: it says in a list of processes which task each one is of.
        [sys.executable, "-m", "pipeline.child", *([tag] if tag else ())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=_environment(temporary),
        start_new_session=True,
    )
    assert process.stdin and process.stdout and process.stderr  # noqa: S101 - PIPE was asked for
    lines: queue.Queue[bytes] = queue.Queue()
    tail: deque[str] = deque(maxlen=MAX_LINES)

    def keep(line: bytes) -> None:
        if line:
            text = line.decode(errors="replace").rstrip()
            tail.append(text)
            log.info("[%s] %s", tag, text)

    readers = [_read_lines(process.stdout, lines.put), _read_lines(process.stderr, keep)]
    try:
        try:
            given = {**request, "limits": limits_to_json(settings)}
            process.stdin.write(json.dumps(given).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            log.warning("[%s] the child ended before it read its job", tag)
        result = _supervise(process, lines, report, stop, time.monotonic() + timeout, budget)
    finally:
        kill_group(process)
        with suppress(BrokenPipeError):  # what a dead child did not read is not needed
            process.stdin.close()
        for reader in readers:
            reader.join(timeout=5)
    if result is not None:
        return result
    return _judge_exit(process.returncode, "\n".join(tail))


def _supervise(
    process: subprocess.Popen[bytes],
    lines: queue.Queue[bytes],
    report: Report,
    stop: Callable[[], str | None],
    deadline: float,
    budget: Budget,
) -> ChildResult[Any] | None:
    """Hands events on until the child has answered or must end; None: it ended silently."""
    look = time.monotonic() + LOOK_SECONDS
    while True:
        reason = stop()
        if reason is not None:
            return ChildResult(reason=reason)
        if time.monotonic() > deadline:
            return ChildResult(
                reason=reasons.TIMEOUT, text="the time limit of the task was reached"
            )
        if time.monotonic() > look:
            reason = budget.exceeded(usage_of(process.pid))
            if reason is not None:
                return ChildResult(reason=reason, text="it used more than its budget")
            look = time.monotonic() + LOOK_SECONDS
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if not line:
            process.wait(timeout=10)
            return None
        try:
            event = from_json(json.loads(line))
        except ValueError:  # cut off by a kill; the exit follows
            log.warning("not an event of the child: %.200r", line)
            continue
        if isinstance(event, End):
            return ended(event)
        if isinstance(event, DescribedEvent):
            budget.described(event)
            continue
        report(event)


def ended(end: End) -> ChildResult[Any]:
    """The result from the child's last event."""
    if isinstance(end, ErrorEvent):
        return ChildResult(**asdict(end))
    return ChildResult(outcome=end.value if isinstance(end, ValueEvent) else end)


def _judge_exit(code: int, tail: str) -> ChildResult[Any]:
    """A child that ended without an answer: what its exit says."""
    if any(sign in tail for sign in ("MemoryError", "Cannot allocate memory", UNMAPPED)):
        return ChildResult(reason=reasons.OUT_OF_MEMORY, text="out of memory", detail=tail)
    if code == -signal.SIGXCPU:
        return ChildResult(reason=reasons.TIMEOUT, text="the CPU limit was reached", detail=tail)
    text = f"the child process ended with {code}"
    return ChildResult(reason=reasons.CRASHED, text=text, detail=tail)


def call(
    name: str, arguments: Mapping[str, Any], *, timeout: float, settings: Settings | None = None
) -> CallResult:
    """Runs one small call (a probe, a thumbnail, a preview; ``calls.py``) in a child, unless its
    answer was noted."""
    limits = settings or Settings()

    def ask() -> CallResult:
        return run_call(name, arguments, stop=lambda: None, timeout=timeout, limits=limits)

    return noted(name, arguments, ask, limits)


def run_call(
    name: str,
    arguments: Mapping[str, Any],
    *,
    stop: Callable[[], str | None],
    timeout: float,
    limits: Limits,
) -> CallResult:
    """Runs one small call in a child, whatever was noted; see ``run_child``."""
    return run_child(
        {"kind": "call", "name": name, "arguments": dict(arguments)},
        lambda event: None,
        stop=stop,
        timeout=timeout,
        tag=name,
        opens=tuple(files_of(arguments).values()),
        settings=limits,
    )


def noted(
    name: str, arguments: Mapping[str, Any], ask: Callable[[], CallResult], settings: Limits
) -> CallResult:
    """What ``ask`` gives; but the facts of a file as they were noted beside it, else noted here,
    since who finds them out writes to no folder of uploads."""
    if name != "facts":
        return ask()
    path = Path(arguments["path"])
    try:
        bound = facts_note.binding(path, arguments["role"], settings)
    except OSError:  # the child says what is wrong
        return ask()
    noted = facts_note.read(path, bound)
    if noted is not None:
        return ChildResult(outcome=noted)
    result = ask()
    if result.outcome is not None:
        facts_note.write(path, bound, result.outcome)
    return result


def broken(error: Exception) -> ChildResult[Any]:
    """The result of work that could not be begun, or whose supervision broke. A bucket that could
    not be reached may be at the next attempt."""
    reason = reasons.INTERRUPTED if isinstance(error, StorageError) else reason_of(error)
    return ChildResult(reason=reason, text=public_text(error))
