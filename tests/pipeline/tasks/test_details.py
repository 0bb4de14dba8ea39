"""What of a finished task stays in the task file: its row, in little more than a kilobyte."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.threads import execute_in_child
from pipeline.running.adjustment import run_adjustment
from pipeline.running.attempt import run_task
from pipeline.settings import Settings
from pipeline.tasks import details
from pipeline.tasks.form import FORM
from pipeline.tasks.record import read
from pipeline.tasks.submit import submit
from store import ADJUST, Store
from tests.browser.steps import records_in
from ui.words import sentences

MOST = 1250
"""Bytes of the file for one finished task, beside its two names."""
VISITOR = "0123456789abcdef" * 2


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Store(settings, FORM).start()
    yield store
    store.close()


def record_of(store: Store, task_id: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(store.path.read_bytes())[task_id]
    return record


def size_of(store: Store, task_id: str) -> int:
    """Bytes that the task has in the file, without its names."""
    lines = store.path.read_text("utf-8").split(f'  "{task_id}": {{\n')[1].split("\n  }")[0]
    kept = [line for line in lines.splitlines() if '"dance_name"' not in line]
    kept = [line for line in kept if '"reference_name"' not in line]
    return len("\n".join([f'  "{task_id}": {{', *kept, "  },\n"]).encode())


def versions(store: Store, task_id: str) -> list[str]:
    folder = store.path.parent / "results" / task_id
    return [path.stem.removeprefix("details-") for path in folder.glob("details-*.json")]


def hand_in(store: Store, settings: Settings, pair: tuple[Path, Path]) -> str:
    task = submit(
        store, settings, *pair, dance_name="d.mp4", reference_name="s.m4a", visitor=VISITOR
    )
    return task.id


def run(store: Store, settings: Settings) -> None:
    claimed = store.claim()
    assert claimed
    run_task(store, claimed, settings, execute_in_child, lambda: False)


def adjust(store: Store, settings: Settings, task_id: str, options: Mapping[str, Any]) -> None:
    store.request(task_id, {"options": options})
    claimed = store.claim(ADJUST)
    assert claimed
    run_adjustment(store, claimed, settings, execute_in_child, lambda: False)


def same_row(store: Store, task_id: str) -> None:
    """The row of the table says what the task's page says."""
    [row] = [read(task) for task in store.snapshot().tasks if task.id == task_id]
    found = store.get(task_id)
    assert found
    task = read(found)
    for text in (sentences.verdict, sentences.status_text):
        assert text(row) == text(task)
    for figure in ("confidence", "agreement_ms", "placed", "placed_by_choice"):
        assert getattr(row.answer, figure) == getattr(task.answer, figure), figure
    assert (row.reason, row.same_file, row.best) == (task.reason, task.same_file, task.best)
    outputs = [*(one.output for one in task.variants.values()), *(f.output for f in task.files)]
    made = [path for output in outputs if (path := store.safe_path(output)) and path.is_file()]
    assert row.made_size == (sum(path.stat().st_size for path in made) or None)


