"""The live table of tasks: it redraws itself, and a selection follows its task.

A dataframe's selection is a position. Every table is therefore mounted under a key made
from the ids that it shows, in order: an event can only mean the rows that were on the
screen when it was made, and is turned into ids at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from pipeline.tasks.queue import queue_of
from pipeline.tasks.record import TaskRecord
from ui.parts.banners import show_banners
from ui.parts.live import live, take_redraw
from ui.parts.selectbox import choice, chosen
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.table import actions, grid, notices, rows, selection
from ui.words import sentences
from ui.words.text import current, t

BUSY_SECONDS = 2.5
"""Between two looks while something runs."""
IDLE_SECONDS = 12.0
"""Between two looks at the file's stamp when nothing runs."""
PAGE_SIZES = (10, 25, 50, 100)
PAGE_SIZE = 25
MAX_REMEMBERED = 20
"""Of how many drawn tables it is known which tasks they showed."""

_SHOWN = "table.shown"


def show_table(service: Service, viewer: Viewer) -> None:
    """The banners, the filters, the table and what can be done with the selected tasks."""
    busy = any(task.active or task.adjusting for task in service.tasks())
    every = BUSY_SECONDS if busy else IDLE_SECONDS
    live(every, _live, service, viewer, busy)


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
    queue = queue_of(tasks, service.settings.workers, now)
    # One line that is always as high: what is below must not move away from under a click.
    with st.container(horizontal=True, vertical_alignment="center", key="queue"):
        st.caption(sentences.queue_text(queue))
        narrow = notices.show_notices(visible)
    page = rows.take_page(visible, _filters())
    if not page.tasks:
        st.info(t("table.nothing"), icon=":material/search_off:")
        return
    _grid(service, viewer, page.tasks, grid.Look(snapshot.unsaved, queue, now, narrow))
    _footer(page)
    actions.show_bulk(service, viewer, selected_tasks(visible))


def keep_view() -> None:
    """Keep what is looked for and the page of the table while a task's own page is shown:
    Streamlit forgets the widgets that a run does not draw."""
    for key in ("table.search", "table.statuses", "table.page"):
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def _filters() -> rows.View:
    """The line of controls above the table."""
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
        st.button(t("table.refresh"), icon=":material/refresh:", key="table.refresh")
    return rows.View(
        search=search or "",
        statuses=frozenset(statuses),
        order=order,
        page=int(st.session_state.get("table.page", 1)),
        page_size=chosen("table.size", PAGE_SIZE),
    )


def _footer(page: rows.Page) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="table-footer"):
        st.caption(t("table.count", n=page.matching))
        if page.pages > 1:
            st.pagination(page.pages, key="table.page", max_visible_pages=5)
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


def _grid(
    service: Service,
    viewer: Viewer,
    tasks: Sequence[TaskRecord],
    look: grid.Look,
) -> None:
    ids = [task.id for task in tasks]
    digest = hashlib.sha256(
        "".join([current(), str(selection.mount()), *ids]).encode()
    ).hexdigest()[:16]
    key = f"tasks-{digest}"
    shown = st.session_state.setdefault(_SHOWN, {})
    shown[key] = ids
    while len(shown) > MAX_REMEMBERED:
        shown.pop(next(iter(shown)))
    frame = grid.frame_of(service, tasks, look)
    chosen = set(selection.ids())
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        row_height=grid.HEIGHTS[look.narrow],
        placeholder="",
        column_config=grid.columns(
            f"act-{key}", lambda: _acted(service, viewer, key), narrow=look.narrow
        ),
        on_select=lambda: _selected(key),
        selection_mode=["multi-row", "single-cell"],
        selection_default={
            "selection": {"rows": [i for i, task_id in enumerate(ids) if task_id in chosen]}
        },
        alt=t("table.alt"),
    )


def _selected(key: str) -> None:
    """Turn the positions of a table's selection into ids, by the rows that it showed."""
    state = st.session_state[key].selection
    shown = st.session_state[_SHOWN].get(key, [])
    opened = selection.follow(key, shown, state.rows, state.cells)
    if opened:
        actions.open_task(opened)


def _acted(service: Service, viewer: Viewer, key: str) -> None:
    click = st.session_state[f"act-{key}"]
    ids = st.session_state[_SHOWN].get(key, [])
    if click.row < len(ids):
        actions.do_labelled(service, viewer, ids[click.row], click.label)


def selected_tasks(visible: Sequence[TaskRecord]) -> list[TaskRecord]:
    """The selected tasks that are still there and may be seen."""
    chosen = set(selection.ids())
    return [task for task in visible if task.id in chosen]
