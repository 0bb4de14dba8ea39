"""The live table of tasks: it redraws itself, and a selection follows its task.

A dataframe's selection is a position. Every table is therefore mounted under a key made
from the ids that it shows, in order: an event can only mean the rows that were on the
screen when it was made, and is turned into ids at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from store import Snapshot, Task
from ui import actions, notices, rows, toasts, words
from ui.banners import show_banners
from ui.format import duration, milliseconds, moments, seconds_spent, size
from ui.names import shown_name
from ui.routes.files import file_path
from ui.service import Service
from ui.text import current, t
from ui.viewer import Viewer

WHILE_RUNNING = 2.5
"""Seconds between two looks while something runs."""
OTHERWISE = 12.0
"""Seconds between two looks at the file's stamp when nothing runs."""
PAGE_SIZES = (10, 25, 50, 100)

_SHOWN = "table.shown"
_SELECTED = "table.selected"
_MOUNT = "table.mount"


def show_table(service: Service, viewer: Viewer) -> None:
    """The banners, the filters, the table and what can be done with the selected tasks."""
    snapshot = service.store.snapshot()
    busy = any(task.status in rows.ACTIVE or _adjusting(task) for task in snapshot.tasks)
    every = WHILE_RUNNING if busy else OTHERWISE
    st.fragment(_live, run_every=every)(service, viewer, busy)


def _adjusting(task: Task) -> bool:
    return task.adjust is not None and task.adjust.status in rows.ACTIVE


def _live(service: Service, viewer: Viewer, busy: bool) -> None:
    snapshot = service.store.snapshot()
    show_banners(service, snapshot)
    visible = viewer.visible(service, snapshot.tasks)
    notices.show_notices(visible)
    now_busy = any(task.status in rows.ACTIVE or _adjusting(task) for task in snapshot.tasks)
    asked = st.session_state.pop("open", None) or toasts.waiting()
    if now_busy != busy or notices.opened_changed(visible) or asked:
        st.rerun()  # the page as a whole: the interval or the opened task is another
    if not visible:
        st.info(t("table.empty"), icon=":material/waving_hand:")
        return
    now = datetime.now(UTC)
    queue = rows.queue_of(snapshot.tasks, service.settings.workers, now)
    _summary(queue)
    page = rows.take_page(visible, _filters())
    if not page.tasks:
        st.info(t("table.nothing"), icon=":material/search_off:")
        return
    _grid(service, viewer, page.tasks, snapshot, queue, now)
    _footer(page)
    actions.show_bulk(service, viewer, selected_tasks(visible), _clear)


def _summary(queue: rows.Queue) -> None:
    parts = []
    if queue.running:
        parts.append(t("queue.running", n=queue.running))
    if queue.places:
        parts.append(t("queue.waiting", n=len(queue.places)))
    if parts and queue.seconds_left is not None:
        parts.append(t("queue.left", time=duration(queue.seconds_left)))
    if parts:
        st.caption(" · ".join(parts))


