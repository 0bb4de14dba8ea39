"""What can be done with tasks: open, cancel, retry, delete, download."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from pipeline import reasons
from pipeline.reasons import JobError
from pipeline.tasks import record
from pipeline.tasks.record import TaskRecord
from pipeline.tasks.submit import retry
from ui.parts import toasts
from ui.parts.live import redraw_page
from ui.parts.viewer import Viewer
from ui.parts.without_routes import no_bundle, without_routes
from ui.service import Service
from ui.table import selection
from ui.words.names import plain, shown_name
from ui.words.text import t

log = logging.getLogger(__name__)

_DELETE = "delete"
_SHARE = "share"
_OF_ONE_TASK = ("task", "track", "t")
"""What of the address speaks of the task that is shown."""
ROW_ACTIONS = ("open", "cancel", "retry", "delete")
HOPELESS = (
    reasons.FINAL | record.MUTE | {reasons.NO_SHARED_MUSIC, reasons.NO_TRACK, reasons.SIZE_LIMIT}
)
"""Reasons that lie in the files: the same files fail for them again."""
ICONS = {
    "open": ":material/visibility:",
    "cancel": ":material/cancel:",
    "retry": ":material/replay:",
    "delete": ":material/delete:",
}


def possible(task: TaskRecord) -> list[str]:
    """The actions that make sense for a task as it stands."""
    names = ["open"]
    if task.active and not task.cancel_requested:
        names.append("cancel")
    if task.status == "failed" and task.reason not in HOPELESS:
        names.append("retry")
    if not task.active:
        names.append("delete")
    return names


def next_action(task: TaskRecord) -> str:
    """The one action that somebody most likely wants of a task as it stands."""
    able = possible(task)
    return next((name for name in ("cancel", "retry") if name in able), "open")


def act(service: Service, viewer: Viewer, name: str, task_id: str) -> None:
    """Do what was chosen for one task of the list; a callback."""
    if name == "open":
        open_task(task_id)
    elif name == "delete":
        ask_delete([task_id])
    elif name in ROW_ACTIONS:
        do(service, viewer, name, [task_id])


def open_task(task_id: str | None) -> None:
    """Go to a task's own page, or back to the list; a callback.

    The address changes in one step, so that the browser's way back is one step too.
    """
    kept = {
        name: st.query_params.get_all(name) for name in st.query_params if name not in _OF_ONE_TASK
    }
    st.query_params.from_dict({**kept, **({"task": task_id} if task_id else {})})
    redraw_page()


def do(service: Service, viewer: Viewer, name: str, ids: Sequence[str]) -> None:
    """Cancel, retry or delete what of these tasks can be and the viewer may see; a callback.

    It decides by the tasks as they are at the click: what the button's run knew may be older.
    Says how many were done, what failed, or that nothing could be done any more.
    """
    store = service.store
    act: Callable[[str], object] = {
        "cancel": store.cancel,
        "retry": lambda task_id: retry(store, service.settings, task_id, viewer.name),
        "delete": store.delete,
    }[name]
    done: list[str] = []
    failed = False
    for task_id in ids:
        task = viewer.task(service, task_id)
        if task is None or name not in possible(task):
            continue
        try:
            act(task_id)
        except JobError as error:  # there is no room for it
            failed = True
            toasts.toast(t(f"reason.{error.reason}"), icon=":material/warning:")
            break
        except Exception:  # one task's trouble must not keep the others from being done
            failed = True
            log.exception("cannot %s task %s", name, task_id)
            toasts.toast(
                t("action.failed", name=plain(shown_name(task.dance_name))),
                icon=":material/warning:",
            )
        else:
            done.append(task_id)
    service.runner.wake()
    if done:
        toasts.toast(t(f"done.{name}", n=len(done)))
    elif not failed:
        toasts.toast(t("action.too_late"), icon=":material/info:")
    redraw_page()
    if name == "delete" and st.query_params.get("task") in done:
        open_task(None)


def show_bulk(service: Service, viewer: Viewer, tasks: Sequence[TaskRecord]) -> None:
    """The bar for the selected tasks.

    Its buttons carry all that is selected, and what can be done with which task is found out
    at the click: a task may have ended since this was drawn.
    """
    if not tasks:
        return
    able = {name for task in tasks for name in possible(task)}
    ids = [task.id for task in tasks]
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
                disabled=name not in able,
                on_click=do,
                args=(service, viewer, name, ids),
            )
        st.button(
            t("action.delete"),
            icon=ICONS["delete"],
            key="bulk.delete",
            disabled="delete" not in able,
            on_click=ask_delete,
            args=(ids,),
        )
        have = [task for task in tasks if task.results]
        if have:
            _bundle(service, viewer, have)
        st.button(t("bulk.clear"), key="bulk.clear", type="tertiary", on_click=selection.clear)


@without_routes(no_bundle)
def _bundle(service: Service, viewer: Viewer, tasks: Sequence[TaskRecord]) -> None:
    """All results of the tasks in one ZIP, and the link that shows them to others."""
    label = t("bulk.download", n=sum(len(task.results) for task in tasks))
    url = viewer.bundle_url(service, tasks)
    st.link_button(label, url, icon=":material/download:", help=t("bulk.download_help"))
    st.button(
        t("share.button"),
        icon=":material/link:",
        key="bulk.share",
        on_click=ask_share,
        args=([task.id for task in tasks],),
    )


def ask_share(ids: Sequence[str], kind: str | None = None) -> None:
    """Have the page show the link to these tasks' results (ui/task/share.py); a callback.

    ``kind`` is the result that is meant; without it each task's best.
    """
    _answered()
    st.session_state[_SHARE] = dict.fromkeys(ids, kind)
    redraw_page()


def share_asked() -> Mapping[str, str | None]:
    """The tasks whose link is asked for, each with the result that is meant; none without."""
    asked: Mapping[str, str | None] = st.session_state.get(_SHARE, {})
    return asked


def answer_share() -> None:
    """The link is not asked for any more; a callback."""
    st.session_state.pop(_SHARE, None)


def ask_delete(ids: Sequence[str]) -> None:
    """Have the page ask before it deletes tasks; a callback."""
    st.session_state[_DELETE] = list(ids)
    redraw_page()


def show_delete_dialog(service: Service, viewer: Viewer) -> None:
    """Ask before deleting: a delete takes the files with it.

    The question stands until it is answered, and its buttons act in callbacks: the page may be
    drawn anew under it, as when a task ends.
    """
    found = [service.task(task_id) for task_id in st.session_state.get(_DELETE, ())]
    tasks = [task for task in found if task is not None and "delete" in possible(task)]
    if not tasks:
        st.session_state.pop(_DELETE, None)
        return
    ids = [task.id for task in tasks]

    @st.dialog(t("delete.title"), on_dismiss=_answered)
    def ask() -> None:
        st.write(t("delete.question", n=len(ids)) if len(ids) > 1 else t("delete.question_one"))
        for task in tasks[:5]:
            st.text(f"• {shown_name(task.dance_name)}")
        with st.container(horizontal=True):
            yes = st.button(
                t("action.delete"),
                type="primary",
                key="delete.yes",
                on_click=_delete,
                args=(service, viewer, ids),
            )
            no = st.button(t("delete.keep"), key="delete.no", on_click=_answered)
        if yes or no:
            st.rerun()  # the page without the dialog

    ask()


def _answered() -> None:
    st.session_state.pop(_DELETE, None)


def _delete(service: Service, viewer: Viewer, ids: Sequence[str]) -> None:
    _answered()
    do(service, viewer, "delete", ids)
