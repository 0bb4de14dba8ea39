"""A notice when a task is done: toast, page title and, when allowed, the browser's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from store import Task
from ui import rows, toasts, words
from ui.components import load
from ui.names import plain, shown_name
from ui.text import t

_NOTICE = load("notice")
_SEEN = "notices.seen"
_NOTES = "notices.notes"
_OPENED = "notices.opened"
_KEPT = 10
"""Notes that stay in the component's data, which tells each once: a rerun of the page follows
at once when a task ends, and the browser may never see what stood in one run alone."""


def show_notices(tasks: Sequence[Task]) -> None:
    """Toast what ended since the last look, and put the progress into the page's title."""
    seen: dict[str, str] | None = st.session_state.get(_SEEN)
    now = {task.id: task.status for task in tasks}
    ended: list[Task] = []
    if seen is not None:
        ended = [
            task
            for task in tasks
            if task.status in {"success", "failed"} and seen.get(task.id) in rows.ACTIVE
        ]
    st.session_state[_SEEN] = now
    for task in ended[:3]:
        name = plain(shown_name(task.dance_name, longest=40))
        if task.status == "success":
            toasts.toast(t("notice.success", name=name), icon=":material/check_circle:", long=True)
        elif task.reason != "cancelled":
            toasts.toast(t("notice.failed", name=name), icon=":material/error:", long=True)
    notes: list[dict[str, str]] = st.session_state.setdefault(_NOTES, [])
    notes.extend(
        {
            "id": f"{task.id}:{task.completed_at}",
            "title": t(f"notice.{task.status}", name=shown_name(task.dance_name)),
            "body": words.verdict(task) or words.reason_text(task),
        }
        for task in ended
    )
    del notes[:-_KEPT]
    _NOTICE(
        key="notice",
        data={
            "title": _title(tasks),
            "ended": notes,
            "words": {"allow": t("notice.allow")},
            "busy": any(task.status in rows.ACTIVE for task in tasks),
        },
    )


def _title(tasks: Sequence[Task]) -> str:
    running = [task for task in tasks if task.status == "processing"]
    if running:
        shares = [min(max(rows.number(task.progress) or 0.0, 0.0), 1.0) for task in running]
        return f"{sum(shares) / len(shares):.0%} · {t('app.title')}"
    return t("app.title")


def opened_changed(tasks: Sequence[Task]) -> bool:
    """Whether the opened task is in another state than when the page was last drawn."""
    return bool(st.session_state.get(_OPENED) != opened_state(tasks))


def remember_opened(tasks: Sequence[Task]) -> None:
    """Note the opened task's state as drawn now."""
    st.session_state[_OPENED] = opened_state(tasks)


def opened_state(tasks: Sequence[Task]) -> tuple[Any, ...] | None:
    """What of the opened task changes what can be done below the table; None without one."""
    opened = st.query_params.get("task")
    task = next((task for task in tasks if task.id == opened), None)
    if task is None:
        return None
    adjust = (task.adjust.number, task.adjust.status) if task.adjust else None
    return (
        task.id,
        task.status,
        task.modular_output,
        task.v2_output,
        task.revision,
        task.cancel_requested,
        adjust,
    )
