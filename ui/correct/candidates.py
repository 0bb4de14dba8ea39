"""Other answers than the present one: places to hear and to use, and the automatic answer again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from pipeline.model import Candidate
from pipeline.tasks.answer import CONFIRMED
from pipeline.tasks.record import TaskRecord
from store import StoreError
from ui.components import load
from ui.correct import adjust, tracks
from ui.parts import toasts
from ui.parts.live import redraw_page
from ui.parts.viewer import Viewer
from ui.parts.without_routes import without_routes
from ui.player import playable, shape
from ui.player.compare import SAME_PLACE_SECONDS
from ui.service import Service
from ui.words.format import clock
from ui.words.text import t

Place = Mapping[str, float]
"""``offset`` (seconds) and ``speed``: reference_time = speed * dance_time + offset."""

_CHOOSE = load("choose")


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
                disabled=task.adjusting or (index == used and not task.answer.ambiguous),
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
    aspect = shape.dance_shape(service, task)
    with shape.room("choose", aspect, len(candidates)):
        result = _CHOOSE(
            key=key,
            data={
                "words": {
                    **{
                        name: t(f"place.{name}")
                        for name in ("choose", "use", "used", "play", "pause")
                    },
                    "no_sound": t("compare.no_sound"),
                },
                "dance": playable.url(service, viewer, task, kinds["dance"]),
                "song": playable.sound_url(service, viewer, task, kinds["reference"]),
                "aspect": aspect,
                "start": min((one.dance_start for one in task.answer.segments), default=0.0),
                "asked": task.answer.ambiguous,
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
        small = [kinds["dance"]] if kinds["dance"] not in tracks.ROLES.values() else []
        playable.make_playable(
            service, task, result.failed, small, [kinds["reference"]], player="choose"
        )


def use(service: Service, viewer: Viewer, task_id: str, index: object) -> None:
    """Take one of the places: make the result with it, unless it has that place already; a
    callback."""
    task = viewer.task(service, task_id)
    candidates = task.answer.candidates if task is not None else ()
    if isinstance(index, int | float) and 0 <= index < len(candidates):
        chosen = candidates[int(index)]
        if task is not None and int(index) == present(task, candidates):
            confirm(service, task)
            return
        place = {"offset": chosen.offset, "speed": chosen.speed}
        adjust.save_hint(service, viewer, task_id, place)


def confirm(service: Service, task: TaskRecord) -> None:
    """Note that the place of the present result is the right one: there is nothing to make."""
    try:
        service.store.update(task.id, {CONFIRMED: True})
    except StoreError:
        toasts.toast(t("adjust.not_saved"), icon=":material/warning:")
    redraw_page()


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
