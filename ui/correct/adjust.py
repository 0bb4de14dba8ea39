"""Adjust a result by ear: nudge, room sound, loudness, the whole dance; then save."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import streamlit as st

from pipeline.plan.options import MAX_NUDGE_MS, MAX_ROOM_SOUND, RenderOptions
from pipeline.reasons import JobError
from pipeline.tasks.record import TaskRecord
from pipeline.tasks.submit import retry
from pipeline.tasks.values import number
from store import StoreError
from ui.components import load
from ui.correct import tracks
from ui.correct.mixer import DUCKING, make_preview
from ui.incoming.limits import make_again
from ui.parts import toasts
from ui.parts.live import live, redraw_page
from ui.parts.viewer import Viewer
from ui.parts.without_routes import no_preview, without_routes
from ui.player import compare, playable, shape
from ui.routes.files import file_path
from ui.service import Service
from ui.words.text import has, t

_ADJUST = load("adjust")
WORDS = (
    "title", "nudge", "earlier", "later", "sooner", "after", "reset", "play", "pause", "seek",
    "now_song", "now_original", "no_sound",
)  # fmt: skip


def show_state(service: Service, task: TaskRecord, otherwise: str = "") -> None:
    """How an adjustment goes on that was asked for, or why it did not work; while none goes on, the
    line ``otherwise``."""
    state = task.adjust
    # A file is said where it is asked for (``file_choices``).
    asked = state is not None and state.file is None
    if asked and task.adjusting:
        live(1.0, _saving, service, task.id)
        return
    if asked and state is not None and state.status == "failed":
        key = f"reason.{state.reason}"
        st.warning(
            t("adjust.failed", why=t(key) if has(key) else t("reason.unknown")),
            icon=":material/warning:",
        )
    if otherwise:
        st.caption(otherwise)


def show_adjust(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The controls, a live preview of them, and Save with what became of it."""
    made = task.made_with
    have = [kind for kind in compare.versions(task) if file_path(service, task, kind)]
    kind = have[0] if have else None
    with st.container(horizontal=True, vertical_alignment="bottom", key="adjust-controls"):
        if len(have) > 1:
            kind = st.segmented_control(
                t("adjust.preview"),
                have,
                default=kind,
                format_func=lambda name: compare.label_of(task, name),
                key=f"adjust.kind-{task.id}",
                required=True,
            )
        st.slider(
            t("adjust.room"),
            0,
            round(100 * MAX_ROOM_SOUND),
            round(100 * made.room_sound),
            format="%d %%",
            key=key_of(task, "room"),
            width=260,
            help=t("adjust.room_help"),
        )
        st.toggle(
            t("adjust.loudness"),
            made.loudness,
            key=key_of(task, "loud"),
        )
        st.toggle(
            t("adjust.keep_all"),
            made.keep_all,
            key=key_of(task, "whole"),
        )
    preview = _preview(service, viewer, task, kind) if kind else None
    if preview is None:
        st.slider(
            t("adjust.nudge"),
            -round(MAX_NUDGE_MS),
            round(MAX_NUDGE_MS),
            round(made.nudge_ms),
            step=5,
            format="%d ms",
            key=key_of(task, "nudge"),
        )
        st.caption(t("adjust.no_preview"))
    st.button(
        t("adjust.save"),
        type="primary",
        icon=":material/check:",
        disabled=task.adjusting or wanted_of(task) == made,
        key="adjust.save",
        # What a click finds may be newer than what this run knows.
        on_click=lambda: request(service, viewer, task.id, wanted_of(task).to_json()),
    )
    # Below what is pressed, which keeps its place when there is more to say; and not as the help of
    # the switches: a tap on the "?" would turn the switch.
    said = [] if preview is None else [t("adjust.help"), *(t(f"adjust.{x}") for x in preview)]
    said += [
        f"{t(f'adjust.{name}')}: {t(f'adjust.{name}_help')}" for name in ("loudness", "keep_all")
    ]
    st.caption("  \n".join(said))


def key_of(task: TaskRecord, name: str) -> str:
    """A saved adjustment makes new controls, which begin at what was saved."""
    return f"adjust.{name}-{task.id}-{task.revision}"


