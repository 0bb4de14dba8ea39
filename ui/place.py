"""When the machine cannot: candidates to listen to, and placing the music by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from store import StoreError, Task
from ui import rows, toasts
from ui.components import load
from ui.format import clock
from ui.routes.files import file_path
from ui.service import Service
from ui.text import t
from ui.viewer import Viewer

_PLACE = load("place")
WORDS = ("dance", "reference", "mark", "marked", "nudge", "listen", "stop", "help", "offset")
LONGEST = 6 * 3600.0
"""Seconds; no offset is larger."""


def show_place(service: Service, viewer: Viewer, task: Task) -> None:
    """The candidates of an ambiguous task, then the two players to mark one moment in."""
    candidates = candidates_of(task)
    offset = rows.number(rows.answer(task).get("offset"))
    speed = rows.number(rows.answer(task).get("speed")) or 1.0
    if len(candidates) > 1:
        st.markdown(t("place.candidates"))
        with st.container(horizontal=True):
            for number, candidate in enumerate(candidates, 1):
                label = t("place.candidate", n=number, at=clock(candidate["offset"]))
                st.button(
                    label,
                    key=f"candidate-{task.id}-{number}",
                    icon=":material/headphones:",
                    on_click=_listen,
                    args=(task.id, candidate),
                )
    listened = st.session_state.get(f"place-{task.id}")
    if listened:
        offset, speed = listened["offset"], listened["speed"]
    st.markdown(t("place.by_hand"))
    if not service.routes:
        value = st.number_input(
            t("place.offset"), value=offset or 0.0, step=0.05, format="%.3f", key="place.number"
        )
        _save_button(service, viewer, task, float(value or 0.0), speed)
        return
    if not (file_path(service, task, "original") and file_path(service, task, "reference")):
        st.info(t("compare.nothing"))
        return
    result = _PLACE(
        key=f"place-component-{task.id}",
        data={
            "words": {name: t(f"place.{name}") for name in WORDS},
            "dance": viewer.url(service, task, "original"),
            "reference": viewer.url(service, task, "reference"),
            "offset": offset,
            "speed": speed,
        },
        default={"offset": offset},
        on_offset_change=lambda: None,
    )
    placed = rows.number(result.offset)
    if placed is not None and abs(placed) < LONGEST:
        _save_button(service, viewer, task, placed, speed)


def candidates_of(task: Task) -> list[dict[str, float]]:
    """The candidates with usable figures, the likeliest first."""
    found: list[dict[str, float]] = []
    given: Any = rows.answer(task).get("candidates")
    for one in given if isinstance(given, list) else ():
        if not isinstance(one, Mapping):
            continue
        offset, speed = rows.number(one.get("offset")), rows.number(one.get("speed"))
        if offset is not None:
            found.append(
                {
                    "offset": offset,
                    "speed": speed or 1.0,
                    "confidence": rows.number(one.get("confidence")) or 0.0,
                }
            )
    return sorted(found, key=lambda one: -one["confidence"])[:8]


def _listen(task_id: str, candidate: Mapping[str, float]) -> None:
    st.session_state[f"place-{task_id}"] = dict(candidate)
    st.session_state.pop(f"place-component-{task_id}", None)


def _save_button(service: Service, viewer: Viewer, task: Task, offset: float, speed: float) -> None:
    st.button(
        t("place.save", at=f"{offset:+.3f}"),
        type="primary",
        icon=":material/save:",
        key="place.save",
        on_click=save_hint,
        args=(service, viewer, task.id, {"offset": offset, "speed": speed}),
    )


def save_hint(service: Service, viewer: Viewer, task_id: str, hint: Mapping[str, float]) -> None:
    """Hand a person's offset (seconds) to the pipeline; a callback.

    A success is adjusted and keeps its results until the new ones are whole; a failed task
    is tried again with the hint.
    """
    task = service.store.get(task_id)
    if task is None or not viewer.may_see(service, task):
        return
    options = {**(task.options or {}), "hint": dict(hint)}
    try:
        if task.status == "success":
            service.store.request_adjustment(task_id, options)
        elif task.status == "failed":
            service.store.update(task_id, {"options": options})
            service.store.retry(task_id)
    except StoreError:
        toasts.toast(t("adjust.not_saved"), icon=":material/warning:")
        return
    service.runner.wake()
    st.session_state["open"] = True
    toasts.toast(t("adjust.started"), icon=":material/tune:")
