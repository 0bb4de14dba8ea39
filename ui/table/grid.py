"""The rows of the table in words and figures, and how each column is shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.tasks.queue import Queue
from pipeline.tasks.record import TaskRecord
from ui.routes.files import file_path
from ui.service import Service
from ui.table import actions
from ui.words import sentences
from ui.words.format import duration, moments, size
from ui.words.names import shown_name
from ui.words.text import t

HEIGHTS = {False: 40, True: 68}
"""Of a row (pixels), by whether the window is narrow: Streamlit (1.67) breaks lines in cells of
more than 64."""
FIRST = ["status", "dance", "stage"]
"""What a phone shows without a scroll to the side: whose row it is, and how it stands."""


@dataclass(frozen=True)
class Look:
    """What is known at one look at the tasks, besides the tasks."""

    unsaved: Collection[str]
    """Ids of tasks with changes that are not on the disk yet."""
    queue: Queue
    now: datetime
    narrow: bool = False
    """Whether the window is as narrow as a phone's."""


def frame_of(service: Service, tasks: Sequence[TaskRecord], look: Look) -> pd.DataFrame:
    """The rows, in words and figures; the columns are named by ``columns``."""

    def after(task: TaskRecord) -> int | None:
        paths = (file_path(service, task, kind) for kind in task.results)
        return next((path.stat().st_size for path in paths if path is not None), None)

    def sizes(task: TaskRecord) -> str:
        result = after(task)
        before = size(task.dance_size)
        return f"{before} → {size(result)}" if result is not None else before

    def status(task: TaskRecord) -> str:
        return sentences.status_text(task) + (" 💾" if task.id in look.unsaved else "")

    def dance(task: TaskRecord) -> str:
        if not look.narrow:
            return shown_name(task.dance_name)
        name = shown_name(task.dance_name, longest=28)
        # No line break, which Streamlit takes out, but the one place where a line may be broken.
        return f"{name} ♪\u00a0{shown_name(task.reference_name, longest=16)}"

    frame = pd.DataFrame(
        {
            "status": [status(task) for task in tasks],
            "dance": [dance(task) for task in tasks],
            "reference": [shown_name(task.reference_name) for task in tasks],
            "progress": [progress(task) for task in tasks],
            "stage": [sentences.stage_text(task, look.queue) for task in tasks],
            "confidence": [percent(task) for task in tasks],
            "agreement": [sentences.agreement_text(task) for task in tasks],
            "created": moments(task.created_at for task in tasks),
            "spent": [duration(task.seconds_spent(look.now)) for task in tasks],
            "size": [sizes(task) for task in tasks],
        }
    )
    labels = [actions.row_labels(task) for task in tasks]
    frame.insert(5, "actions", pd.Series(labels, dtype="object"))
    if look.narrow:
        rest = [name for name in frame.columns if name not in {*FIRST, "reference"}]
        frame = frame[FIRST + rest]
    return frame


def progress(task: TaskRecord) -> int | None:
    """Whole per cents for the bar; None for no bar."""
    if task.status == "success":
        being_made = task.adjust if task.adjusting else None
        return 100 if being_made is None else int(100 * (being_made.progress or 0.0))
    if task.status != "processing" or task.progress is None:
        return None
    return int(100 * task.progress)


def percent(task: TaskRecord) -> float | None:
    """The confidence in per cent; None for a failure, where there is no answer to be sure of."""
    value = None if task.status == "failed" else task.answer.confidence
    return None if value is None else 100.0 * value


def columns(key: str, acted: Callable[[], None], *, narrow: bool = False) -> dict[str, Any]:
    """The columns; ``acted`` is called when an action of a row is chosen under ``key``.

    Without the last one, the size, they are as wide as the table of a window of 1280 pixels, less
    a scroll bar. On a phone the first three are as wide as its window.
    """
    config = st.column_config
    status, dance, stage = (84, 128, 120) if narrow else (112, 136, 212)
    return {
        "status": config.TextColumn(t("column.status"), width=status, pinned=True),
        "dance": config.TextColumn(t("column.dance"), width=dance),
        "reference": config.TextColumn(t("column.reference"), width=140),
        "progress": config.ProgressColumn(
            t("column.progress"), min_value=0, max_value=100, format="%d %%", width=78
        ),
        "stage": config.TextColumn(t("column.stage"), width=stage),
        "confidence": config.NumberColumn(t("column.confidence"), format="%.0f %%", width=86),
        "agreement": config.TextColumn(
            t("column.agreement"), help=t("column.agreement_help"), width=86
        ),
        "created": config.DatetimeColumn(
            t("column.created"), timezone=st.context.timezone, format="MM-DD HH:mm", width=92
        ),
        "spent": config.TextColumn(t("column.spent"), help=t("column.spent_help"), width=86),
        "size": config.TextColumn(t("column.size"), width=132),
        "actions": config.ButtonColumn(
            t("column.actions"),
            key=key,
            on_click=acted,
            width=74,
        ),
    }
