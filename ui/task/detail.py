"""One task: its state, why it failed, its players, downloads and what can be changed."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from pipeline.model import BEST_FIRST
from pipeline.tasks.queue import queue_of
from pipeline.tasks.record import TaskRecord
from ui.components import load
from ui.parts.guarded import part
from ui.parts.live import live
from ui.parts.viewer import Viewer
from ui.parts.without_routes import download, without_routes
from ui.routes.files import KINDS, file_path
from ui.service import Service
from ui.table import actions, table
from ui.task import adjust, candidates, charts, compare, events, left_out, place, save, share
from ui.words import sentences
from ui.words.format import duration, size
from ui.words.names import plain, shown_name
from ui.words.text import t

_REACH = load("reach")
UNPLAYABLE = frozenset({"not_media", "empty_file", "missing_file", "no_picture", "unreadable"})


def show_detail(service: Service, viewer: Viewer) -> None:
    """The task of ``?task=``, if the address names one."""
    task_id = st.query_params.get("task")
    if not task_id:
        return
    task = viewer.task(service, task_id)
    if task is None:
        st.warning(t("detail.gone"), icon=":material/schedule:")
        st.button(t("detail.close"), key="detail.close", on_click=actions.open_task, args=(None,))
        return
    with st.container(border=True, key="detail"):
        _head(service, viewer, task)
        if task.active:
            live(table.BUSY_SECONDS, _progress, service, task.id)
        if task.status == "failed":
            _failure(task)
        for warning in sentences.warning_texts(task):
            st.info(warning, icon=":material/lightbulb:")
        if task.status == "success":
            sentence = sentences.verdict(task)
            if sentence:
                doubtful = task.answer.ambiguous or task.same_file
                (st.warning if doubtful else st.success)(sentence)
            for kind in task.results[:1]:
                part(save.show_save, service, viewer, task, kind)
                part(share.show_share, service, viewer, [task])
        part(candidates.show_choices, service, viewer, task)
        _sections(service, viewer, task)
        _REACH(key="reach", data={"asked": actions.scroll_requests()})


def _head(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(shown_name(task.dance_name)) or task.id[:8], anchor=False)
        st.markdown(sentences.status_text(task))
        for name in actions.possible(task):
            if name == "open":
                continue
            st.button(
                t(f"action.{name}"),
                icon=actions.ICONS[name],
                key=f"detail.{name}",
                on_click=actions.ask_delete if name == "delete" else actions.do,
                args=([task.id],) if name == "delete" else (service, viewer, name, [task.id]),
            )
        st.button(
            t("detail.close"),
            icon=":material/close:",
            key="detail.close",
            type="tertiary",
            on_click=actions.open_task,
            args=(None,),
        )
    facts = [t("text.says", who=t("column.reference"), what=plain(shown_name(task.reference_name)))]
    spent = task.seconds_spent(datetime.now(UTC))
    if task.status == "success" and spent is not None:
        key = "detail.spent_again" if task.attempts > 1 else "detail.spent"
        facts.append(t(key, time=duration(spent)))
    st.caption(" · ".join(facts))


def _progress(service: Service, task_id: str) -> None:
    task = service.task(task_id)
    if task is None:
        return
    queue = queue_of(service.tasks(), service.settings.workers, datetime.now(UTC))
    text = sentences.stage_text(task, queue) or sentences.status_text(task)
    st.progress(task.progress or 0.0, text=text)


def _failure(task: TaskRecord) -> None:
    if task.reason == "cancelled":
        st.info(sentences.reason_text(task), icon=":material/block:")
        return
    if task.needs_placing:
        st.info(t("facts.placed_below"), icon=":material/back_hand:")
        return
    role = task.reason_role
    why = sentences.reason_text(task)
    if role in {"dance", "reference"}:
        why = t("text.says", who=t(f"role.{role}"), what=why)
    advice = sentences.advice_text(task)
    if place.can_place(task) and task.reason != "no_shared_music":  # whose advice says so
        advice = sentences.then(advice, t("place.offer"))
    st.error(f"**{why}**\n\n{advice}", icon=":material/error:")


def unplayable(task: TaskRecord) -> bool:
    """Whether the dance itself is nothing to watch: then the reason is all there is to show."""
    return task.status == "failed" and task.reason_role == "dance" and task.reason in UNPLAYABLE


def _sections(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The players first; the rest only when somebody looks."""
    if unplayable(task):
        with st.expander(t("section.events")):
            part(events.show_timeline, task)
        return
    able = ["compare"] if any(file_path(service, task, kind) for kind in KINDS) else []
    if task.status == "success":
        able.append("adjust")
    if place.can_place(task):
        able.append("place")
    if task.answer.exists:
        able.append("evidence")
    able.append("events")
    first = "place" if task.needs_placing else able[0]
    key = f"section-{task.id}"
    chosen = st.segmented_control(
        t("detail.sections"),
        able,
        # None beside what a callback chose; for a part that is gone the first one stands in.
        default=None if st.session_state.get(key) in able else first,
        format_func=lambda name: t(f"section.{name}"),
        key=key,
        label_visibility="collapsed",
        required=True,
    )
    if chosen == "compare":
        part(compare.show_compare, service, viewer, task)
        part(_downloads, service, viewer, task)
    elif chosen == "adjust":
        part(adjust.show_adjust, service, viewer, task)
    elif chosen == "place":
        part(place.show_place, service, viewer, task)
    elif chosen == "evidence":
        part(charts.show_plots, service, task)
    elif chosen == "events":
        part(events.show_timeline, task)


def _downloads(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    with st.container(horizontal=True, key="downloads"):
        for kind in (*BEST_FIRST, "original"):
            path = file_path(service, task, kind)
            if path is None:
                continue
            label = t(
                "detail.download", name=sentences.variant_name(kind), size=size(path.stat().st_size)
            )
            _download(service, viewer, task, kind, label)
    left_out.show_left_out(task, [kind for kind in task.results if file_path(service, task, kind)])
    if task.completed_at is not None and task.status == "success":
        st.caption(t("detail.kept", hours=f"{service.settings.keep_hours:g}"))


@without_routes(download)
def _download(service: Service, viewer: Viewer, task: TaskRecord, kind: str, label: str) -> None:
    url = viewer.url(service, task, kind, download="1")
    st.link_button(label, url, icon=":material/download:")
