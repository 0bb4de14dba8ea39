"""How sure is it? The verdict, the evidence and the events, for whoever wants them."""

from __future__ import annotations

import streamlit as st

from pipeline.tasks.record import TaskRecord
from ui.parts.guarded import part
from ui.service import Service
from ui.task import charts, events
from ui.words import sentences
from ui.words.text import t


def show_certainty(service: Service, task: TaskRecord) -> None:
    """In a sentence, in figures and plots, and what happened when."""
    said = sentences.verdict(task) if task.status == "success" else ""
    if said:
        st.markdown(said)
    if task.answer.exists:
        part(charts.show_plots, service, task)
    st.markdown(f"**{t('event.title')}**")
    part(events.show_timeline, task)
