"""Other answers than the present one: places to hear and to use, and the automatic answer again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from pipeline.model import Candidate
from pipeline.tasks.record import TaskRecord
from ui.components import load
from ui.correct import adjust, tracks
from ui.parts.viewer import Viewer
from ui.parts.without_routes import without_routes
from ui.player import playable, shape
from ui.service import Service
from ui.words.format import clock
from ui.words.text import t

Place = Mapping[str, float]
"""``offset`` (seconds) and ``speed``: reference_time = speed * dance_time + offset."""

_CHOOSE = load("choose")
SAME_PLACE_SECONDS = 0.3
"""How far from a candidate the song was looked for when it was chosen."""


def version(task: TaskRecord) -> str:
    """Names what a person does with this very result: another one begins anew."""
    return f"{task.id}-{task.status}-{task.revision}"


def present(task: TaskRecord, candidates: Sequence[Candidate]) -> int | None:
    """Which of the candidates the results have; None when they have another place."""
    offset = task.answer.offset
    if task.status != "success" or offset is None or not candidates:
        return None
    apart = [abs(candidate.offset - offset) for candidate in candidates]
    nearest = apart.index(min(apart))
    return nearest if apart[nearest] <= SAME_PLACE_SECONDS else None


def has_choice(task: TaskRecord) -> bool:
    """Whether there is more than one place to choose from."""
    return len(task.answer.candidates) > 1


def _label(number: int, candidate: Candidate) -> str:
    return t("place.candidate", n=number, at=clock(candidate.offset))


def _stock_candidates(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """A button for each place: nothing plays two files at a place here."""
    used = present(task, task.answer.candidates)
    for index, candidate in enumerate(task.answer.candidates):
        said = _label(index + 1, candidate)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{said} · {t('place.used')}" if index == used else said)
            st.button(
                t("place.use"),
                key=f"candidate-{task.id}-{index + 1}",
                disabled=task.adjusting,
                on_click=use,
                args=(service, viewer, task.id, index),
            )


@without_routes(_stock_candidates)
def show_candidates(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The places, each to be heard under the dance and to be used."""
    candidates = task.answer.candidates
    used = present(task, candidates)
    kinds = tracks.kinds(service, task, task.answer.tracks)
    key = f"choose-{version(task)}"
    result = _CHOOSE(
        key=key,
        data={
            "words": {
                **{name: t(f"place.{name}") for name in ("choose", "use", "used", "play", "pause")},
                "no_sound": t("compare.no_sound"),
            },
            "dance": playable.url(service, viewer, task, kinds["dance"]),
            "song": playable.url(service, viewer, task, kinds["reference"]),
            "aspect": shape.dance_shape(service, task),
            "start": min((one.dance_start for one in task.answer.segments), default=0.0),
            "locked": task.adjusting,
            "places": [
                {
                    "label": _label(index + 1, one),
                    "offset": one.offset,
                    "speed": one.speed,
                    "used": index == used,
                }
                for index, one in enumerate(candidates)
            ],
        },
        on_use_change=lambda: use(service, viewer, task.id, st.session_state[key].get("use")),
        on_failed_change=lambda: None,
    )
    small = [kind for kind in kinds.values() if kind not in tracks.ROLES.values()]
    playable.make_playable(service, task, result.failed, small)


def use(service: Service, viewer: Viewer, task_id: str, index: object) -> None:
    """Make the result with one of the places; a callback."""
    task = viewer.task(service, task_id)
    candidates = task.answer.candidates if task is not None else ()
    if isinstance(index, int | float) and 0 <= index < len(candidates):
        chosen = candidates[int(index)]
        place = {"offset": chosen.offset, "speed": chosen.speed}
        adjust.save_hint(service, viewer, task_id, place)


def show_way_back(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The way back from a place given by hand to the automatic answer, where there was one."""
    if task.status != "success" or task.answer.automatic is None:
        return
    st.button(
        t("choices.back"),
        icon=":material/undo:",
        key="choices.back",
        type="tertiary",
        help=t("choices.back_help"),
        disabled=task.adjusting,
        on_click=go_back,
        args=(service, viewer, task.id),
    )


def go_back(service: Service, viewer: Viewer, task_id: str) -> None:
    """Ask for the results of the automatic answer again; a callback."""
    task = viewer.task(service, task_id)
    if task is not None and task.answer.automatic is not None:
        adjust.request(service, viewer, task_id, {**task.made_with.to_json(), "automatic": True})