def wanted_of(task: TaskRecord) -> RenderOptions:
    """The options that the controls show at this moment."""
    made, state = task.made_with, st.session_state
    nudge = number(state.get(key_of(task, "nudge")))
    moved = state.get(key_of(task, "player"))
    if nudge is None and isinstance(moved, Mapping):
        nudge = number(moved.get("nudge"))
    room = number(state.get(key_of(task, "room")))
    return replace(
        made,
        nudge_ms=made.nudge_ms
        if nudge is None
        else round(min(max(nudge, -MAX_NUDGE_MS), MAX_NUDGE_MS), 1),
        room_sound=made.room_sound if room is None else room / 100,
        loudness=bool(state.get(key_of(task, "loud"), made.loudness)),
        keep_all=bool(state.get(key_of(task, "whole"), made.keep_all)),
    )


@without_routes(no_preview)
def _preview(
    service: Service, viewer: Viewer, task: TaskRecord, kind: str
) -> tuple[str, ...] | None:
    """The player that mixes the wanted result; gives what it leaves out, None where there is no
    player."""
    plan = task.variant(kind).plan
    preview = make_preview(plan, wanted_of(task)) if plan else None
    if preview is None:
        return None
    made = task.made_with.nudge_ms
    song = kind if preview.song == "result" else "reference"
    kinds = tracks.kinds(service, task, task.answer.tracks)
    picture, song_file = kinds["dance"], kinds["reference"] if song == "reference" else song
    aspect = shape.dance_shape(service, task)
    with shape.room("adjust", aspect):
        result = _ADJUST(
            key=key_of(task, "player"),
            data={
                "words": {name: t(f"adjust.{name}") for name in WORDS},
                "picture": playable.url(service, viewer, task, picture),
                "aspect": aspect,
                "sound": playable.sound_url(service, viewer, task, song_file),
                "song": song,
                "pieces": list(preview.pieces),
                "start": preview.estimate.start,
                "end": preview.estimate.end,
                "made": preview.made,
                "nudge": made,
                "limit": MAX_NUDGE_MS,
                "room": preview.estimate.room_gain,
                "ducking": DUCKING,
            },
            default={"nudge": made},
            on_nudge_change=lambda: None,
            on_failed_change=lambda: None,
        )
        small = [picture] if "-" in picture else []
        playable.make_playable(service, task, result.failed, small, [song_file], player="adjust")
    return preview.leaves_out


def request(service: Service, viewer: Viewer, task_id: str, options: Mapping[str, Any]) -> None:
    """Ask for the results to be made again; a callback.

    Without a plan to go by, the place is that of the task's own options.
    """
    task = viewer.task(service, task_id)
    if task is None:
        return
    planned = any(one.plan for one in task.variants.values())
    try:
        asked = dict(options) if planned else {**task.options, **options}
        make_again(service, task, asked)
    except JobError as error:  # there is no room for it
        toasts.toast(t(f"reason.{error.reason}"), icon=":material/warning:")
        return
    except StoreError:
        toasts.toast(t("adjust.not_saved"), icon=":material/warning:")
        return
    toasts.toast(t("adjust.started"), icon=":material/tune:")


def _saving(service: Service, task_id: str) -> None:
    task = service.task(task_id)
    if task is None or task.adjust is None or not task.adjusting:
        if task is not None and (task.adjust is None or task.adjust.status == "success"):
            toasts.toast(t("adjust.done"), icon=":material/check:")
        st.rerun()
        return
    st.progress(task.adjust.progress or 0.0, text=t("adjust.saving"))


def save_hint(
    service: Service,
    viewer: Viewer,
    task_id: str,
    hint: Mapping[str, float] | None,
    chosen: Mapping[str, int] = MappingProxyType({}),
) -> None:
    """Hand a person's place to the pipeline; a callback.

    A success is adjusted and keeps its results until the new ones are whole; a failed task
    is tried again with the hint.
    """
    task = viewer.task(service, task_id)
    if hint is None or task is None:
        return
    options = {**task.options, "hint": dict(hint)}
    options |= {f"{role}_track": number for role, number in chosen.items()}
    if task.status == "success":
        request(service, viewer, task_id, options)
    elif task.status == "failed":
        try:
            service.store.update(task_id, {"options": options})
            retry(service.store, service.settings, task_id, viewer.name)
        except JobError as error:  # there is no room for it
            toasts.toast(t(f"reason.{error.reason}"), icon=":material/warning:")
            return
        except StoreError:
            toasts.toast(t("adjust.not_saved"), icon=":material/warning:")
            return
        service.runner.wake()
        toasts.toast(t("adjust.started"), icon=":material/tune:")
    redraw_page()
