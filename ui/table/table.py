"""The live list of tasks: it redraws itself, and the ticks follow their tasks.

A component draws it, a table in a window and cards on a phone (``ui/components/list``). What it
sends back names tasks by their ids, so no event can mean another row than the one that was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from pipeline.tasks.queue import queue_of
from pipeline.tasks.record import TaskRecord
from ui.components import load
from ui.parts.banners import show_banners
from ui.parts.live import live, take_redraw
from ui.parts.selectbox import choice, chosen
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.table import actions, grid, notices, rows, selection
from ui.words import sentences
from ui.words.format import viewers_zone
from ui.words.text import t

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

_LIST = load("list")
_KEY = "tasks"
BUSY_SECONDS = 2.5
"""Between two looks while something runs."""
IDLE_SECONDS = 12.0
"""Between two looks at the file's stamp when nothing runs."""
MIN_TASKS_TO_SEARCH = 8
"""With fewer, the rows in a window are seen at a glance, and search, filters and order are in
the way of them."""
PAGE_SIZES = (10, 25, 50, 100)
PAGE_SIZE = 25
WORDS = ("table", "select", "menu", "picture", "what", "state", "when", "action")
_VIEW, _PAGE = "table.view", "table.page.kept"


def show_table(service: Service, viewer: Viewer, history: StreamlitPage) -> None:
    """The banners, the controls, the list, what can be done with the ticked tasks, and the way to
    the history."""
    busy = any(task.active or task.adjusting for task in service.tasks())
    every = BUSY_SECONDS if busy else IDLE_SECONDS
    live(every, _live, service, viewer, busy)
    st.page_link(history, width="content")


def _live(service: Service, viewer: Viewer, busy: bool) -> None:
    looked = datetime.now(UTC)
    snapshot = service.store.snapshot()
    with st.container():  # always there: what is below keeps its place in the page's tree
        show_banners(service, snapshot)
    tasks = service.tasks(snapshot)
    visible = viewer.visible(service, tasks)
    notices.note_ended(visible, looked)
    now_busy = any(task.active or task.adjusting for task in tasks)
    asked = take_redraw()
    if now_busy != busy or asked:
        st.rerun()  # the page as a whole: the interval is another
    if not visible:
        st.info(t("table.empty"), icon=":material/waving_hand:")
        notices.show_notices(visible)
        return
    now = datetime.now(UTC)
    queue = queue_of(tasks, service.runner.slots, now)
    # One line that is always as high: what is below must not move away from under a click.
    with st.container(horizontal=True, vertical_alignment="center", key="queue"):
        st.caption(sentences.queue_text(queue))
        notices.show_notices(visible)
        st.button(t("table.refresh"), icon=":material/refresh:", key="table.refresh")
    view, extras = rows.View(page_size=PAGE_SIZE), list[str]()
    if len(visible) >= MIN_TASKS_TO_SEARCH:
        view, extras = _controls()
    page = rows.take_page(visible, view)
    if not page.tasks:
        st.info(t("table.nothing"), icon=":material/search_off:")
        return
    look = grid.Look(snapshot.unsaved, queue, now, viewers_zone(), extras)
    _list(service, viewer, page.tasks, look)
    if len(visible) >= MIN_TASKS_TO_SEARCH:
        _footer(page)
    actions.show_bulk(service, viewer, selected_tasks(visible))


def _controls() -> tuple[rows.View, list[str]]:
    """The line of controls above the list: what to see of the tasks, and in which columns.

    What they show is kept by this module: Streamlit forgets the widgets that a run does not draw,
    as while a task's own page is shown.
    """
    for key, value in st.session_state.get(_VIEW, {}).items():
        st.session_state.setdefault(key, value)
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        search = st.text_input(
            t("table.search"), key="table.search", icon=":material/search:", width=240
        )
        statuses = st.pills(
            t("table.status"),
            rows.STATUSES,
            selection_mode="multi",
            format_func=lambda status: t(f"status.{status}"),
            key="table.statuses",
        )
        order = choice(
            t("table.order"),
            rows.ORDERS,
            lambda name: t(f"order.{name}"),
            key="table.order",
            default="newest",
            width=180,
        )
        with st.popover(t("table.columns"), icon=":material/view_column:"):
            picked = st.pills(
                t("table.columns"),
                list(grid.EXTRAS),
                selection_mode="multi",
                format_func=lambda name: t(f"column.{name}"),
                key="table.columns",
                label_visibility="collapsed",
            )
    extras = [name for name in grid.EXTRAS if name in picked]
    st.session_state[_VIEW] = {
        "table.search": search or "",
        "table.statuses": list(statuses),
        "table.columns": extras,
    }
    view = rows.View(
        search=search or "",
        statuses=frozenset(statuses),
        order=order,
        page=int(st.session_state.get("table.page", st.session_state.get(_PAGE, 1))),
        page_size=chosen("table.size", PAGE_SIZE),
    )
    return view, extras


def _footer(page: rows.Page) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="table-footer"):
        st.caption(t("table.count", n=page.matching))
        if page.pages > 1:
            st.session_state.setdefault("table.page", page.number)
            st.pagination(page.pages, key="table.page", max_visible_pages=5)
        # Where there is one page only, the next search begins at its first.
        st.session_state[_PAGE] = page.number if page.pages > 1 else 1
        if page.matching > PAGE_SIZES[0]:
            choice(
                t("table.size"),
                PAGE_SIZES,
                lambda n: t("table.rows", n=n),
                key="table.size",
                default=PAGE_SIZE,
                label_visibility="collapsed",
                width=150,
            )


def _list(service: Service, viewer: Viewer, tasks: Sequence[TaskRecord], look: grid.Look) -> None:
    _LIST(
        key=_KEY,
        data={
            "rows": [grid.row_of(service, viewer, task, look) for task in tasks],
            "extras": [t(f"column.{name}") for name in look.extras],
            "words": {name: t(f"list.{name}") for name in WORDS},
            "round": selection.current_round(),
            "ticked": selection.ids(),
        },
        default={"ticked": None},
        on_ticked_change=_ticked,
        on_open_change=_opened,
        on_act_change=lambda: _acted(service, viewer),
    )


def _ticked() -> None:
    selection.follow(st.session_state[_KEY].ticked)


def _opened() -> None:
    actions.open_task(str(st.session_state[_KEY].open))


def _acted(service: Service, viewer: Viewer) -> None:
    asked = st.session_state[_KEY].act
    actions.act(service, viewer, str(asked["name"]), str(asked["id"]))


def selected_tasks(visible: Sequence[TaskRecord]) -> list[TaskRecord]:
    """The ticked tasks that are still there and may be seen."""
    ticked = set(selection.ids())
    return [task for task in visible if task.id in ticked]
