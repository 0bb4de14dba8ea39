"""Files that are made beside the results, with real children and a real kill."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest

from pipeline import reasons
from pipeline.settings import Settings
from pipeline.tasks.extra_files import REQUEST, ExtraFile, FileChoice, read_files, with_file
from pipeline.tasks.form import FORM
from pipeline.tasks.record import TaskRecord, read
from store import Store
from tests.pipeline.running.services import hand_in, start_service, workers_of
from tests.waiting import until

LIMIT_MB = 0.36


def record(store: Store, task_id: str) -> TaskRecord:
    task = store.get(task_id)
    assert task is not None
    return read(task)


def stop(service: subprocess.Popen[str]) -> None:
    service.terminate()
    assert service.wait(timeout=120) == 0


def test_a_file_is_made_beside_the_result_whoever_is_killed(
    settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    store = Store(settings, FORM)
    task_id = hand_in(store, settings, short_pair).id
    first = start_service()
    choice = FileChoice("modular", portable=True, at_most_mb=LIMIT_MB)
    try:
        until(lambda: record(store, task_id).status == "success", "the task's end")
        results = [store.safe_path(v.output) for v in record(store, task_id).variants.values()]
        before = [path.read_bytes() for path in results if path]
        store.request(task_id, {"options": {REQUEST: choice.to_json()}})
        until(lambda: workers_of(first.pid), "the child")
        assert record(store, task_id).adjusting
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    left = record(store, task_id)
    assert left.adjust is not None and left.adjust.file == choice, "the request is kept"

    second = start_service()
    try:
        until(lambda: record(store, task_id).files, "the file")
        made = record(store, task_id)
        [file] = made.files
        [row] = [read(task) for task in store.snapshot().tasks]
        assert row.made_size == sum(map(len, before)) + file.size, "known without the details"
        path = store.safe_path(file.output)
        assert path is not None and path.stat().st_size == file.size
        assert 0.5 * LIMIT_MB * 1e6 < file.size <= LIMIT_MB * 1e6
        assert b"elst" not in path.read_bytes()
        assert (file.kind, file.choice) == ("file-1", choice)
        assert made.adjust is None and made.revision == 0, "the results are as they were"
        assert [p.read_bytes() for p in results if p] == before
        assert made.made_with.at_most_mb == 0 and made.options == left.options

        # The same choice takes its place, what cannot be done leaves it.
        store.request(task_id, {"options": {REQUEST: choice.to_json()}})
        until(lambda: [f.number for f in record(store, task_id).files] == [2], "the second")
        until(lambda: not path.exists(), "the first to go: the record comes first")
        tiny = FileChoice("modular", at_most_mb=0.01)
        store.request(task_id, {"options": {REQUEST: tiny.to_json()}})
        until(lambda: (a := record(store, task_id).adjust) and a.reason, "the refusal")
        refused = record(store, task_id)
        assert refused.adjust is not None and refused.adjust.reason == reasons.SIZE_LIMIT
        assert refused.status == "success" and len(refused.files) == 1

        # An adjustment makes other results, of which the file is none.
        store.request(task_id, {"options": {"nudge_ms": 80.0}})
        until(lambda: record(store, task_id).revision == 1, "the adjustment")
        assert record(store, task_id).files == ()
        folder = settings.outputs / "results" / task_id
        # The record comes first: what it names is there, whoever is killed.
        until(lambda: not [*folder.glob("*_file-*"), *folder.glob("attempt-*")], "its files to go")
    finally:
        stop(second)
    store.close()


@pytest.mark.parametrize(
    "given",
    [None, 3, [3], [{"number": 1}], [{"number": 1, "size": 2, "output": "a", "choice": {}}]],
)
def test_what_a_person_spoilt_is_no_file(given: object) -> None:
    assert read_files(given) == ()


def test_no_more_files_stay_than_there_is_room_for() -> None:
    files: tuple[ExtraFile, ...] = ()
    for number in range(1, 30):
        files = with_file(files, ExtraFile(number, FileChoice("v2", False, number), "a", 1))
    assert len(files) < 20 and files[-1].number == 29
    assert read_files([one.to_json() for one in files]) == files
