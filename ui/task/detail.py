"""A task's own page: its film, the one button that saves it, and what else can be done with it."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from pipeline.tasks.queue import queue_of
from pipeline.tasks.record import TaskRecord
from ui.correct import adjust, candidates, place
from ui.correct import ways as correct
from ui.parts.banners import show_banners
from ui.parts.fold import fold
from ui.parts.guarded import part
from ui.parts.live import live, take_redraw
from ui.parts.viewer import Viewer
from ui.player import compare
from ui.routes.files import KINDS, file_path
from ui.service import Service
from ui.table import actions, notices, table
from ui.task import certainty, file_choices, left_out, save, share
from ui.words import sentences
from ui.words.format import milliseconds
from ui.words.names import plain, shown_name
from ui.words.text import t

UNPLAYABLE = frozenset({"not_media", "empty_file", "missing_file", "no_picture", "unreadable"})


def show_back() -> None:
    """The way from a task's page back to the list."""
    st.button(
        t("detail.back"),
        icon=":material/arrow_back:",
        key="detail.back",
        type="tertiary",
        on_click=actions.open_task,
        args=(None,),
    )


def show_detail(service: Service, viewer: Viewer, task_id: str) -> None:
    """The page of a task; one that is gone or a stranger's is not here."""
    task = viewer.task(service, task_id)
    with st.container(key="detail"):
        if task is None:
            st.title(t("app.title"), anchor=False)
            st.warning(t("detail.gone"), icon=":material/schedule:")
        else:
            _head(task)
            (_success if task.status == "success" else _unfinished)(service, viewer, task)
        # Behind all that is to be seen, since even what is empty takes room.
        live(_seconds(task), _watch, service, viewer, task_id, _state(task))


def _seconds(task: TaskRecord | None) -> float:
    busy = task is not None and (task.active or task.adjusting)
    return table.BUSY_SECONDS if busy else table.IDLE_SECONDS


def _state(task: TaskRecord | None) -> object:
    """What of a task changes what its page shows."""
    if task is None:
        return None
    change = (task.adjust.number, task.adjust.status) if task.adjust else None
    chosen = task.answer.confirmed
    return task.status, task.results, task.revision, task.cancel_requested, change, chosen


def _watch(service: Service, viewer: Viewer, task_id: str, drawn: object) -> None:
    """How far the task is, and what becomes of it and of the others."""
    looked = datetime.now(UTC)
    snapshot = service.store.snapshot()
    with st.container():  # always there: what is below keeps its place in the page's tree
        show_banners(service, snapshot)
    visible = viewer.visible(service, service.tasks(snapshot))
    notices.note_ended(visible, looked)
    task = next((one for one in visible if one.id == task_id), None)
    asked = take_redraw()
    if asked or _state(task) != drawn:
        st.rerun()
    notices.show_notices(visible)


def _head(task: TaskRecord) -> None:
    """What it is called, whether it is in sync, and its song."""
    with st.container(key="head"):
        st.title(plain(shown_name(task.dance_name)) or task.id[:8], anchor=False)
        song = f"♪\u00a0{plain(shown_name(task.reference_name))}"
        said = f"**{sentences.headline(task)}** " if task.status == "success" else ""
        st.caption(said + song)


def _success(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The result, or first the question which of several places is right."""
    if task.answer.ambiguous and candidates.has_choice(task):
        part(candidates.show_candidates, service, viewer, task)
        adjust.show_state(service, task)
        fold(t("detail.present"), f"present-{task.id}", _result, service, viewer, task)
    else:
        _result(service, viewer, task)
    for kind in compare.versions(task)[1:]:
        fold(_other(task, kind), f"other-{task.id}-{kind}", _version, service, viewer, task, kind)
    fold(t("detail.fix"), correct.fold_key(task), correct.show_ways, service, viewer, task)
    fold(t("detail.sure"), f"sure-{task.id}", certainty.show_certainty, service, task)
    _actions(service, viewer, task)


def _result(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The player, with the button that saves what it plays; what is to be said stands below."""
    part(compare.show_compare, service, viewer, task)
    if task.best is not None:
        part(save.show_save, service, viewer, task, task.best)
        part(file_choices.show_file_choices, service, viewer, task, task.best)
        left_out.show_left_out(service, viewer, task, task.best)
    part(candidates.show_way_back, service, viewer, task)
    _warnings(task)
    kept = t("detail.kept", hours=f"{service.settings.keep_hours:g}")
    with st.container(key="state"):  # as high while an adjustment goes on
        if task.answer.ambiguous:  # its adjustments are shown above the question's answer
            st.caption(kept)
        else:
            adjust.show_state(service, task, kept)


def _version(service: Service, viewer: Viewer, task: TaskRecord, kind: str) -> None:
    """Another result: what it leaves out, and how to save it."""
    said = left_out.sentence(task, kind)
    if said:
        st.markdown(said)
    save.show_save(service, viewer, task, kind)


def _other(task: TaskRecord, kind: str) -> str:
    """What another result is called: by how it differs from the best one."""
    mine, theirs = (task.variant(str(name)).plan for name in (task.best, kind))
    if mine is None or theirs is None:
        return t("other.else")
    longer = theirs.duration - mine.duration
    if longer > compare.UNNOTICED_SECONDS:
        missing = any(left_out.left_out_of(task, kind))
        return t("other.longer" if missing else "other.whole")
    if longer < -compare.UNNOTICED_SECONDS:
        return t("other.shorter")
    apart = task.answer.distance_ms
    return t("other.else") if apart is None else t("other.apart", ms=milliseconds(apart))


def _unfinished(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """A task without a result: how far it is, or what is to be done."""
    playable = any(file_path(service, task, kind) for kind in KINDS) and not unplayable(task)
    if task.active:
        if playable:
            part(compare.show_compare, service, viewer, task)
        # Where Save will be: the player keeps its place when the result is there.
        live(table.BUSY_SECONDS, _progress, service, task.id)
        _warnings(task)
    else:
        _failure(task)
        _warnings(task)
        if task.needs_placing:
            part(place.show_place, service, viewer, task)
        elif place.can_place(task):
            fold(t("detail.place"), f"place-{task.id}", place.show_place, service, viewer, task)
        if playable:
            said, show = t("variant.original"), compare.show_compare
            fold(said, f"dance-{task.id}", show, service, viewer, task)
        fold(t("detail.happened"), f"sure-{task.id}", certainty.show_certainty, service, task)
    _actions(service, viewer, task)


def _progress(service: Service, task_id: str) -> None:
    task = service.task(task_id)
    if task is None:
        return
    queue = queue_of(service.tasks(), service.runner.slots, datetime.now(UTC))
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


def _warnings(task: TaskRecord) -> None:
    for warning in sentences.warning_texts(task):
        st.info(warning, icon=":material/lightbulb:")


def _actions(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """What can be done with the task as a whole, quietly."""
    with st.container(horizontal=True, key="actions"):
        share.show_share(service, viewer, [task], task.best)
        for name in actions.possible(task):
            if name == "open":
                continue
            st.button(
                t(f"action.{name}"),
                icon=actions.ICONS[name],
                key=f"detail.{name}",
                type="tertiary",
                on_click=actions.ask_delete if name == "delete" else actions.do,
                args=([task.id],) if name == "delete" else (service, viewer, name, [task.id]),
            )
