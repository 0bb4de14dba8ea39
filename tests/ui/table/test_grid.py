"""What a row of the list says, and which one thing it offers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from files.local import Local
from pipeline.tasks.queue import queue_of
from pipeline.tasks.record import TaskRecord
from tests.tasks import task_of
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.table import grid

NOW = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
HERE = Viewer(None, "nothing")
BOTH = {"modular_output": "outputs/results/a.mp4", "v2_output": "outputs/results/b.mp4"}
AGREED = {"confidence": 0.97, "agreement_ms": 3.2, "matched": True}


def task(status: str = "success", **keys: Any) -> TaskRecord:
    keys = {"dance_name": "dance.mp4", "reference_name": "song.ogg", "created_at": NOW, **keys}
    return task_of("00000000-0000-4000-8000-000000000001", status, **keys)


def look(*tasks: TaskRecord, unsaved: Sequence[str] = (), extras: Sequence[str] = ()) -> grid.Look:
    zone = ZoneInfo("Asia/Shanghai")
    return grid.Look(unsaved, queue_of(tasks, 1, NOW), NOW + timedelta(hours=1), zone, extras)


def row(one: TaskRecord, *, file: Path | None = None, **more: Sequence[str]) -> dict[str, Any]:
    """The row on a host that has this file, if one, for every path of a record."""
    store = SimpleNamespace(safe_path=lambda path: file if path else None, files=Local())
    service = cast(Service, SimpleNamespace(store=store, routes=True, private=False))
    return grid.row_of(service, HERE, one, look(one, **more))


def test_a_row_names_the_dance_its_song_and_why_it_failed() -> None:
    failed = row(task("failed", reason="no_shared_music"))
    assert (failed["name"], failed["song"]) == ("dance.mp4", "song.ogg")
    assert failed["chip"] == {"text": "Failed", "tone": "bad"}
    assert failed["note"] == "The two files share no music."
    assert failed["when"] == {"text": "Today 11:00", "full": "2026-01-02 11:00:00"}


def test_what_is_simply_done_says_so_once() -> None:
    done = row(task(**BOTH, alignment=AGREED))
    assert (done["chip"]["text"], done["note"], done["progress"]) == ("Done", "", None)
    one = row(task(modular_output="outputs/results/a.mp4"))
    assert one["note"] == "", "who wants one video has one"


@pytest.mark.parametrize(
    ("status", "keys", "text", "tone"),
    [
        ("pending", {}, "Waiting", "wait"),
        ("processing", {}, "Working", "busy"),
        ("processing", {"cancel_requested": True}, "Cancelling", "off"),
        ("success", {"alignment": {**AGREED, "ambiguous": True}}, "Please choose", "ask"),
        ("success", {"adjust": {"number": 1, "status": "processing"}}, "Working", "busy"),
        ("failed", {"reason": "no_sound", "reason_role": "dance"}, "Waiting for you", "ask"),
        ("failed", {"reason": "cancelled"}, "Cancelled", "off"),
        ("paused", {}, "paused", "off"),
    ],
)
def test_the_status_is_a_word_and_its_colour(
    status: str, keys: dict[str, Any], text: str, tone: str
) -> None:
    assert row(task(status, **keys))["chip"] == {"text": text, "tone": tone}


def test_work_says_how_far_it_is_and_an_unsaved_change_shows() -> None:
    working = task("processing", stage="decode", progress=0.456, seconds_left=12.0)
    said = row(working, unsaved=[working.id])
    assert said["progress"] == 45
    assert said["note"] == "45% · Listening · 12 s left · Not on the disk yet"


@pytest.mark.parametrize(
    ("status", "keys", "name"),
    [
        ("pending", {}, "cancel"),
        ("processing", {}, "cancel"),
        ("failed", {"reason": "crashed"}, "retry"),
        ("failed", {"reason": "no_shared_music"}, "open"),
        ("success", {"alignment": AGREED}, "open"),
        ("success", {**BOTH, "alignment": AGREED}, "save"),
        ("success", {**BOTH, "alignment": {**AGREED, "ambiguous": True}}, "open"),
    ],
)
def test_each_row_offers_the_one_thing_to_do_next(
    status: str, keys: dict[str, Any], name: str, tmp_path: Path
) -> None:
    file = tmp_path / "result.mp4"
    file.write_bytes(b"12")
    action = row(task(status, **keys), file=file)["action"]
    assert action["name"] == name
    assert ("modular?" in action["href"] and "download=1" in action["href"]) == (name == "save")


def test_a_result_that_is_gone_is_not_offered() -> None:
    assert row(task(**BOTH, alignment=AGREED))["action"]["name"] == "open"


def test_more_columns_are_there_for_whoever_asks(tmp_path: Path) -> None:
    file = tmp_path / "result.mp4"
    file.write_bytes(b"12")
    times: dict[str, Any] = {"started_at": NOW, "completed_at": NOW + timedelta(seconds=42)}
    done = task(**BOTH, **times, alignment=AGREED, dance_size=1000)
    assert row(done)["extras"] == []
    extras = row(done, file=file, extras=list(grid.EXTRAS))["extras"]
    assert extras == ["3.2 ms", "97%", "1 kB → 2 B", "42 s"]


def test_a_failure_has_no_confidence() -> None:
    said = {"confidence": 0.0, "agreement_ms": None, "matched": False}
    failed = task("failed", alignment=said, reason="no_shared_music")
    assert row(failed, extras=["confidence"])["extras"] == [""]
    assert row(task(alignment=said), extras=["confidence"])["extras"] == ["0%"]


def test_a_place_by_hand_claims_no_agreement_and_no_confidence() -> None:
    placed = {**AGREED, "agreement_ms": 0.0, "by_hand": True}
    by_hand = task(alignment=placed, options={"hint": {"offset": 2.0, "speed": 1.0}})
    assert row(by_hand, extras=["agreement", "confidence"])["extras"] == ["By hand", ""]


def test_an_adjustment_shows_how_far_it_is_in_its_row() -> None:
    half = {"number": 1, "status": "processing", "progress": 0.5}
    over = {"number": 1, "status": "failed", "reason": "crashed"}
    tasks = [task(adjust=half, **BOTH), task(adjust=over, **BOTH), task(**BOTH)]
    assert [row(one)["progress"] for one in tasks] == [50, None, None]
    assert [row(one)["note"] for one in tasks] == ["50% · Making your adjustment", "", ""]


def test_progress_is_in_whole_per_cents() -> None:
    assert grid.progress(task("processing", progress=0.27493)) == 27
    assert grid.progress(task("processing", progress=7.0)) == 100
    assert grid.progress(task("failed", progress=0.5)) is None
