"""A task is read once: whatever a person made of its record, what is read has its type."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.job.events import (
    AlignmentEvent,
    DescribedEvent,
    End,
    ErrorEvent,
    Event,
    ProgressEvent,
    ValueEvent,
    VariantEvent,
    from_json,
    to_json,
)
from pipeline.job.model import Outcome, VariantOutcome
from pipeline.model import VARIANTS
from pipeline.tasks.answer import Answer, read_answer
from pipeline.tasks.record import VARIANT_KEYS, TaskRecord, VariantRecord
from tests.tasks import task_of

ROOT = Path(__file__).resolve().parents[3]
ID = "00000000-0000-4000-8000-000000000001"
ODD: tuple[Any, ...] = (
    *(None, True, -1, 1e300, float("nan"), "x", "", [], {}, [None, 3], {"a": None}, [{"code": 3}]),
    *([[[]]], {"offset": []}, {"v2": 7}, {"status": 5, "number": "n", "progress": "p"}),
)
KEYS = (
    *("stage", "progress", "seconds_left", "reason", "reason_role", "detail", "cancel_requested"),
    *("visitor", "revision", "dance_name", "reference_name", "dance_size", "dance_file"),
    *("reference_file", "options", "plans", "alignment", "warnings", "timings", "adjust"),
    *(key for keys in VARIANT_KEYS.values() for key in keys),
)
SMALL_ALIGNMENT = {"matched": True, "confidence": 0.9, "agreement_ms": 2.0}


def asked(task: TaskRecord) -> list[Any]:
    """Everything that is worked out of a record's fields."""
    return [
        *(
            task.active,
            task.adjusting,
            task.needs_placing,
            task.results,
            task.same_file,
            task.made_with,
        ),
        *(task.cut_off_at("dance"), task.answer.takes, task.answer.placed_by_choice),
        *(task.variant(name).plan for name in VARIANTS),
    ]


@pytest.mark.parametrize("key", KEYS)
def test_what_a_person_made_of_a_key_counts_as_absent(key: str) -> None:
    plain = task_of(ID, "success")
    for odd in ODD:
        task = task_of(ID, "success", **{key: odd})
        asked(task)
        for name, value in asdict(task).items():
            usual = getattr(plain, name)
            kinds = {"options": dict, "timings": dict, "warnings": tuple, "variants": dict}
            kind = kinds.get(name, type(usual))
            assert value is None or usual is None or isinstance(value, kind | dict), (odd, name)
    assert asked(task_of(ID, "success", plans={"v2": {"picture": 3}}))[-2:] == [None, None]


@pytest.mark.parametrize(
    "key", ["confidence", "agreement_ms", "offset", "speed", "segments", "candidates", "tracks"]
)
def test_an_answer_has_usable_figures_only(key: str) -> None:
    for odd in ODD:
        answer = read_answer({**SMALL_ALIGNMENT, key: odd, "automatic": {key: odd}})
        assert answer.exists and answer.segments == () == answer.candidates, odd
        figures = (answer.confidence, answer.agreement_ms, answer.offset, answer.speed)
        assert all(one is None or abs(one) < 1e15 for one in figures), odd
    assert read_answer([]) == read_answer(None) == Answer()


def test_a_variant_is_read_as_it_was_written() -> None:
    made = VariantRecord(status="success", output="a.mp4", size=3, notes=("picture_encoded",))
    failed = VariantRecord(status="failed", reason="render_failed")
    task = task_of(ID, "success", **made.keys("v2"), **failed.keys("modular"))
    assert (task.variant("v2"), task.variant("modular")) == (made, failed)
    assert task.results == ("v2",) and task.variant("none") == VariantRecord()


def test_the_better_result_is_the_task_s() -> None:
    def best(outputs: str = "modular v2", **methods: tuple[float, float]) -> str | None:
        said = {
            name: {"matched": True, "confidence": confidence, "error_ms": error}
            for name, (confidence, error) in methods.items()
        }
        made = {f"{name}_output": "a.mp4" for name in outputs.split()}
        return task_of(ID, "success", alignment={"variants": said}, **made).best

    assert best(modular=(0.9, 1.0), v2=(0.95, 3.0)) == "v2", "the surer"
    assert best(modular=(0.951, 0.9), v2=(0.954, 0.1)) == "modular", "nobody hears the difference"
    assert best(modular=(0.95, 30.0), v2=(0.95, 1.0)) == "v2", "it is off by less"
    assert best(v2=(0.4, 9.0)) == "v2", "the other found nothing of its own"
    assert best("v2", modular=(0.9, 1.0), v2=(0.5, 9.0)) == "v2", "the only one"
    assert best() == "modular" and best("") is None


RESULT = VariantOutcome("success", "a.mp4", plan={"a": [1]}, notes=("picture_encoded",))
EVENTS: tuple[Event | End, ...] = (
    DescribedEvent(seconds=180.0, samples=1.7e7, pixels=1.1e10),
    ProgressEvent(stage="probe", progress=0.5, seconds_left=None),
    AlignmentEvent({"matched": True}),
    VariantEvent("v2", RESULT),
    ValueEvent({"same": False}),
    ErrorEvent(reason="crashed", role="dance", text="it broke", detail="here"),
    Outcome(
        matched=True,
        reason=None,
        alignment={},
        variants={"v2": RESULT},
        seconds={"probe": 0.1},
        warnings=({"code": "same_file"},),
    ),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_arrives_as_it_was_sent(event: Event | End) -> None:
    assert from_json(json.loads(json.dumps(to_json(event)))) == event
    if isinstance(event, Outcome):
        assert "evidence" not in to_json(replace(event, evidence={"curves": []}))


def names_of_variants(root: Path) -> Iterator[str]:
    """Places in the program's source that spell a variant's name, or one of its keys."""
    keys = {key for keys in VARIANT_KEYS.values() for key in keys}
    for package in ("pipeline", "ui"):
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                spelt = node.value if isinstance(node, ast.Constant) else None
                read = node.attr if isinstance(node, ast.Attribute) else None
                if read in keys or (isinstance(spelt, str) and spelt in {*VARIANTS, *keys}):
                    yield f"{path.relative_to(root).as_posix()}:{getattr(node, 'lineno', 0)}"


OWN_RULES = ("pipeline/model.py", "pipeline/align/", "pipeline/plan/make.py", "pipeline/cli/plot")
"""The list itself, the methods, and where one variant is made in another way than the others."""


def test_only_the_list_names_the_variants() -> None:
    assert not [one for one in names_of_variants(ROOT) if not one.startswith(OWN_RULES)]
