"""One long-lived process for each method under test, so that time and memory are its own.

``python -m benchmarks.alignment.workers NAME`` serves a method of ``pipeline.align.METHODS``; peers
are served by ``benchmarks/alignment/peers.py`` under a Python of their own. Both answer one JSON
line a case.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import selectors
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import signal
from scipy.io import wavfile

from benchmarks.alignment.peers import PACKAGED, PEERS, peak_bytes, processor_seconds
from benchmarks.cases.case import Case
from pipeline.model import Alignment, MethodAlignment, Samples, Segment

RATE = 8000
"""Rate of what our methods are given (hertz)."""
MAX_ANSWER_SECONDS = 300.0
"""Seconds after which a method counts as failed."""


@dataclass(frozen=True)
class Answer:
    """What one method said of one case."""

    matched: bool
    ambiguous: bool
    confidence: float | None
    segments: tuple[Segment, ...]
    candidates: tuple[tuple[float, float], ...] = ()
    """(offset, speed) of each other place."""
    reason: str | None = None
    error_ms: float | None = None
    cpu: float = 0.0
    """Processor seconds."""
    rss: int = 0
    """The most memory the method's process has had so far (bytes)."""
    failure: str | None = None
    full: MethodAlignment | None = None


@dataclass(frozen=True)
class RawSound:
    """A ``Sound`` over a file of raw float samples, read window by window."""

    path: Path
    rate: int = RATE

    @property
    def frames(self) -> int:
        """How many samples there are."""
        return self.path.stat().st_size // 4

    def read(self, start: int, stop: int) -> Samples:
        """Samples ``start`` to ``stop``, zeros outside the file."""
        out = np.zeros(max(0, stop - start), dtype=np.float32)
        first, last = max(0, start), min(self.frames, stop)
        if last > first:
            part = np.fromfile(self.path, np.float32, last - first, offset=4 * first)
            out[first - start : last - start] = part
        return out


@dataclass(frozen=True)
class CaseFiles:
    """A case written out: raw 8 kHz sound for us, 16-bit WAV at the case's rate for peers."""

    folder: Path
    seconds: float
    """Length of both sounds together (seconds)."""


def write_case(case: Case, folder: Path) -> CaseFiles:
    """Writes both sounds in both forms."""
    for name, sound in (("dance", case.dance), ("reference", case.reference)):
        thin = signal.resample_poly(sound, RATE, case.rate).astype(np.float32)
        (folder / f"{name}.f32").write_bytes(thin.tobytes())
        pcm = np.clip(np.round(sound * 32767), -32768, 32767).astype(np.int16)
        wavfile.write(folder / f"{name}.wav", case.rate, pcm)
    return CaseFiles(folder, (len(case.dance) + len(case.reference)) / case.rate)


class Worker:
    """A running process that answers for one method; restarted when it hangs or dies."""

    def __init__(self, name: str, peers_python: Path) -> None:
        self.name = name
        self._python = str(peers_python) if name in PACKAGED else sys.executable
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, files: CaseFiles) -> Answer:
        """The method's answer to a case; a failure is an answer too."""
        process = self._process or self._start()
        self._process = process
        assert process.stdin is not None and process.stdout is not None  # noqa: S101
        suffix = "wav" if self.name in PEERS else "f32"
        request = {name: str(files.folder / f"{name}.{suffix}") for name in ("dance", "reference")}
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            with selectors.DefaultSelector() as ready:
                ready.register(process.stdout, selectors.EVENT_READ)
                line = process.stdout.readline() if ready.select(MAX_ANSWER_SECONDS) else b""
        except BrokenPipeError:
            line = b""
        if not line:
            self.close()
            return Answer(False, False, None, (), failure="no answer: it hung or ended")
        return _read_answer(json.loads(line))

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _start(self) -> subprocess.Popen[bytes]:
        if self.name in PEERS:
            command = [self._python, str(Path(__file__).with_name("peers.py")), self.name]
        else:
            command = [self._python, "-m", "benchmarks.alignment.workers", self.name]
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if self.name in PEERS else None,
            env={**os.environ, **one},
        )


def _read_answer(said: dict[str, Any]) -> Answer:
    if "full" in said:
        answer = from_method(pickle.loads(base64.b64decode(said["full"])))  # noqa: S301
    else:
        everywhere = (Segment(-1e9, 1e9, said["offset"]),) if "offset" in said else ()
        answer = Answer(bool(said["accepted"]), False, None, everywhere)
    return replace(
        answer, cpu=float(said["cpu"]), rss=int(said["rss"]), failure=said.get("failure")
    )


def from_method(full: MethodAlignment | Alignment) -> Answer:
    """An ``Answer`` from a ``MethodAlignment`` or an ``Alignment``."""
    return Answer(
        matched=full.matched,
        ambiguous=full.ambiguous,
        confidence=full.confidence,
        segments=full.segments,
        candidates=tuple((c.offset, c.speed) for c in full.candidates),
        reason=full.reason,
        error_ms=full.error_ms,
        full=full if isinstance(full, MethodAlignment) else None,
    )


def main() -> None:
    """Serves one of our methods until standard input ends."""
    from pipeline.align import METHODS

    method = METHODS[sys.argv[1]]
    for line in sys.stdin:
        request = json.loads(line)
        before = processor_seconds()
        answer: dict[str, Any]
        try:
            full = method(RawSound(Path(request["dance"])), RawSound(Path(request["reference"])))
            answer = {"full": base64.b64encode(pickle.dumps(full)).decode()}
        except Exception as error:  # noqa: BLE001  (a crash is a result, shown in the table)
            answer = {"accepted": False, "failure": f"{type(error).__name__}: {error}"[:300]}
        answer |= {"cpu": processor_seconds() - before, "rss": peak_bytes()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
