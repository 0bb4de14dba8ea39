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
from pipeline.job.events import DescribedEvent
from pipeline.job.model import Job
from pipeline.media.ffmpeg import executable
from pipeline.settings import Settings
from tests.hostile.slow import many_keys


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sound that takes longer to open than is allowed, which is little here."""
    monkeypatch.setattr(budget, "OPENING_SECONDS", 1.0)
    return many_keys(tmp_path / "slow.mp3", 60_000)


@pytest.fixture
def growing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film whose pictures become large after its first ones; what is allowed beside the declared
    work is small here, so that nobody waits for it."""
    monkeypatch.setattr(budget, "STARTING_SECONDS", 0.5)
    monkeypatch.setattr(budget, "OPENING_SECONDS", 1.0)
    monkeypatch.setattr(budget, "SECONDS_PER_GIGASAMPLE", 200.0)
    monkeypatch.setattr(budget, "SECONDS_PER_SECOND", 0.02)
    monkeypatch.setattr(budget, "READING_SECONDS_PER_GIBIBYTE", 1.0)
    pictures = b""
    for size, count in (("64x48", 5), ("4096x2160", 1)):
        made = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-frames:v", str(count)]
        pictures += ffmpeg(*made, "-c:v", "mjpeg", "-f", "image2pipe", "-")
    small, large = (
        pictures[: pictures.rindex(b"\xff\xd8\xff")],
        pictures.rpartition(b"\xff\xd8\xff"),
    )
    film = tmp_path / "film.mov"
    ffmpeg(
        *("-f", "mjpeg", "-framerate", "25", "-i", "-", "-f", "lavfi", "-i", "sine=f=440:d=30"),
        *("-c:v", "copy", "-shortest", str(film)),
        given=small + 150 * b"".join(large[1:]),
    )
    return film


def ffmpeg(*arguments: str, given: bytes = b"") -> bytes:
    command = [executable(), "-v", "error", "-y", *arguments]
    return subprocess.run(command, input=given, capture_output=True, timeout=120, check=True).stdout


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
    process.wait(timeout=120)


def test_usage_counts_all_that_a_child_has_started(family: int) -> None:
    deadline = time.monotonic() + 60
    while usage_of(family).cpu_seconds < 0.5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert usage_of(family).memory_bytes > 2 * 2**20
    assert usage_of(2**22 + 1) == Usage(0.0, 0), "nobody has this number"


def test_what_ends_a_child() -> None:
    most = Budget(memory_mb=100, opening_seconds=8.0, reading_seconds=30.0)
    assert most.exceeded(Usage(7.9, 100 * 2**20)) is None
    assert most.exceeded(Usage(8.1, 0)) == reasons.SLOW_TO_OPEN
    most.described(DescribedEvent(seconds=100.0))
    allowed = 38.0 + 100.0 * budget.SECONDS_PER_SECOND
    assert most.exceeded(Usage(allowed, 0)) is None
    assert most.exceeded(Usage(allowed + 1, 0)) == reasons.SLOW_TO_PROCESS
    most.described(DescribedEvent(samples=1e9, pixels=1e9))
    allowed += budget.SECONDS_PER_GIGASAMPLE + budget.SECONDS_PER_GIGAPIXEL
    assert most.exceeded(Usage(allowed, 0)) is None
    assert most.exceeded(Usage(allowed + 1, 0)) == reasons.SLOW_TO_PROCESS
    assert most.exceeded(Usage(0.0, 100 * 2**20 + 1)) == reasons.OUT_OF_MEMORY


def test_a_film_is_held_to_the_size_that_it_declares(
    growing: Path, sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    """It says 64x48 and goes on at 4096x2160, which is within the limits, and has to be encoded."""
    job = Job(growing, sample_pair[1], tmp_path / "out", "x", tmp_path / "s", hint=(0.0, 1.0))
    before = spent()
    result = run_child(
        {"kind": "job", "job": job.to_json()},
        lambda event: None,
        stop=lambda: None,
        timeout=300,
        opens=[growing, sample_pair[1]],
    )
    assert result.reason == reasons.SLOW_TO_PROCESS, result
    assert spent() - before < 25.0


def test_a_long_honest_pair_is_far_from_its_budget() -> None:
    """Three hours of sound and of 1080p that has to be encoded, twice; the worst that was measured
    for each part (``pipeline.child.budget``)."""
    hours, pixels = 3 * 3600.0, 2 * 3 * 3600.0 * 30 * 1920 * 1080
    most = Budget(3000, opening_seconds=16.0, reading_seconds=30.0)
    most.described(DescribedEvent(hours, hours * 96_000, pixels))
    most.described(DescribedEvent(hours, hours * 96_000))
    measured = 2 * hours * 0.015 + 2 * hours * 96_000 * 78e-9 + pixels * 101e-9
    assert most.exceeded(Usage(4 * measured, 0)) is None


def test_a_larger_file_has_more_time(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2**30)  # sparse
    whole = budget.OPENING_SECONDS + budget.OPENING_SECONDS_PER_GIBIBYTE
    assert opening_seconds([path, tmp_path / "none"]) == whole
    assert opening_seconds([tmp_path / "none"]) == budget.OPENING_SECONDS
