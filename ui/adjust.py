"""Adjust a result by ear: nudge, room sound, loudness, the whole dance; then save."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from store import StoreError, Task
from ui import copies, rows, toasts
from ui.compare import dance_start, plan_of
from ui.components import load
from ui.routes.files import file_path
from ui.service import Service
from ui.text import has, t
from ui.viewer import Viewer

_ADJUST = load("adjust")
NUDGE_LIMIT = 500
"""Milliseconds either way."""
WORDS = ("title", "nudge", "earlier", "later", "reset", "play", "pause", "help", "seek", "room")


def options_of(task: Task) -> dict[str, Any]:
    """The options that the present result was made with."""
    for kind in ("modular", "v2"):
        options = plan_of(task, kind).get("options")
        if isinstance(options, Mapping):
            return dict(options)
    return dict(task.options or {})


def show_state(service: Service, task: Task) -> None:
    """How an adjustment goes on that was asked for, or why it did not work."""
    state = task.adjust
    if state is not None and state.status in rows.ACTIVE:
        st.fragment(_saving, run_every=1.0)(service, task.id)
    elif state is not None and state.status == "failed":
        key = f"reason.{state.reason}"
        st.warning(
            t("adjust.failed", why=t(key) if has(key) else t("reason.unknown")),
            icon=":material/warning:",
        )


def show_adjust(service: Service, viewer: Viewer, task: Task) -> None:
    """The controls, a live preview of them, and Save."""
    show_state(service, task)
    made = options_of(task)
    made_nudge = rows.number(made.get("nudge_ms")) or 0.0
    have = [kind for kind in ("modular", "v2") if file_path(service, task, kind)]
    kind = st.segmented_control(
        t("adjust.preview"),
        have,
        default=have[0] if have else None,
        format_func=lambda name: t(f"variant.{name}"),
        key=f"adjust.kind-{task.id}",
        required=True,
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        room = st.slider(
            t("adjust.room"),
            0,
            50,
            round(100 * (rows.number(made.get("room_sound")) or 0.0)),
            format="%d %%",
            key=f"adjust.room-{task.id}-{task.revision}",
            width=260,
        )
        loud = st.toggle(
            t("adjust.loudness"),
            bool(made.get("loudness", True)),
            key=f"adjust.loud-{task.id}-{task.revision}",
            help=t("adjust.loudness_help"),
        )
        whole = st.toggle(
            t("adjust.keep_all"),
            bool(made.get("keep_all", False)),
            key=f"adjust.whole-{task.id}-{task.revision}",
            help=t("adjust.keep_all_help"),
        )
    nudge = made_nudge
    if service.routes and kind:
        nudge = _preview(service, viewer, task, kind, made_nudge, room / 100)
    else:
        nudge = st.slider(
            t("adjust.nudge"),
            -NUDGE_LIMIT,
            NUDGE_LIMIT,
            round(made_nudge),
            step=5,
            format="%d ms",
            key=f"adjust.nudge-{task.id}-{task.revision}",
        )
    wanted = {
        **made,
        "nudge_ms": round(float(nudge), 1),
        "room_sound": room / 100,
        "loudness": loud,
        "keep_all": whole,
    }
    changed = wanted != {**dict.fromkeys(wanted), **_defaults(), **made}
    st.button(
        t("adjust.save"),
        type="primary",
        icon=":material/save:",
        disabled=not changed,
        key="adjust.save",
        on_click=save,
        args=(service, viewer, task.id, wanted),
    )


def _defaults() -> dict[str, Any]:
    return {"nudge_ms": 0.0, "room_sound": 0.0, "loudness": True, "keep_all": False}


def _preview(
    service: Service, viewer: Viewer, task: Task, kind: str, made: float, room: float
) -> float:
    """The player whose sound is moved live; gives the nudge in milliseconds."""
    result = _ADJUST(
        key=f"adjust-{task.id}-{task.revision}-{kind}",
        data={
            "words": {name: t(f"adjust.{name}") for name in WORDS},
            "picture": copies.url(service, viewer, task, "original"),
            "sound": viewer.url(service, task, kind),
            "start": dance_start(task, kind),
            "made": made,
            "limit": NUDGE_LIMIT,
            "room": room,
        },
        default={"nudge": made},
        on_nudge_change=lambda: None,
    )
    value = rows.number(result.nudge)
    return made if value is None else min(max(value, -NUDGE_LIMIT), NUDGE_LIMIT)


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
    if task is None or task.adjust is None or task.adjust.status not in rows.ACTIVE:
        st.rerun()
        return
    share = min(max(rows.number(task.adjust.progress) or 0.0, 0.0), 1.0)
    st.progress(share, text=t("adjust.saving"))
