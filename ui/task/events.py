"""The events of one task as a time line."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.tasks.record import TaskRecord
from ui.words import sentences
from ui.words.format import duration, moments
from ui.words.text import has, t


def show_timeline(task: TaskRecord) -> None:
    """When it was created, started and ended, and how long each stage took."""
    events = [
        ("created", task.created_at),
        ("started", task.started_at),
        ("completed", task.completed_at),
    ]
    frame = pd.DataFrame(
        {
            "event": [t(f"event.{name}") for name, at in events if at],
            "moment": moments(at for _, at in events if at),
        }
    )
    config = st.column_config
    st.dataframe(
        frame,
        hide_index=True,
        width="content",
        column_config={
            "event": config.TextColumn(t("event.event")),
            "moment": config.DatetimeColumn(
                t("event.moment"), timezone=st.context.timezone, format="YYYY-MM-DD HH:mm:ss"
            ),
        },
        alt=t("event.title"),
    )
    if task.timings:
        st.table(
            {
                t("event.stage"): [
                    t(f"stage.{name}") if has(f"stage.{name}") else name for name in task.timings
                ],
                t("event.spent"): [duration(seconds) for seconds in task.timings.values()],
            },
        )
    if task.attempts > 1:
        st.caption(t("event.attempts", n=task.attempts))
    st.caption(t("text.says", who=t("event.id"), what=f"`{task.id}`"))
    if task.status == "failed" and task.detail:
        st.caption(sentences.reason_text(task))
        st.code(task.detail[:2000], language=None, wrap_lines=True)
