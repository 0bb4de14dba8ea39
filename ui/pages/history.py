"""What was done in the last days, as a table and a CSV."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd
import streamlit as st

from pipeline.tasks.record import TaskRecord, read
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.words import sentences
from ui.words.format import moments, viewers_zone
from ui.words.names import shown_name
from ui.words.text import t

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

DAYS = (1, 7, 30, 90)
MAX_ROWS = 5000
"""Rows that the table shows; the CSV has them all."""


def show_history(service: Service, viewer: Viewer, tasks: StreamlitPage) -> None:
    """The viewer's finished tasks, those that have left the list included, and the way back."""
    st.page_link(tasks, label=t("history.back"), icon=":material/arrow_back:", width="content")
    st.subheader(t("page.history"), anchor=False)
    with st.container(
        horizontal=True,
        horizontal_alignment="distribute",
        vertical_alignment="center",
        key="history",
    ):
        days = choose_days("history.days")
        st.button(t("table.refresh"), icon=":material/refresh:", key="history.refresh")
    own = viewer.visible(service, finished(service, days))
    frame = frame_of(own, viewers_zone())
    if frame.empty:
        st.info(t("history.empty"), icon=":material/history:")
        return
    shown = frame.tail(MAX_ROWS).iloc[::-1]
    config = st.column_config
    st.dataframe(
        shown.assign(
            status=[t(f"status.{status}") for status in shown["status"]],
            confidence=100 * pd.to_numeric(shown["confidence"]),
        ),
        hide_index=True,
        placeholder="",
        column_config={
            "id": None,
            "status": config.TextColumn(t("column.status")),
            "dance": config.TextColumn(t("column.dance")),
            "reference": config.TextColumn(t("column.reference")),
            "completed": config.DatetimeColumn(
                t("event.completed"), timezone=st.context.timezone, format="YYYY-MM-DD HH:mm"
            ),
            "day": None,
            "seconds": config.NumberColumn(
                t("column.spent"), format=t("time.s", s="%.0f"), help=t("column.spent_help")
            ),
            "confidence": config.NumberColumn(t("column.confidence"), format="%.0f%%"),
            "agreement_ms": None,
            "agreement": config.TextColumn(
                t("column.agreement"), help=t("column.agreement_help"), alignment="right"
            ),
            "reason": config.TextColumn(t("column.reason")),
        },
        alt=t("page.history"),
    )
    st.download_button(
        t("history.csv"),
        lambda: csv_of(frame),
        file_name="retrack-history.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="history.csv",
    )


def choose_days(key: str) -> int:
    """A choice of how far back to look."""
    days = st.segmented_control(
        t("history.days"),
        DAYS,
        default=7,
        format_func=lambda n: t("history.last", n=n) if n > 1 else t("history.last_one"),
        key=key,
        label_visibility="collapsed",
        required=True,
    )
    return int(days or 7)


def finished(service: Service, days: int) -> list[TaskRecord]:
    """All finished tasks of the last days, from the file and the history, each once."""
    tasks = {task.id: read(task) for task in service.store.history(days)}
    since = datetime.now(UTC) - timedelta(days=days)
    for task in service.tasks():
        if not task.active and task.completed_at and task.completed_at >= since:
            tasks[task.id] = task
    return list(tasks.values())


def frame_of(tasks: Sequence[TaskRecord], zone: ZoneInfo) -> pd.DataFrame:
    """One row a task, oldest first; ``day`` is the viewer's own, ``agreement`` is in words."""
    now = datetime.now(UTC)
    frame = pd.DataFrame(
        {
            "id": [task.id for task in tasks],
            "status": [task.status for task in tasks],
            "dance": [shown_name(task.dance_name) for task in tasks],
            "reference": [shown_name(task.reference_name) for task in tasks],
            "completed": moments(task.completed_at for task in tasks),
            "seconds": [task.seconds_spent(now) for task in tasks],
            "confidence": [task.answer.confidence for task in tasks],
            "agreement_ms": [task.answer.agreement_ms for task in tasks],
            "agreement": [sentences.agreement_text(task) for task in tasks],
            "reason": [
                sentences.reason_text(task) if task.status == "failed" else "" for task in tasks
            ],
        }
    ).sort_values("completed")
    return frame.assign(day=frame["completed"].dt.tz_convert(zone).dt.strftime("%Y-%m-%d"))


def csv_of(frame: pd.DataFrame) -> bytes:
    """CSV with a byte-order mark, so that spreadsheets read Chinese names; figures are numbers.

    A cell that a spreadsheet would take for a formula is made text: names are strangers' data.
    """
    safe = frame.copy()
    for column in ("dance", "reference"):
        safe[column] = [
            f"'{value}" if value[:1] in {"=", "+", "-", "@"} else value for value in safe[column]
        ]
    return safe.drop(columns=["day", "agreement"]).to_csv(index=False).encode("utf-8-sig")
