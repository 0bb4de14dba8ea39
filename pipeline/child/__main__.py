"""The child process of one task: ``python -m pipeline.child``.

Standard input: one line of JSON (the job and its limits), then kept open for as long as the parent
lives. Standard output: one JSON object a line (``pipeline.job.events``), the last one for the end.
Standard error: the log. When standard input ends, the parent is gone (also by SIGKILL) or wants an
end: the whole process group, ffmpeg included, is killed.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pipeline.child.calls import files_of
from pipeline.child.priority import step_back
from pipeline.child.sandbox import confine
from pipeline.limits import GivenLimits
from pipeline.media import facts_note

if TYPE_CHECKING:
    from pipeline.job.events import End, Event


def _end_with_parent(source: BinaryIO) -> None:
    """Waits for the end of standard input, then kills this process group."""

    def watch() -> None:
        while source.read(4096):
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def main() -> int:
    """Runs the job of standard input; exit code 0 when an outcome or an error was reported."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)  # so that ending this process's group ends nobody else
    # Libraries that print must not break the line protocol.
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s"
    )
    step_back()
    source = os.fdopen(os.dup(0), "rb", buffering=0)  # unbuffered, for the watcher
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nothing else reads the parent's pipe
    request = json.loads(_first_line(source))

    from pipeline.job.events import ErrorEvent, to_json

    lock = threading.Lock()

    def report(event: Event | End) -> None:
        line = json.dumps(to_json(event), ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with lock:
            out.write(line)

    try:
        limits = GivenLimits(**request["limits"])
        _load(request)
        reading, writing = _files(request)
        confine(
            memory_mb=limits.task_memory_mb,
            cpu_seconds=limits.task_timeout,
            upload_mb=limits.max_upload_mb,
            reading=reading,
            writing=writing,
        )
        _end_with_parent(source)  # a thread, which is confined as this one is
        report(_do(request, report, limits))
    except Exception as error:  # noqa: BLE001 - the process boundary: the parent gets it as data
        from pipeline.reasons import public_text, reason_of

        report(
            ErrorEvent(
                reason=reason_of(error),
                role=getattr(error, "role", None),
                text=public_text(error),
                detail=getattr(error, "detail", "") or traceback.format_exc(),
            )
        )
    return 0


def _files(request: Mapping[str, Any]) -> tuple[list[Path], list[Path]]:
    """What the work reads, and the folders that it writes to, which are made where missing."""
    given = request.get("job") or request.get("arguments") or {}
    reading = list(files_of(given).values())
    writing = [Path(given[name]) for name in ("out", "scratch") if name in given]
    if request["kind"] == "job":
        reading += [facts_note.note_path(path) for path in reading]
    else:  # a file in its folder
        writing = [path.parent for path in writing]
    for folder in writing:
        folder.mkdir(parents=True, exist_ok=True)
    return reading, writing


def _load(request: Mapping[str, Any]) -> None:
    """Imports what the work needs before memory is limited and anything of a user is touched.

    OpenBLAS spins for ever when it is loaded under a limit that is too low for it; and a module
    that is imported later may be compiled by every child anew, since none can keep the result.
    """
    gc.disable()  # imports make a hundred thousand objects, and none of them garbage
    if request.get("name") in ("facts", "preview", "thumbnail", "waveforms"):
        import pipeline.job.declared
        import pipeline.previews.facts
        import pipeline.previews.waveform
    if request.get("name") == "same":
        import pipeline.media.identical
    if request["kind"] == "job":
        import pipeline.job.run

        if request["job"]["plans"] is None:
            import pipeline.job.tracks  # noqa: F401
    gc.freeze()
    gc.enable()


def _do(request: Mapping[str, Any], report: Any, limits: GivenLimits) -> End:
    """One request: a job, or one of the small pictures and previews for the page."""
    kind = request["kind"]
    if kind == "job":
        from pipeline.job.model import Job
        from pipeline.job.run import run, write_evidence

        job = Job.from_json(request["job"])
        outcome = run(job, report, limits)
        write_evidence(job.out, outcome)
        return outcome
    if kind == "call":
        from pipeline.child.calls import CALLS
        from pipeline.job.events import ValueEvent

        return ValueEvent(CALLS[request["name"]](request["arguments"], limits, report))
    raise ValueError(f"unknown kind of work: {kind!r}")


def _first_line(source: Any) -> bytes:
    """Bytes up to the first newline, read one at a time so that nothing is taken beyond it."""
    line = bytearray()
    while (byte := source.read(1)) not in (b"\n", b""):
        line += byte
    return bytes(line)


if __name__ == "__main__":
    sys.exit(main())
