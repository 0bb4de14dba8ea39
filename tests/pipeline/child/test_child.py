"""The child process: its limits, its ends, and what each is called."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import av.error
import psutil
import pytest

from pipeline import reasons
from pipeline.child.supervise import ChildResult, call, run_child
from pipeline.job.events import AlignmentEvent, Event, ProgressEvent, VariantEvent
from pipeline.job.model import Job, Outcome
from pipeline.media.ffmpeg import executable
from pipeline.reasons import reason_of
from pipeline.settings import Settings
from store import SettingsError


def request(pair: tuple[Path, Path], folder: Path) -> dict[str, Any]:
    job = Job(*pair, out=folder / "out", stem="x", scratch=folder / "scratch")
    return {"kind": "job", "job": job.to_json()}


def run(work: dict[str, Any], **changes: Any) -> tuple[ChildResult[Any], list[Event]]:
    events: list[Event] = []
    options: dict[str, Any] = {"stop": lambda: None, "timeout": 120.0} | changes
    return run_child(work, events.append, **options), events


def worker() -> psutil.Process | None:
    for child in psutil.Process(os.getpid()).children():
        if "pipeline.child" in child.cmdline():
            return child
    return None


def test_events_come_in_order_and_progress_never_falls(
    sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    result, events = run(request(sample_pair, tmp_path))
    assert result.reason is None and result.outcome is not None
    steps = [event.progress for event in events if isinstance(event, ProgressEvent)]
    assert steps == sorted(steps) and steps[0] < 0.1 and steps[-1] > 0.5
    answered, *variants = [one for one in events if not isinstance(one, ProgressEvent)]
    assert isinstance(answered, AlignmentEvent)
    names = [one.variant for one in variants if isinstance(one, VariantEvent)]
    assert names == ["v2", "modular"], "the fast one is ready first"
    ended = {one.variant: one.outcome for one in variants if isinstance(one, VariantEvent)}
    assert isinstance(result.outcome, Outcome) and result.outcome.variants == ended


def test_a_timeout_has_its_reason(
    sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    result, _ = run(request(sample_pair, tmp_path), timeout=0.05)
    assert result.reason == reasons.TIMEOUT
    assert worker() is None


def test_the_reason_of_a_stop_is_handed_on(
    sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    result, _ = run(request(sample_pair, tmp_path), stop=lambda: "cancelled")
    assert result.reason == "cancelled"
    assert worker() is None


def test_a_killed_child_is_a_crash(
    sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    def kill() -> None:
        while (child := worker()) is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGSEGV)

    killer = threading.Thread(target=kill)
    killer.start()
    result, _ = run(request(sample_pair, tmp_path))
    killer.join()
    assert result.reason == reasons.CRASHED and str(-signal.SIGSEGV) in result.text


def test_a_child_that_was_killed_while_it_told_something_is_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = tmp_path / "python"
    child.write_text('#!/bin/sh\nread job\nprintf \'{"event": "alignment", "al\'\nkill -9 $$\n')
    child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    result, events = run({"kind": "job"})
    assert result.reason == reasons.CRASHED and str(-signal.SIGKILL) in result.text
    assert events == []


def test_a_child_that_needs_too_much_memory_fails_alone(
    sample_pair: tuple[Path, Path],
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """libavcodec itself says of a picture too large for the memory that it is damaged."""
    monkeypatch.setenv("RETRACK_TASK_MEMORY_MB", "512")
    large = tmp_path / "large.mp4"
    make = [
        *("-f", "lavfi", "-t", "2", "-i", "color=s=8192x4320:r=1,format=yuv444p10le"),
        *("-f", "lavfi", "-t", "2", "-i", "sine=f=440:r=48000"),
        *("-c:v", "libx264", "-preset", "ultrafast", str(large)),
    ]
    subprocess.run([executable(), "-loglevel", "error", *make], timeout=60, check=True)
    result, _ = run(request((large, sample_pair[1]), tmp_path))
    assert result.reason in {reasons.OUT_OF_MEMORY, reasons.UNREADABLE}, result.text
    assert worker() is None


def test_an_exception_of_the_page_ends_the_child(
    sample_pair: tuple[Path, Path], settings: Settings, tmp_path: Path
) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("the page broke")

    with pytest.raises(RuntimeError, match="the page broke"):
        run_child(request(sample_pair, tmp_path), broken, stop=lambda: None, timeout=60.0)
    assert worker() is None


def test_a_call_answers_with_json(sample_pair: tuple[Path, Path], settings: Settings) -> None:
    result = call("facts", {"path": str(sample_pair[0]), "role": "dance"}, timeout=60.0)
    assert result.outcome is not None
    assert result.outcome["video"]["codec"] == "h264"


def test_a_call_names_what_is_wrong(tmp_path: Path, settings: Settings) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    result = call("facts", {"path": str(bad), "role": "dance"}, timeout=60.0)
    assert (result.reason, result.role) == (reasons.NOT_MEDIA, "dance")
    assert result.text.startswith("the dance file")


def test_a_thumbnail_is_made_in_a_child(
    sample_pair: tuple[Path, Path], tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "picture.jpg"
    arguments = {"path": str(sample_pair[0]), "out": str(out), "at": 1.0}
    result = call("thumbnail", arguments, timeout=60.0)
    assert result.outcome is not None and out.read_bytes()[:2] == b"\xff\xd8"


def test_the_least_memory_suffices_and_what_lacks_some_is_called_so(
    sample_pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest memory that the settings take is enough."""
    with pytest.raises(SettingsError, match="greater than or equal to 512"):
        Settings(task_memory_mb=256)
    monkeypatch.setenv("RETRACK_TASK_MEMORY_MB", "512")
    result, _ = run(request(sample_pair, tmp_path))
    assert result.reason is None, result.text
    script = (
        "from pipeline.child.sandbox import confine; from pipeline.reasons import reason_of\n"
        "confine(memory_mb=96, cpu_seconds=100, upload_mb=1)\n"
        "try: import av\n"
        "except BaseException as error: print(reason_of(error))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() == reasons.OUT_OF_MEMORY


def test_a_film_of_which_no_thumbnail_can_be_made_is_described(tmp_path: Path) -> None:
    """Its only picture is shown for three seconds: at the first second none begins."""
    path = tmp_path / "still.mkv"
    make = [
        *("-f", "lavfi", "-t", "3", "-i", "testsrc2=s=160x120:r=1/3"),
        *("-f", "lavfi", "-t", "3", "-i", "sine=f=440:r=48000", "-c:v", "libx264", str(path)),
    ]
    subprocess.run([executable(), "-loglevel", "error", *make], timeout=60, check=True)
    found = call("facts", {"path": str(path), "role": "dance"}, timeout=60)
    assert found.outcome is not None, found.text
    assert found.outcome["levels_db"][0] < 0 and found.outcome["thumbnail"] == ""


@pytest.mark.parametrize(
    ("kind", "needless"),
    [("job", {"pydantic", "store"}), ("call", {"pydantic", "store", "scipy", "pipeline.align"})],
)
def test_a_child_imports_only_what_its_work_needs(
    kind: str,
    needless: set[str],
    sample_pair: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Imports are a third of what a small task costs, and most of a look at a file. Once it is
    confined it cannot keep what it compiles, so that by then it has imported all."""
    child = tmp_path / "child.py"
    child.write_text(
        "import runpy, sys\n"
        "from pipeline.child import sandbox\n"
        "confine = sandbox.confine\n"
        "def noted(**given):\n"
        "    print('| confined', file=sys.stderr)\n"
        "    confine(**given)\n"
        "sandbox.confine = noted\n"
        "runpy.run_module('pipeline.child', run_name='__main__')\n"
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -X importtime "{child}"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    look: dict[str, Any] = {"kind": "call", "name": "facts"}
    look |= {"arguments": {"path": str(sample_pair[0]), "role": "dance"}}
    with caplog.at_level("INFO", logger="pipeline"):
        result, _ = run(look if kind == "call" else request(sample_pair, tmp_path))
    assert result.outcome is not None, result.text
    imported = [line.rpartition("|")[2].strip() for line in caplog.messages]
    assert "pipeline.media.probe" in imported
    assert not needless & set(imported)
    late = imported[imported.index("confined") :]
    assert not [name for name in late if name.startswith("pipeline.")]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (av.error.InvalidDataError(1, "damaged"), reasons.UNREADABLE),
        (av.error.MemoryError(12, "none left"), reasons.OUT_OF_MEMORY),
        (ImportError("x.so: failed to map segment from shared object"), reasons.OUT_OF_MEMORY),
        (OSError(28, "No space left"), reasons.DISK_FULL),
        (ImportError("no module"), reasons.CRASHED),
        (IndexError("ours"), reasons.CRASHED),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_only_what_is_our_own_fault_is_called_a_crash(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
