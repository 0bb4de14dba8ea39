"""What can be done with tasks: open, cancel, retry, delete, download."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import streamlit as st

from store import Task
from ui import rows, selection, toasts
from ui.names import plain, shown_name
from ui.service import Service
from ui.text import t
from ui.viewer import Viewer

log = logging.getLogger(__name__)

ROW_ACTIONS = ("open", "cancel", "retry", "delete")
ICONS = {
    "open": ":material/visibility:",
    "cancel": ":material/cancel:",
    "retry": ":material/replay:",
    "delete": ":material/delete:",
}


def possible(task: Task) -> list[str]:
    """The actions that make sense for a task as it stands."""
    names = ["open"]
    if task.status in rows.ACTIVE and not task.cancel_requested:
        names.append("cancel")
    if task.status == "failed":
        names.append("retry")
    if task.status not in rows.ACTIVE:
        names.append("delete")
    return names


def _label(name: str) -> str:
    return f"{ICONS[name]} {t(f'action.{name}')}"


def row_labels(task: Task) -> list[str]:
    """The labels of a row's menu."""
    return [_label(name) for name in possible(task)]


def do_labelled(service: Service, viewer: Viewer, task_id: str, label: str) -> None:
    """What a click in a row's menu means; a callback."""
    name = next((name for name in ROW_ACTIONS if _label(name) == label), None)
    if name == "open":
        open_task(task_id, reach=True)
    elif name == "delete":
        st.session_state["delete"] = [task_id]
        st.session_state["open"] = True
    elif name is not None:
        do(service, viewer, name, [task_id])


def open_task(task_id: str | None, *, reach: bool = False, ticked: bool = False) -> None:
    """Show a task below the table, or none; a callback.

    What was ticked is ticked no more, unless ``ticked`` says that this is the task: the
    buttons over a selection must not mean another task than the one that is looked at.

    With ``reach`` the page scrolls to it: who handed a file in, or asked to see a task, has
    it before their eyes and not below the edge of a phone.
    """
    if reach:
        st.session_state["reach"] = st.session_state.get("reach", 0) + 1
    if not ticked:
        selection.clear()
    if task_id is None:
        st.query_params.pop("task", None)
    else:
        st.query_params["task"] = task_id
    for name in ("track", "t"):
        st.query_params.pop(name, None)
    st.session_state["open"] = True


def do(service: Service, viewer: Viewer, name: str, ids: Sequence[str]) -> None:
    """Cancel, retry or delete tasks that the viewer may see; says how many, and what failed."""
    store = service.store
    act: Callable[[str], object] = {
        "cancel": store.cancel,
        "retry": store.retry,
        "delete": store.delete,
    }[name]
    done = 0
    for task_id in ids:
        task = store.get(task_id)
        if task is None or not viewer.may_see(service, task) or name not in possible(task):
            continue
        try:
            act(task_id)
        except Exception:  # one task's trouble must not keep the others from being done
            log.exception("cannot %s task %s", name, task_id)
            toasts.toast(
                t("action.failed", name=plain(shown_name(task.dance_name))),
                icon=":material/warning:",
            )
        else:
            done += 1
    service.runner.wake()
    if done:
        toasts.toast(t(f"done.{name}", n=done))
        st.session_state["open"] = True
    if name == "delete" and st.query_params.get("task") in ids:
        open_task(None)


def show_bulk(service: Service, viewer: Viewer, tasks: Sequence[Task]) -> None:
    """The bar for the selected tasks."""
    if not tasks:
        return
    able = {name: [x.id for x in tasks if name in possible(x)] for name in ROW_ACTIONS}
    with st.container(horizontal=True, vertical_alignment="center", key="bulk"):
        if len(tasks) == 1:
            name = plain(shown_name(tasks[0].dance_name, longest=40)) or tasks[0].id[:8]
            st.markdown(t("bulk.selected_one", name=name))
        else:
            st.markdown(t("bulk.selected", n=len(tasks)))
        for name in ("cancel", "retry"):
            st.button(
                t(f"action.{name}"),
                icon=ICONS[name],
                key=f"bulk.{name}",
                disabled=not able[name],
                on_click=do,
                args=(service, viewer, name, able[name]),
            )
        st.button(
            t("action.delete"),
            icon=ICONS["delete"],
            key="bulk.delete",
            disabled=not able["delete"],
            on_click=_ask_delete,
            args=(able["delete"],),
        )
        have = [task for task in tasks if task.modular_output or task.v2_output]
        if service.routes and have:
            url = viewer.bundle_url(service, have)
            st.link_button(
                _bundle_label(have), url, icon=":material/download:", help=t("bulk.download_help")
            )
        st.button(t("bulk.clear"), key="bulk.clear", type="tertiary", on_click=selection.clear)


def _bundle_label(tasks: Sequence[Task]) -> str:
    """What is in the ZIP: the results by name for one task, their number for several."""
    kinds = [
        kind
        for task in tasks
        for kind, path in (("modular", task.modular_output), ("v2", task.v2_output))
        if path
    ]
    if len(tasks) == 1:
        return t("bulk.download_one", names=" + ".join(t(f"variant.{kind}") for kind in kinds))
    return t("bulk.download", n=len(kinds))


def _ask_delete(ids: list[str]) -> None:
    st.session_state["delete"] = ids
    st.session_state["open"] = True


def show_delete_dialog(service: Service, viewer: Viewer) -> None:
    """Ask before deleting: a delete takes the files with it."""
    ids = st.session_state.pop("delete", None)
    if not ids:
        return

    @st.dialog(t("delete.title"))
    def ask() -> None:
        names = [task.dance_name for i in ids if (task := service.store.get(i))]
        st.write(t("delete.question", n=len(ids)) if len(ids) > 1 else t("delete.question_one"))
        for name in names[:5]:
            st.text(f"• {shown_name(name)}")
        with st.container(horizontal=True):
            if st.button(t("action.delete"), type="primary", key="delete.yes"):
                do(service, viewer, "delete", ids)
                st.rerun()
            if st.button(t("delete.keep"), key="delete.no"):
                st.rerun()

    ask()
