"""Adjust a result by ear: nudge, room sound, loudness, the whole dance; then save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from pipeline.plan.options import RenderOptions
from pipeline.tasks import record
from store import StoreError, Task
from ui.components import load
from ui.parts import toasts
from ui.parts.live import live
from ui.parts.viewer import Viewer
from ui.parts.without_routes import no_preview, without_routes
from ui.routes.files import file_path
from ui.service import Service
from ui.task import playable, tracks
from ui.task.mixer import DUCKING, make_preview
from ui.words.text import has, t

_ADJUST = load("adjust")
SHOWING_STATE = frozenset({"adjust", "place"})
"""Sections of a task that show how an adjustment goes on, beside the button that began it."""
NUDGE_LIMIT = 500
"""Milliseconds either way."""
WORDS = (
    "title", "nudge", "earlier", "later", "reset", "play", "pause", "help", "seek", "now_song",
    "now_original",
)  # fmt: skip

_PLAIN: dict[str, Any] = {
    "nudge_ms": 0.0,
    "room_sound": 0.0,
    "loudness": True,
    "keep_all": False,
}
"""What a result is made with when nobody says otherwise."""


def adjusting(task: Task) -> bool:
    """Whether an adjustment of the task is being made."""
    return record.adjusting(task)


def show_state(service: Service, task: Task) -> None:
    """How an adjustment goes on that was asked for, or why it did not work."""
    state = task.adjust
    if adjusting(task):
        live(1.0, _saving, service, task.id)
    elif state is not None and state.status == "failed":
        key = f"reason.{state.reason}"
        st.warning(
            t("adjust.failed", why=t(key) if has(key) else t("reason.unknown")),
            icon=":material/warning:",
        )


def show_adjust(service: Service, viewer: Viewer, task: Task) -> None:
    """The controls, a live preview of them, and Save with what became of it."""
    made = {**_PLAIN, **record.options_of(task)}
    have = [kind for kind in ("modular", "v2") if file_path(service, task, kind)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            t("adjust.preview"),
            have,
            default=have[0] if have else None,
            format_func=lambda name: t(f"variant.{name}"),
            key=f"adjust.kind-{task.id}",
            required=True,
        )
        st.slider(
            t("adjust.room"),
            0,
            50,
            round(100 * (record.number(made["room_sound"]) or 0.0)),
            format="%d %%",
            key=key_of(task, "room"),
            width=260,
            help=t("adjust.room_help"),
        )
        st.toggle(
            t("adjust.loudness"),
            bool(made["loudness"]),
            key=key_of(task, "loud"),
            help=t("adjust.loudness_help"),
        )
        st.toggle(
            t("adjust.keep_all"),
            bool(made["keep_all"]),
            key=key_of(task, "whole"),
            help=t("adjust.keep_all_help"),
        )
    if not (kind and _preview(service, viewer, task, kind)):
        st.slider(
            t("adjust.nudge"),
            -NUDGE_LIMIT,
            NUDGE_LIMIT,
            round(record.number(made["nudge_ms"]) or 0.0),
            step=5,
            format="%d ms",
            key=key_of(task, "nudge"),
        )
        st.caption(t("adjust.no_preview"))
    st.button(
        t("adjust.save"),
        type="primary",
        icon=":material/save:",
        disabled=adjusting(task) or wanted_of(task) == made,
        key="adjust.save",
        # What a click finds may be newer than what this run knows.
        on_click=lambda: save(service, viewer, task.id, wanted_of(task)),
    )
    show_state(service, task)


def key_of(task: Task, name: str) -> str:
    """A saved adjustment makes new controls, which begin at what was saved."""
    return f"adjust.{name}-{task.id}-{task.revision}"


def wanted_of(task: Task) -> dict[str, Any]:
    """The options that the controls show at this moment."""
    made = {**_PLAIN, **record.options_of(task)}
    state = st.session_state
    nudge = record.number(state.get(key_of(task, "nudge")))
    moved = state.get(key_of(task, "player"))
    if nudge is None and isinstance(moved, Mapping):
        nudge = record.number(moved.get("nudge"))
    if nudge is not None:
        nudge = min(max(nudge, -NUDGE_LIMIT), NUDGE_LIMIT)
    room = record.number(state.get(key_of(task, "room")))
    return {
        **made,
        "nudge_ms": made["nudge_ms"] if nudge is None else round(nudge, 1),
        "room_sound": made["room_sound"] if room is None else room / 100,
        "loudness": bool(state.get(key_of(task, "loud"), made["loudness"])),
        "keep_all": bool(state.get(key_of(task, "whole"), made["keep_all"])),
    }


def _options(wanted: Mapping[str, Any]) -> RenderOptions:
    """As the pipeline's type; what a person may have written into the file is left out."""
    try:
        return RenderOptions.from_json(dict(wanted))
    except (TypeError, ValueError):
        return RenderOptions()


@without_routes(no_preview)
def _preview(service: Service, viewer: Viewer, task: Task, kind: str) -> bool:
    """The player that mixes the wanted result, and what it leaves out; whether there is one."""
    heard = make_preview(record.plan_of(task, kind), _options(wanted_of(task)))
    if heard is None:
        return False
    made = record.number(record.options_of(task).get("nudge_ms")) or 0.0
    song = kind if heard.song == "result" else "reference"
    kinds = tracks.kinds(service, task, tracks.present(task))
    picture, song_file = kinds["dance"], kinds["reference"] if song == "reference" else song
    result = _ADJUST(
        key=key_of(task, "player"),
        data={
            "words": {
                **{name: t(f"adjust.{name}") for name in WORDS},
                "no_sound": t("compare.no_sound"),
            },
            "picture": playable.url(service, viewer, task, picture),
            "sound": playable.url(service, viewer, task, song_file),
            "song": song,
            "pieces": list(heard.pieces),
            "start": heard.outline.start,
            "end": heard.outline.end,
            "made": heard.made,
            "nudge": made,
            "limit": NUDGE_LIMIT,
            "room": heard.outline.room_gain,
            "ducking": DUCKING,
        },
        default={"nudge": made},
        on_nudge_change=lambda: None,
        on_failed_change=lambda: None,
    )
    for left in heard.leaves_out:
        st.caption(t(f"adjust.{left}"))
    small = [kind for kind in (picture, song_file) if "-" in kind]
    playable.provide(service, task, result.failed, small)
    return True


def save(service: Service, viewer: Viewer, task_id: str, options: Mapping[str, Any]) -> None:
    """Ask for the result to be rendered again; a callback."""
    task = service.store.get(task_id)
    if task is None or not viewer.may_see(service, task):
        return
    try:
        service.store.request_adjustment(task_id, options)
    except StoreError:
        toasts.toast(t("adjust.not_saved"), icon=":material/warning:")
        return
    service.runner.wake()
    toasts.toast(t("adjust.started"), icon=":material/tune:")


def _saving(service: Service, task_id: str) -> None:
    task = service.store.get(task_id)
    if task is None or task.adjust is None or task.adjust.status not in record.ACTIVE:
        st.rerun()
        return
    share = min(max(record.number(task.adjust.progress) or 0.0, 0.0), 1.0)
    st.progress(share, text=t("adjust.saving"))
