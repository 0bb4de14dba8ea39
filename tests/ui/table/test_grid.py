"""What the table shows in a window and on a phone."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest

from pipeline.tasks.queue import queue_of
from tests.tasks import task_of
from ui.service import Service
from ui.table import grid

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FAILED = task_of(
    "00000000-0000-4000-8000-000000000001",
    "failed",
    dance_name="dance.mp4",
    reference_name="song.ogg",
    reason="no_shared_music",
    created_at=NOW,
)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_reason_and_the_reference_are_in_sight(narrow: bool) -> None:
    look = grid.Look((), queue_of([FAILED], 1, NOW), NOW, narrow)
    service = cast(Service, SimpleNamespace(store=SimpleNamespace(safe_path=lambda path: None)))
    frame = grid.frame_of(service, [FAILED], look)
    given = grid.columns("act", lambda: None, narrow=narrow)
    widths: dict[str, int] = {
        name: 74 if name == "actions" else column["width"] for name, column in given.items()
    }
    room = 366 if narrow else 1200  # a phone of 390 pixels, a window of 1280
    shown, used = [], 33
    for name in frame.columns:
        used += widths[name]
        if used <= room:
            shown.append(str(frame[name][0]))
    text = " ".join(shown)
    assert "dance.mp4" in text and "The two files share no music." in text
    assert "song.ogg" in text