def test_a_finished_task_keeps_its_row_and_lays_the_rest_aside(
    store: Store, settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    task_id = hand_in(store, settings, short_pair)
    run(store, settings)
    record = record_of(store, task_id)
    assert record["status"] == "success" and record["alignment"]["confidence"] > 0.9
    assert size_of(store, task_id) <= MOST
    assert not {"plans", "timings"} & record.keys()
    assert versions(store, task_id) == [record["details"]]
    task = store.get(task_id)
    assert task and set(task.extra["plans"]) == {"modular", "v2"} and task.extra["timings"]
    assert task.extra.get("alignment") and task.extra["alignment"]["segments"]
    same_row(store, task_id)

    everything: dict[str, Any] = {
        "nudge_ms": 20.0,
        "room_sound": 0.15,
        "loudness": True,
        "keep_all": False,
    }
    adjust(store, settings, task_id, everything)
    assert record_of(store, task_id)["options"] == {"nudge_ms": 20.0, "room_sound": 0.15}
    assert size_of(store, task_id) <= MOST
    assert versions(store, task_id) == [record_of(store, task_id)["details"]]
    same_row(store, task_id)

    hint = {"offset": task.extra["alignment"]["offset"] + 0.02, "speed": 1.0}
    everything |= {"loudness": False, "keep_all": True, "hint": hint}
    adjust(store, settings, task_id, everything)
    assert record_of(store, task_id)["revision"] == 2
    assert size_of(store, task_id) <= MOST
    assert versions(store, task_id) == [record_of(store, task_id)["details"]]
    same_row(store, task_id)
    placed = store.get(task_id)
    assert (
        placed
        and placed.extra.get("alignment")
        and placed.extra["alignment"]["automatic"]["segments"]
    )


def test_a_row_takes_the_same_result_for_the_better_one(store: Store, settings: Settings) -> None:
    said = {
        "modular": {"matched": True, "confidence": 0.6, "error_ms": 3.0},
        "v2": {"matched": True, "confidence": 0.9, "error_ms": 3.0},
    }
    outputs = {f"{name}_output": f"outputs/results/{name}.mp4" for name in said}
    for surer in ("v2", "modular"):
        said["v2"]["confidence"] = 0.9 if surer == "v2" else 0.5
        task = store.create(outputs)
        aside = details.Details(settings.outputs, task)
        found = {"matched": True, "confidence": 0.9, "variants": said}
        store.update(task.id, {"status": "success", **aside.put(alignment=found)})
        aside.saved()
        same_row(store, task.id)
        done = store.get(task.id)
        assert done and read(done).best == surer


def test_one_recording_twice_keeps_its_warning_in_the_row(
    store: Store, settings: Settings, short_pair: tuple[Path, Path]
) -> None:
    task_id = hand_in(store, settings, (short_pair[0], short_pair[0]))
    run(store, settings)
    assert record_of(store, task_id)["warnings"] == [{"code": "same_file"}]
    assert size_of(store, task_id) <= MOST
    same_row(store, task_id)


def test_failures_are_short_too(store: Store, settings: Settings, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no video\n" * 100)
    task_id = hand_in(store, settings, (text, text))
    run(store, settings)
    record = record_of(store, task_id)
    assert record["status"] == "failed" and record["detail"]
    assert size_of(store, task_id) <= MOST
    store.retry(task_id)
    assert "details" not in record_of(store, task_id)
    run(store, settings)
    assert len(versions(store, task_id)) <= 1


def test_a_long_error_is_cut_in_the_record_alone(store: Store, settings: Settings) -> None:
    task_id = store.create().id
    aside = details.Details(settings.outputs, store.get(task_id))  # type: ignore[arg-type]
    store.update(task_id, {"status": "failed", **aside.put(detail="x" * 5000)})
    assert record_of(store, task_id)["detail"] == "x" * details.MAX_DETAIL_LETTERS
    assert store.get(task_id).extra["detail"] == "x" * 5000  # type: ignore[union-attr]


def test_a_crash_between_details_and_record_leaves_a_pair_that_fits(
    store: Store, settings: Settings
) -> None:
    task_id = store.create().id
    task = store.get(task_id)
    assert task
    first = details.Details(settings.outputs, task)
    store.update(task_id, {"status": "success", **first.put(plans={"v2": 1})})
    first.saved()
    task = store.get(task_id)
    assert task
    details.Details(settings.outputs, task).put(plans={"v2": 2})  # and here the power goes
    assert store.get(task_id).extra["plans"] == {"v2": 1}  # type: ignore[union-attr]
    assert len(versions(store, task_id)) == 2
    again = details.Details(settings.outputs, task)
    assert len(versions(store, task_id)) == 1, "what a crash left goes with the next run"
    store.update(task_id, again.put(plans={"v2": 3}))
    assert store.get(task_id).extra["plans"] == {"v2": 3}  # type: ignore[union-attr]
    again.saved()
    assert versions(store, task_id) == [record_of(store, task_id)["details"]]


def test_a_disk_that_refuses_details_costs_no_result(store: Store, settings: Settings) -> None:
    task_id = store.create({"plans": {"v2": 1}, "alignment": {"matched": True, "x": [1]}}).id
    (settings.outputs / "results").mkdir(exist_ok=True)
    (settings.outputs / "results" / task_id).write_text("no folder")
    task = store.get(task_id)
    assert task
    aside = details.Details(settings.outputs, task)
    store.update(task_id, {"status": "success", **aside.put(timings={"probe": 1.0})})
    aside.saved()
    done = store.get(task_id)
    assert done and done.status == "success" and done.extra.get("alignment") == {"matched": True}


def test_what_a_person_made_of_a_record_is_no_obstacle(store: Store, settings: Settings) -> None:
    odd = {"plans": ["none"], "warnings": [None, {"code": 3}, "x"], "timings": 7, "detail": [1]}
    task_id = store.create({**odd, "alignment": {"automatic": 3, "hint": []}}).id
    task = store.get(task_id)
    assert task
    aside = details.Details(settings.outputs, task)
    assert aside.plans == {}
    store.update(task_id, {"status": "success", **aside.put(plans={"v2": 1})})
    assert store.get(task_id).extra["plans"] == {"v2": 1}  # type: ignore[union-attr]
    assert records_in(settings.outputs)[task_id]["plans"] == {"v2": 1}
