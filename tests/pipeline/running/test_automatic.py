"""Going back from a place by hand to the automatic answer, with real files and children."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline import reasons
from pipeline.child.supervise import JobResult
from pipeline.engine.threads import execute_in_child
from pipeline.job.model import Outcome, VariantOutcome
from pipeline.media import ffmpeg
from pipeline.running import automatic
from pipeline.running.adjustment import run_adjustment
from pipeline.running.attempt import run_task
from pipeline.settings import Settings
from pipeline.tasks.form import FORM
from pipeline.tasks.submit import submit
from store import ADJUST, Store, Task


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    store = Store(settings, FORM).start()
    yield store
    store.close()


def adjusted(store: Store, settings: Settings, task_id: str, options: Mapping[str, Any]) -> Task:
    store.request(task_id, {"options": options})
    claimed = store.claim(ADJUST)
    assert claimed is not None
    run_adjustment(store, claimed, settings, execute_in_child, lambda: False)
    task = store.get(task_id)
    assert task is not None
    return task


def segments(task: Task) -> list[list[dict[str, Any]]]:
    assert task.extra["alignment"] and task.extra["plans"]
    return [
        task.extra["alignment"]["segments"],
        *(task.extra["plans"][name]["segments"] for name in task.extra["plans"]),
    ]


def test_a_place_by_hand_keeps_the_answer_that_it_replaces_and_gives_it_back(
    store: Store, settings: Settings, two_takes: tuple[Path, Path]
) -> None:
    task_id = submit(
        store, settings, *two_takes, dance_name="twice.mp4", reference_name="song.m4a"
    ).id
    claimed = store.claim()
    assert claimed is not None
    run_task(store, claimed, settings, execute_in_child, lambda: False)
    found = adjusted(store, settings, task_id, {"nudge_ms": 20.0, "room_sound": 0.1})
    assert [len(one) for one in segments(found)] == [2, 2, 2]
    results = settings.outputs / "results" / task_id
    curves = (results / "evidence.json").read_text()
    frames = {
        name: plan["picture"]["frames"] for name, plan in (found.extra.get("plans") or {}).items()
    }
    assert found.extra.get("alignment") is not None
    hint = {"offset": found.extra["alignment"]["offset"] + 0.1, "speed": 1.0}
    placed = adjusted(
        store, settings, task_id, {**(found.extra.get("options") or {}), "hint": hint}
    )
    assert [len(one) for one in segments(placed)] == [1, 1, 1]
    assert placed.extra.get("alignment") is not None
    assert placed.extra["alignment"]["hint"] == pytest.approx(hint)
    assert (
        placed.extra["alignment"]["automatic"]["segments"] == found.extra["alignment"]["segments"]
    )
    assert (results / "evidence.json").read_text() != curves
    store.close()
    again = Store(settings, FORM).start()  # a restart in between
    moved = adjusted(again, settings, task_id, {"nudge_ms": 90.0, "room_sound": 0.1})
    assert moved.extra.get("alignment") == placed.extra.get("alignment")

    back = adjusted(
        again, settings, task_id, {**(moved.extra.get("options") or {}), "automatic": True}
    )
    assert back.extra.get("alignment") == found.extra.get("alignment")
    assert back.extra.get("options") == {"nudge_ms": 20.0, "room_sound": 0.1}
    exact = [one for part in segments(found) for one in part]
    for one, same in zip((one for part in segments(back) for one in part), exact, strict=True):
        assert one == pytest.approx(same, abs=1e-6)
    after = {
        name: plan["picture"]["frames"] for name, plan in (back.extra.get("plans") or {}).items()
    }
    assert after == frames
    assert (results / "evidence.json").read_text() == curves
    left = sorted(path.name for path in results.iterdir() if path.suffix != ".mp4")
    record = json.loads((settings.outputs / "task_status.json").read_bytes())[task_id]
    assert left == [".retrack", f"details-{record['details']}.json", "evidence.json"]
    assert len(list(results.glob("*.mp4"))) == 2

    refused = adjusted(again, settings, task_id, {"automatic": True})
    assert refused.adjust is not None and refused.adjust.reason == reasons.RENDER_FAILED
    assert refused.extra.get("alignment") == found.extra.get("alignment") and refused.extra.get(
        "modular_output"
    )
    again.close()


def test_a_result_at_the_other_place_does_not_stay_beside_a_new_one(
    store: Store, settings: Settings, sample_pair: tuple[Path, Path]
) -> None:
    task_id = submit(store, settings, *sample_pair, dance_name="a.mp4", reference_name="b").id
    results = settings.outputs / "results" / task_id
    results.mkdir(parents=True)
    outputs = {}
    for name in ("modular", "v2"):
        (results / f"{task_id}_{name}.mp4").write_text("old")
        outputs[f"{name}_output"] = f"outputs/results/{task_id}/{task_id}_{name}.mp4"
    alignment = {"matched": True, "segments": [], "variants": {}}
    store.update(task_id, {"status": "success", "alignment": alignment, **outputs})
    store.request(task_id, {"options": {"hint": {"offset": 3.0, "speed": 1.0}}})
    claimed = store.claim(ADJUST)
    assert claimed is not None

    def work(job: Any, *_: Any, **__: Any) -> JobResult:
        new = job.out / "new.mp4"
        new.write_text("new")
        outcome = Outcome(
            matched=True,
            reason=None,
            alignment={"matched": 1},
            variants={
                "v2": VariantOutcome("success", str(new), plan={}),
                "modular": VariantOutcome("failed", reason="render_failed"),
            },
            seconds={},
        )
        return JobResult(outcome=outcome)

    run_adjustment(store, claimed, settings, work, lambda: False)
    task = store.get(task_id)
    assert task is not None and task.extra.get("alignment") == {
        "matched": 1,
        "candidates": None,
        "automatic": {**alignment, "nudge_ms": 0.0},
    }
    assert (task.extra.get("modular_output"), task.extra.get("modular_status")) == (None, "failed")
    assert [path.name for path in results.glob("*.mp4")] == [f"{task_id}_v2.mp4"]


def test_what_a_person_placed_is_never_taken_for_the_automatic_answer() -> None:
    new = {"matched": True, "candidates": [], "hint": {"offset": 2.0, "speed": 1.0}}
    by_hand = Task("1", "success", extra={"alignment": {"matched": True, "hint": {"offset": 1.0}}})
    assert automatic.with_saved_answer(by_hand, new) == new, "a failed task that a person placed"
    found = {"matched": True, "candidates": [{"offset": 1.0}, {"offset": 5.0}]}
    first = automatic.with_saved_answer(Task("1", "success", extra={"alignment": found}), new)
    assert first["automatic"] == {**found, "nudge_ms": 0.0}
    assert first["candidates"] == found["candidates"], "whoever chose may choose again"
    second = automatic.with_saved_answer(Task("1", "success", extra={"alignment": first}), new)
    assert second == first


def test_the_way_back_leads_to_the_track_of_the_answer(
    store: Store, settings: Settings, sample_pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """What was measured of the track that a person chose does not serve for the other one."""
    both = tmp_path / "both.mka"
    ffmpeg.run(
        [
            *("-nostdin", "-y", "-f", "lavfi", "-t", "40", "-i", "anoisesrc=a=0.3:c=pink:seed=5"),
            *("-i", ffmpeg.file_url(sample_pair[1]), "-map", "0:a", "-map", "1:a", "-c:a", "aac"),
            ffmpeg.file_url(both),
        ]
    )
    task_id = submit(
        store, settings, sample_pair[0], both, dance_name="a.mp4", reference_name="b.mka"
    ).id
    claimed = store.claim()
    assert claimed is not None
    run_task(store, claimed, settings, execute_in_child, lambda: False)
    found = store.get(task_id)
    assert (
        found is not None
        and found.extra.get("alignment") is not None
        and found.extra.get("plans") is not None
    )
    assert found.extra["alignment"]["tracks"]["reference"] == {"track": 2, "of": 2, "why": "fits"}
    options = {"hint": {"offset": 1.0, "speed": 1.0}, "reference_track": 1}
    placed = adjusted(store, settings, task_id, options)
    assert placed.extra["alignment"] and placed.extra["plans"]
    assert placed.extra["alignment"]["tracks"]["reference"] == {
        "track": 1,
        "of": 2,
        "why": "chosen",
    }
    assert placed.extra["plans"]["v2"]["sound"]["reference_stream"] == 0
    back = adjusted(
        store, settings, task_id, {**(placed.extra.get("options") or {}), "automatic": True}
    )
    assert (
        back.extra.get("alignment") == found.extra.get("alignment")
        and back.extra.get("plans") is not None
    )
    assert back.extra.get("options") is None, "neither the place nor the track of before"
    for name, plan in found.extra["plans"].items():
        for key in ("sound", "segments", "loudness", "bounds"):
            assert back.extra["plans"][name][key] == plan[key], (name, key)
