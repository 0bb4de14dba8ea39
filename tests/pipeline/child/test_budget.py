"""What a child may use is kept by its parent: a decoder cannot be asked to stop."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import reasons
from pipeline.child import budget
from pipeline.child.budget import Budget, Usage, opening_seconds, usage_of
from pipeline.child.supervise import call, run_child
from pipeline.job.model import Job
from pipeline.settings import Settings
from tests.hostile.slow import many_keys


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return many_keys(tmp_path_factory.mktemp("slow") / "slow.mp3", 60_000)


def spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_file_that_is_slow_to_open_is_refused(slow: Path) -> None:
    before = spent()
    result = call("facts", {"path": str(slow), "role": "reference"}, timeout=300)
    assert result.reason == reasons.SLOW_TO_OPEN
    assert spent() - before < opening_seconds([slow]) + 6, "it was ended soon after its budget"


def test_a_task_with_such_a_file_is_refused_as_well(
    slow: Path, sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    job = Job(sample_pair[0], slow, out=tmp_path / "out", stem="x", scratch=tmp_path / "scratch")
    result = run_child(
        {"kind": "job", "job": job.to_json()},
        lambda event: None,
        stop=lambda: None,
        timeout=300,
        opens=[sample_pair[0], slow],
    )
    assert result.reason == reasons.SLOW_TO_OPEN


@pytest.fixture
def family() -> Iterator[int]:
    """A process whose own child computes."""
    work = "while True: pass"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    process = subprocess.Popen([sys.executable, "-c", start], start_new_session=True)
    yield process.pid
    os.killpg(process.pid, 9)
    process.wait(timeout=10)


def test_usage_counts_all_that_a_child_has_started(family: int) -> None:
    deadline = time.monotonic() + 60
    while usage_of(family).cpu_seconds < 0.5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert usage_of(family).memory_bytes > 2 * 2**20
    assert usage_of(2**22 + 1) == Usage(0.0, 0), "nobody has this number"


def test_what_ends_a_child() -> None:
    most = Budget(memory_mb=100, opening_seconds=8.0)
    assert most.exceeded(Usage(7.9, 100 * 2**20), opening=True) is None
    assert most.exceeded(Usage(8.1, 0), opening=True) == reasons.SLOW_TO_OPEN
    assert most.exceeded(Usage(8.1, 0), opening=False) is None
    assert most.exceeded(Usage(0.0, 100 * 2**20 + 1), opening=False) == reasons.OUT_OF_MEMORY


def test_a_larger_file_has_more_time(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**30)  # sparse
    whole = budget.OPENING_SECONDS + budget.OPENING_SECONDS_PER_GIBIBYTE
    assert opening_seconds([path, tmp_path / "none"]) == whole
    assert opening_seconds([tmp_path / "none"]) == budget.OPENING_SECONDS
