"""The history in the words of the table; its CSV in figures."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from pipeline.tasks.record import TaskRecord
from tests.tasks import task_of
from ui.pages.history import csv_of, frame_of
from ui.words import sentences


def ended(number: int, **alignment: Any) -> TaskRecord:
    at = datetime(2026, 1, 1, number, tzinfo=UTC)
    task_id = str(uuid.UUID(int=number, version=4))
    return task_of(task_id, "success", completed_at=at, alignment=alignment or None)


TASKS = [
    ended(1, agreement_ms=0.057),
    ended(2, agreement_ms=3.24),
    ended(3, agreement_ms=31.6),
    ended(4),
    ended(5, agreement_ms=0.0, by_hand=True),
    ended(6, agreement_ms=999.6),
    ended(7, agreement_ms=28975.2),
]


def test_the_agreement_is_written_as_in_the_table() -> None:
    frame = frame_of(TASKS, ZoneInfo("UTC"))
    assert list(frame["agreement"]) == [sentences.agreement_text(task) for task in TASKS]
    assert list(frame["agreement"]) == [
        "< 0.1 ms",
        "3.2 ms",
        "32 ms",
        "",
        "By hand",
        "1.0 s",
        "29.0 s",
    ]


def test_the_csv_has_the_agreement_as_a_number() -> None:
    frame = pd.read_csv(io.BytesIO(csv_of(frame_of(TASKS, ZoneInfo("UTC")))))
    assert list(frame["agreement_ms"].dropna()) == [0.057, 3.24, 31.6, 999.6, 28975.2]
    assert not {"agreement", "day"} & set(frame.columns)
