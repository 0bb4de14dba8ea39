"""What the page takes from a call that was interrupted: nothing yet."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from pipeline import reasons
from pipeline.child import cached_calls
from pipeline.child.supervise import CallResult
from pipeline.settings import Settings
from pipeline.tasks.record import read
from tests.files.conftest import write
from tests.ui.routes.routed import finished, service_of
from tests.waiting import until
from ui.correct import tracks
from ui.routes.thumbnail import find_thumbnail


def test_a_call_that_was_interrupted_says_nothing_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "_retrack_background", ModuleType("background"))
    answered = 0

    def nobody(*given: object, **options: object) -> CallResult:
        nonlocal answered
        answered += 1
        return CallResult(reason=reasons.INTERRUPTED)

    cached_calls.go_through(nobody, Path.stat)
    outputs = tmp_path / "outputs"
    with service_of(Settings(outputs=outputs), monkeypatch) as service:
        task_id = finished(service).id
        files = {}
        for role in ("dance", "reference"):
            write(outputs / "uploads" / task_id / f"{role}.mp4", b"x")
            files[f"{role}_file"] = f"outputs/uploads/{task_id}/{role}.mp4"
        task = read(service.store.update(task_id, files))
        assert not tracks.known(service, task)
        assert find_thumbnail(service, task) == (None, True)
        until(lambda: answered == 2, "both answers")
        assert not tracks.known(service, task)
        assert find_thumbnail(service, task) == (None, True)
