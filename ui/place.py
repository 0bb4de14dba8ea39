"""When the machine cannot: candidates to listen to, and placing the music by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from store import StoreError, Task
from ui import adjust, background, copies, rows, toasts
from ui.components import load
from ui.format import clock
from ui.live import live
from ui.names import plain
from ui.routes.files import WAVEFORMS, file_path, waveforms_path
from ui.service import Service
from ui.text import t
from ui.viewer import Viewer

_PLACE = load("place", "place_line")
WORDS = (
    "title", "dance", "reference", "mark", "marked", "listen", "stop", "help", "help_touch",
    "drag", "drawing", "unplaced", "apart", "starts_after", "starts_before", "earlier", "later",
    "closer", "wider", "whole", "hear", "hear_song", "hear_both", "hear_video", "speed",
    "no_sound",
)  # fmt: skip
LONGEST = 6 * 3600.0
"""Seconds; no offset is larger."""
SLOWEST, FASTEST = 0.7, 1.4
"""Speeds that a person may give."""
WAVEFORMS_TIMEOUT = 600.0
"""Seconds."""
BY_HAND = frozenset({"no_shared_music", "no_sound", "silent"})
"""Reasons for which a place given by hand may help: a mute dance has nothing to compare."""
NO_SOUND = frozenset({"no_sound", "silent"})

Place = Mapping[str, float]
"""``offset`` (seconds) and ``speed``: reference_time = speed * dance_time + offset."""


def can_place(task: Task) -> bool:
    """Whether a place given by hand would be used for the task."""
    if task.status == "success" or rows.ambiguous(task):
        return True
    return (
        task.status == "failed"
        and task.reason in BY_HAND
        and task.extra.get("reason_role") != "reference"
    )


def mute(task: Task) -> bool:
    """Whether the dance has no sound by which a place could be refined."""
    return rows.by_hand(task) or (task.status == "failed" and task.reason in NO_SOUND)


def show_place(service: Service, viewer: Viewer, task: Task) -> None:
    """The candidates of an ambiguous task, the time line to drag on, and Save."""
    _candidates(task)
    listened: Place | None = st.session_state.get(f"place-{task.id}")
    answer = rows.answer(task)
    offset = rows.number(listened["offset"] if listened else answer.get("offset"))
    speed = rows.number(listened["speed"] if listened else answer.get("speed")) or 1.0
    st.markdown(t("place.by_hand"))
    if not (file_path(service, task, "original") and file_path(service, task, "reference")):
        st.info(t("compare.nothing"))
        return
    if not service.routes:
        _by_figures(service, viewer, task, offset, speed)
        return
    drawn = file_path(service, task, WAVEFORMS) is not None
    key = f"place-component-{task.id}"
    result = _PLACE(
        key=key,
        data={
            "words": {name: t(f"place.{name}") for name in WORDS},
            "dance": copies.url(service, viewer, task, "original"),
            "reference": copies.url(service, viewer, task, "reference"),
            "waves": viewer.url(service, task, WAVEFORMS) if drawn else None,
            "offset": offset,
            "speed": min(max(speed, SLOWEST), FASTEST),
        },
        default={"placed": None if offset is None else {"offset": offset, "speed": speed}},
        on_placed_change=lambda: None,
        on_failed_change=lambda: None,
    )

    def now() -> Place | None:
        return checked(st.session_state.get(key, {}).get("placed"))

    _save_button(service, viewer, task, checked(result.placed), now)
    if not drawn:
        live(1.0, _draw_waveforms, service, task)
    copies.provide(service, task, result.failed)


def checked(given: Any) -> Place | None:
    """A place as the component gives it, or None for what is none."""
    if not isinstance(given, Mapping):
        return None
    offset, speed = rows.number(given.get("offset")), rows.number(given.get("speed"))
    if offset is None or speed is None or abs(offset) > LONGEST:
        return None
    return {"offset": offset, "speed": min(max(speed, SLOWEST), FASTEST)}


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


def _candidates(task: Task) -> None:
    candidates = candidates_of(task)
    if len(candidates) < 2:
        return
    st.markdown(t("place.candidates"))
    with st.container(horizontal=True):
        for number, candidate in enumerate(candidates, 1):
            st.button(
                t("place.candidate", n=number, at=clock(candidate["offset"])),
                key=f"candidate-{task.id}-{number}",
                icon=":material/headphones:",
                on_click=_listen,
                args=(task.id, candidate),
            )


def _listen(task_id: str, candidate: Place) -> None:
    st.session_state[f"place-{task_id}"] = dict(candidate)


def _draw_waveforms(service: Service, task: Task) -> None:
    """Have both files' envelopes made, and draw the page again when they are there."""
    dance = file_path(service, task, "original")
    reference = file_path(service, task, "reference")
    if dance is None or reference is None:
        return
    target = waveforms_path(service, task.id)
    arguments = {"dance": str(dance), "reference": str(reference), "out": str(target)}
    done = background.fetch("waveforms", arguments, dance, timeout=WAVEFORMS_TIMEOUT)
    if target.is_file():
        st.rerun()
    elif done is not None:
        st.warning(t("place.not_drawn"), icon=":material/warning:")


def _by_figures(
    service: Service, viewer: Viewer, task: Task, offset: float | None, speed: float
) -> None:
    """Without our component: Streamlit's players, and the same moment of both in figures."""
    keys = {kind: f"place.moment-{kind}-{task.id}" for kind in ("original", "reference")}
    keys["speed"] = f"place.speed-{task.id}"
    for column, kind in zip(st.columns(2), ("original", "reference"), strict=True):
        path = file_path(service, task, kind)
        with column:
            if path is not None:
                (st.video if kind == "original" else st.audio)(path)
            st.number_input(
                t("place.moment", name=plain(t(f"variant.{kind}"))),
                min_value=0.0,
                max_value=LONGEST,
                value=max(0.0, (1 if kind == "reference" else -1) * (offset or 0.0)),
                step=0.01,
                format="%.3f",
                key=keys[kind],
            )
    st.number_input(
        t("place.speed"),
        min_value=SLOWEST,
        max_value=FASTEST,
        value=min(max(speed, SLOWEST), FASTEST),
        step=0.001,
        format="%.3f",
        key=keys["speed"],
        width=240,
    )

    def now() -> Place | None:
        given = {name: rows.number(st.session_state.get(key)) for name, key in keys.items()}
        [song, dance, rate] = given["reference"], given["original"], given["speed"]
        if song is None or dance is None or rate is None:
            return None
        return {"offset": song - rate * dance, "speed": rate}

    _save_button(service, viewer, task, now(), now)


def _save_button(
    service: Service,
    viewer: Viewer,
    task: Task,
    place: Place | None,
    now: Callable[[], Place | None],
) -> None:
    """``place`` is what this run knows; ``now`` what a click finds, which may be newer."""
    label = t("place.save_none") if place is None else t("place.save", at=f"{place['offset']:+.3f}")
    st.button(
        label,
        type="primary",
        icon=":material/save:",
        key="place.save",
        disabled=place is None or adjust.adjusting(task),
        on_click=lambda: save_hint(service, viewer, task.id, now()),
    )
    adjust.show_state(service, task)
    st.caption(t("place.as_given" if mute(task) else "place.refined"))


def save_hint(service: Service, viewer: Viewer, task_id: str, hint: Place | None) -> None:
    """Hand a person's place to the pipeline; a callback.

    A success is adjusted and keeps its results until the new ones are whole; a failed task
    is tried again with the hint.
    """
    task = service.store.get(task_id)
    if hint is None or task is None or not viewer.may_see(service, task):
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
