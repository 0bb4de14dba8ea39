"""Other answers than the present one: candidates to try, and the automatic answer again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from pipeline.model import Candidate
from pipeline.tasks.record import TaskRecord
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.task import adjust
from ui.words.format import clock
from ui.words.text import t

Place = Mapping[str, float]
"""``offset`` (seconds) and ``speed``: reference_time = speed * dance_time + offset."""

SAME_PLACE_SECONDS = 0.3
"""How far from a candidate the song was looked for when it was chosen."""


def version(task: TaskRecord) -> str:
    """Names what a person does with this very result: another one begins anew."""
    return f"{task.id}-{task.status}-{task.revision}"


def tried(task: TaskRecord) -> Place | None:
    """The candidate that the person is trying, if they chose one."""
    place: Place | None = st.session_state.get(f"place-{version(task)}")
    return place


def present(task: TaskRecord, candidates: Sequence[Candidate]) -> int | None:
    """Which of the candidates the results have; None when they have another place."""
    offset = task.answer.offset
    if task.status != "success" or offset is None or not candidates:
        return None
    apart = [abs(candidate.offset - offset) for candidate in candidates]
    nearest = apart.index(min(apart))
    return nearest if apart[nearest] <= SAME_PLACE_SECONDS else None


def offered_above(task: TaskRecord) -> bool:
    """Whether a person has to choose a place, or did: then the candidates stand above all."""
    return task.answer.ambiguous or task.answer.placed_by_choice


def show_choices(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """Under the verdict: the candidates of an ambiguous task, and the way back from a place
    given by hand."""
    if offered_above(task):
        show_candidates(task)
    if task.status != "success" or task.answer.automatic is None:
        return
    st.button(
        t("choices.back"),
        icon=":material/undo:",
        key="choices.back",
        help=t("choices.back_help"),
        disabled=task.adjusting,
        on_click=go_back,
        args=(service, viewer, task.id),
    )
    if st.session_state.get(f"section-{task.id}") not in adjust.SHOWING_STATE:
        adjust.show_state(service, task)


def show_candidates(task: TaskRecord) -> None:
    """A button for each candidate, which opens it in the player; the present one is marked."""
    candidates = task.answer.candidates
    if len(candidates) <= 1:
        return
    st.markdown(t("place.candidates"))
    used = present(task, candidates)
    with st.container(horizontal=True, key="candidates"):
        for index, candidate in enumerate(candidates):
            label = t("place.candidate", n=index + 1, at=clock(candidate.offset))
            st.button(
                t("place.candidate_used", place=label) if index == used else label,
                key=f"candidate-{task.id}-{index + 1}",
                icon=":material/check:" if index == used else ":material/headphones:",
                on_click=_listen,
                args=(f"place-{version(task)}", task.id, place_of(candidate)),
            )


def place_of(candidate: Candidate) -> Place:
    """Where a candidate says that the song is."""
    return {"offset": candidate.offset, "speed": candidate.speed}


def _listen(key: str, task_id: str, place: Place) -> None:
    st.session_state[key] = place
    st.session_state[f"section-{task_id}"] = "place"


def go_back(service: Service, viewer: Viewer, task_id: str) -> None:
    """Ask for the results of the automatic answer again; a callback."""
    task = viewer.task(service, task_id)
    if task is not None and task.answer.automatic is not None:
        adjust.request(service, viewer, task_id, {**task.made_with.to_json(), "automatic": True})