def _filters() -> rows.View:
    """The line of controls above the table."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        search = st.text_input(
            t("table.search"), key="table.search", icon=":material/search:", width=240
        )
        chosen = st.pills(
            t("table.status"),
            rows.STATUSES,
            selection_mode="multi",
            format_func=lambda status: t(f"status.{status}"),
            key="table.statuses",
        )
        order = st.selectbox(
            t("table.order"),
            rows.ORDERS,
            format_func=lambda name: t(f"order.{name}"),
            key="table.order",
            width=180,
        )
        st.button(t("table.refresh"), icon=":material/refresh:", key="table.refresh")
    return rows.View(
        search=search or "",
        statuses=frozenset(chosen),
        order=order or "newest",
        page=int(st.session_state.get("table.page", 1)),
        page_size=int(st.session_state.get("table.size", 25)),
    )


def _footer(page: rows.Page) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="table-footer"):
        st.caption(t("table.count", n=page.matching))
        if page.pages > 1:
            st.pagination(page.pages, key="table.page", max_visible_pages=5)
        if page.matching > PAGE_SIZES[0]:
            st.selectbox(
                t("table.size"),
                PAGE_SIZES,
                index=1,
                key="table.size",
                label_visibility="collapsed",
                format_func=lambda n: t("table.rows", n=n),
                width=150,
            )


def _grid(
    service: Service,
    viewer: Viewer,
    tasks: Sequence[Task],
    snapshot: Snapshot,
    queue: rows.Queue,
    now: datetime,
) -> None:
    ids = [task.id for task in tasks]
    mount = st.session_state.get(_MOUNT, 0)
    digest = hashlib.sha256("".join([current(), str(mount), *ids]).encode()).hexdigest()[:16]
    key = f"tasks-{digest}"
    shown = st.session_state.setdefault(_SHOWN, {})
    shown[key] = ids
    while len(shown) > 20:
        shown.pop(next(iter(shown)))
    labels = [actions.row_labels(task) for task in tasks]
    frame = _frame(service, tasks, snapshot, queue, now)
    frame.insert(4, "actions", pd.Series(labels, dtype="object"))
    chosen = set(st.session_state.get(_SELECTED, ()))
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        row_height=40,
        placeholder="",
        column_config=_columns(service, viewer, key),
        on_select=lambda: _selected(key),
        selection_mode="multi-row",
        selection_default={
            "selection": {"rows": [i for i, task_id in enumerate(ids) if task_id in chosen]}
        },
        alt=t("table.alt"),
    )


def _frame(
    service: Service,
    tasks: Sequence[Task],
    snapshot: Snapshot,
    queue: rows.Queue,
    now: datetime,
) -> pd.DataFrame:
    """The rows, in words and figures; the columns are named by ``_columns``."""

    def after(task: Task) -> int | None:
        for kind in ("modular", "v2"):
            path = file_path(service, task, kind)
            if path is not None:
                return path.stat().st_size
        return None

    def sizes(task: Task) -> str:
        result = after(task)
        before = size(task.dance_size)
        return f"{before} → {size(result)}" if result is not None else before

    def status(task: Task) -> str:
        return words.status_text(task) + (" 💾" if task.id in snapshot.unsaved else "")

    return pd.DataFrame(
        {
            "status": [status(task) for task in tasks],
            "dance": [shown_name(task.dance_name) for task in tasks],
            "progress": [_progress(task) for task in tasks],
            "stage": [words.stage_text(task, queue) for task in tasks],
            "confidence": [rows.percent(task) for task in tasks],
            "agreement": [milliseconds(rows.agreement_ms(task)) for task in tasks],
            "created": moments(task.created_at for task in tasks),
            "spent": [duration(seconds_spent(task, now)) for task in tasks],
            "reference": [shown_name(task.reference_name) for task in tasks],
            "size": [sizes(task) for task in tasks],
        }
    )


def _progress(task: Task) -> float | None:
    if task.status == "success":
        return 1.0
    value = rows.number(task.progress)
    return min(max(value, 0.0), 1.0) if value is not None and task.status == "processing" else None


def _columns(service: Service, viewer: Viewer, key: str) -> dict[str, Any]:
    config = st.column_config
    return {
        "status": config.TextColumn(t("column.status"), width=120, pinned=True),
        "dance": config.TextColumn(t("column.dance"), width=190),
        "reference": config.TextColumn(t("column.reference"), width=150),
        "progress": config.ProgressColumn(
            t("column.progress"), min_value=0, max_value=1, format="percent", width=105
        ),
        "stage": config.TextColumn(t("column.stage"), width=200),
        "confidence": config.NumberColumn(t("column.confidence"), format="%.0f %%", width=90),
        "agreement": config.TextColumn(
            t("column.agreement"), help=t("column.agreement_help"), width=90
        ),
        "created": config.DatetimeColumn(
            t("column.created"), timezone=st.context.timezone, format="MM-DD HH:mm", width=110
        ),
        "spent": config.TextColumn(t("column.spent"), width=90),
        "size": config.TextColumn(t("column.size"), width=150),
        "actions": config.ButtonColumn(
            t("column.actions"),
            key=f"act-{key}",
            on_click=_acted,
            args=(service, viewer, key),
            width=130,
        ),
    }


def _selected(key: str) -> None:
    """Turn the positions of a table's selection into ids, by the rows that it showed."""
    ids = st.session_state[_SHOWN].get(key, [])
    picked = [ids[row] for row in st.session_state[key].selection.rows if row < len(ids)]
    before = st.session_state.get(_SELECTED, [])
    st.session_state[_SELECTED] = [i for i in before if i not in ids] + picked
    if len(picked) == 1 and st.query_params.get("task") != picked[0]:
        actions.open_task(picked[0])


def _acted(service: Service, viewer: Viewer, key: str) -> None:
    click = st.session_state[f"act-{key}"]
    ids = st.session_state[_SHOWN].get(key, [])
    if click.row < len(ids):
        actions.do_labelled(service, viewer, ids[click.row], click.label)


def selected_tasks(visible: Sequence[Task]) -> list[Task]:
    """The selected tasks that are still there and may be seen."""
    chosen = set(st.session_state.get(_SELECTED, ()))
    return [task for task in visible if task.id in chosen]


def _clear() -> None:
    st.session_state[_SELECTED] = []
    st.session_state[_MOUNT] = st.session_state.get(_MOUNT, 0) + 1
