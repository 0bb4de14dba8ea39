"""Another file of a result: for every player and editor, or of at most so many megabytes.

It is made by a run like an adjustment's and stays beside the results, each with its own download.
"""

from __future__ import annotations

import math

import streamlit as st

from pipeline.plan.size_limit import MAX_MEGABYTES, MEGABYTE, copied_bytes, least_megabytes
from pipeline.reasons import JobError
from pipeline.tasks.extra_files import REQUEST, ExtraFile, FileChoice
from pipeline.tasks.record import TaskRecord
from pipeline.tasks.values import number
from store import ADJUST, StoreError
from ui.incoming.limits import make_again
from ui.parts import toasts
from ui.parts.fold import fold
from ui.parts.live import live
from ui.parts.viewer import Viewer
from ui.parts.without_routes import download, without_routes
from ui.routes.files import file_path
from ui.service import Service
from ui.words.format import size
from ui.words.text import has, t

LIMITS_MB = (10, 16, 20, 25, 48)
"""Where people send films: mail and messengers take 10 to 25, a phone's share sheet about 50."""
OWN = "own"
USUAL_OWN_MB = 100


def show_file_choices(
    service: Service, viewer: Viewer, task: TaskRecord, kind: str | None = None
) -> None:
    """The files that were made, how one goes on, and the choices for another.

    ``kind`` is the result that is shown; without it the most exact one.
    """
    variant = next((name for name in task.results if kind in (None, name)), None)
    if variant is None or task.variant(variant).plan is None:
        return
    with st.container(key="files", gap="small"):
        for file in task.files:
            if file_path(service, task, file.kind) is not None:
                _download(service, viewer, task, file.kind, label_of(file))
        _show_state(service, viewer, task)
        plain = FileChoice(variant)
        fold(t("file.title"), f"file-{task.id}", _choices, service, viewer, task, plain)


def label_of(file: ExtraFile) -> str:
    """What a file is, and how large."""
    limit = file.choice.at_most_mb
    parts = [t("file.every_player")] if file.choice.portable else []
    parts += [t("file.at_most", mb=f"{limit:g}")] if limit else []
    return t("file.download", name=" · ".join(parts), size=size(file.size))


@without_routes(download)
def _download(service: Service, viewer: Viewer, task: TaskRecord, kind: str, label: str) -> None:
    url = viewer.url(service, task, kind, download="1")
    st.link_button(label, url, icon=":material/download:")


def _choices(service: Service, viewer: Viewer, task: TaskRecord, plain: FileChoice) -> None:
    portable = st.checkbox(t("file.every_player"), key=f"file.portable-{task.id}")
    st.caption(t("file.every_player_help"))  # a tap on a box's "?" would tick the box
    st.segmented_control(
        t("file.limit"),
        (*LIMITS_MB, OWN),
        format_func=lambda limit: t("file.own") if limit == OWN else f"{limit} MB",
        key=f"file.limit-{task.id}",
        help=t("file.limit_help"),
    )
    if st.session_state.get(f"file.limit-{task.id}") == OWN:
        st.number_input(
            t("file.own_mb"),
            1,
            round(MAX_MEGABYTES),
            USUAL_OWN_MB,
            key=f"file.own-{task.id}",
            width=160,
        )
    limit = _limit(task)
    least = _least_mb(task, plain)
    if 0 < limit < least:
        st.warning(t("file.too_small", mb=f"{limit:g}", least=least), icon=":material/compress:")
    st.button(
        t("file.make"),
        key="file.make",
        disabled=task.adjusting or not (portable or limit) or 0 < limit < least,
        on_click=_request,
        args=(service, viewer, task.id, plain.variant),
    )


def _limit(task: TaskRecord) -> float:
    """The chosen limit (megabytes); 0 for none."""
    chosen = st.session_state.get(f"file.limit-{task.id}")
    if chosen == OWN:
        return number(st.session_state.get(f"file.own-{task.id}")) or USUAL_OWN_MB
    return number(chosen) or 0.0


def _least_mb(task: TaskRecord, choice: FileChoice) -> int:
    """The smallest limit that is worth anything for this result (megabytes), unless a copy is
    smaller anyway."""
    plan = task.variant(choice.variant).plan
    film = plan.dance.video if plan else None
    if plan is None or film is None:
        return 0
    picture, seconds = plan.picture, plan.duration
    least = least_megabytes(
        seconds=seconds, pictures=picture.frames, size=(film.width, film.height)
    )
    if picture.action == "copy" and picture.size:
        copy = copied_bytes(picture.size, picture.packets, seconds)
        return min(least, math.ceil(copy / MEGABYTE))
    return least


def _request(service: Service, viewer: Viewer, task_id: str, variant: str) -> None:
    """Ask for the file; a callback."""
    task = viewer.task(service, task_id)
    if task is None or variant not in task.results or task.adjusting:
        return
    portable = bool(st.session_state.get(f"file.portable-{task_id}"))
    choice = FileChoice(variant, portable, _limit(task))
    try:
        make_again(service, task, {REQUEST: choice.to_json()})
    except JobError as error:  # there is no room for it
        toasts.toast(t(f"reason.{error.reason}"), icon=":material/warning:")
        return
    except StoreError:
        toasts.toast(t("file.not_asked"), icon=":material/warning:")
        return
    toasts.toast(t("file.started"), icon=":material/video_file:")


def _show_state(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    state = task.adjust
    if state is None or state.file is None:
        return
    if task.adjusting:
        live(1.0, _making, service, task.id)
        st.button(
            t("file.cancel"),
            key="file.cancel",
            type="tertiary",
            on_click=_cancel,
            args=(service, viewer, task.id),
        )
    elif state.reason != "cancelled":
        key = f"reason.{state.reason}"
        why = t(key) if has(key) else t("reason.unknown")
        st.warning(t("file.failed", why=why), icon=":material/warning:")


def _making(service: Service, task_id: str) -> None:
    task = service.task(task_id)
    if task is None or task.adjust is None or not task.adjusting:
        st.rerun()
        return
    st.progress(task.adjust.progress or 0.0, text=t("file.making"))


def _cancel(service: Service, viewer: Viewer, task_id: str) -> None:
    """Stop the making of a file; a callback."""
    task = viewer.task(service, task_id)
    if task is not None and task.adjusting and task.adjust and task.adjust.file:
        try:
            service.store.cancel(task_id, ADJUST)
        except StoreError:
            toasts.toast(t("file.not_asked"), icon=":material/warning:")
