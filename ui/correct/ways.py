"""Not right? The ways to a better result: move the music, another place, a place by hand."""

from __future__ import annotations

import streamlit as st

from pipeline.tasks.record import TaskRecord
from ui.correct import adjust, candidates, place
from ui.parts.guarded import part
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.words.text import t


def fold_key(task: TaskRecord) -> str:
    """The key of the fold in which the ways stand."""
    return f"fix-{task.id}"


def show_ways(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """A choice of the ways, and the one that is chosen: only that one is drawn."""
    ways = ["adjust", *(["places"] if candidates.has_choice(task) else []), "place"]
    if task.answer.ambiguous:  # the places stand above all
        ways = ["place", "adjust"]
    key = f"fix.way-{task.id}"
    if st.session_state.get(key) not in ways:  # at first, and for a way that is gone
        # A default that is not the same in each run would be taken for a new choice, of nothing.
        st.session_state[key] = ways[0]
    chosen = st.segmented_control(
        t("fix.ways"),
        ways,
        format_func=lambda name: t(f"fix.{name}"),
        key=key,
        label_visibility="collapsed",
        required=True,
    )
    shown = {
        "adjust": adjust.show_adjust,
        "places": candidates.show_candidates,
        "place": place.show_place,
    }
    if chosen in shown:
        part(shown[chosen], service, viewer, task)
