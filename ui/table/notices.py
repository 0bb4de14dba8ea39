"""A notice when a task is done: toast, page title and, when allowed, the browser's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from pipeline.tasks import record
from pipeline.tasks.record import TaskRecord
from store import is_task_id
from ui.components import load
from ui.parts import toasts
from ui.table import actions
from ui.words import sentences
from ui.words.names import plain, shown_name
from ui.words.text import t

_NOTICE = load("notice")
_LAST = "notices.last"
_NOTES = "notices.notes"
_NARROW = "notices.narrow"
_ICONS = {
    "waiting": ":material/back_hand:",
    "success": ":material/check_circle:",
    "failed": ":material/error:",
}
_MAX_NOTES = 10
"""That stay in the component's data, which shows each once: a rerun of the page follows
at once when a task ends, and the browser may never see what stood in one run alone."""


@dataclass(frozen=True)
class _Look:
    """What a page saw when it last looked, and when that was."""

    at: datetime
    states: Mapping[str, tuple[str, datetime | None]]

    def ended_since(self, task: TaskRecord) -> bool:
        """Whether the task has ended since this look."""
        if task.status not in {"success", "failed"}:
            return False
        before = self.states.get(task.id)
        if before is not None and before[0] in record.ACTIVE:
            return True
        completed = task.completed_at
        return before != _state(task) and completed is not None and completed > self.at


def _state(task: TaskRecord) -> tuple[str, datetime | None]:
    return task.status, task.completed_at


def _end(task: TaskRecord) -> str:
    return "waiting" if task.needs_placing else task.status


def note_ended(tasks: Sequence[TaskRecord], looked: datetime) -> None:
    """Note what ended since the last look: toasts for the next full run, notes for the browser.

    ``looked`` is a moment before ``tasks`` were read. What had been waiting or running at the
    last look has ended since; so has what ended after that look, though it was never seen at
    work. Tasks that were brought in from elsewhere ended before, and nothing is announced to
    a page that has just been opened. The task on whose page the visitor is needs no toast.
    """
    last: _Look | None = st.session_state.get(_LAST)
    st.session_state[_LAST] = _Look(looked, {task.id: _state(task) for task in tasks})
    ended = [task for task in tasks if last is not None and last.ended_since(task)]
    shown = st.query_params.get("task")
    for task in ended[:3]:
        if task.reason != "cancelled" and task.id != shown:
            name = plain(shown_name(task.dance_name, longest=40))
            said = t(f"notice.{_end(task)}", name=name)
            # The notice component makes the link a click that keeps the session.
            link = f"[{t('action.open')}](./?task={task.id})"
            toasts.toast(f"{said} · {link}", icon=_ICONS[_end(task)], long=True)
    notes: list[dict[str, str]] = st.session_state.setdefault(_NOTES, [])
    notes.extend(
        {
            "id": f"{task.id}:{task.completed_at}",
            "task": task.id,
            "title": t(f"notice.{_end(task)}", name=shown_name(task.dance_name)),
            "body": t("stage.place")
            if task.needs_placing
            else sentences.headline(task) or sentences.reason_text(task),
        }
        for task in ended
    )
    del notes[:-_MAX_NOTES]


def show_notices(tasks: Sequence[TaskRecord]) -> bool:
    """The progress in the page's title, the browser's own notices, and the offer to send them.

    Gives whether the window is as narrow as a phone's, which the browser tells after the first
    look; it is kept, since Streamlit forgets what a component said on another page.
    """
    known = bool(st.session_state.get(_NARROW, False))
    answer = _NOTICE(
        key="notice",
        width="content",
        data={
            "title": _title(tasks),
            "ended": st.session_state.get(_NOTES, []),
            "words": {"allow": t("notice.allow")},
            "busy": any(task.active for task in tasks),
            "narrow": known,
        },
        default={"narrow": known},
        on_narrow_change=lambda: None,
        on_open_change=_open,
    )
    st.session_state[_NARROW] = bool(answer.narrow)
    return bool(answer.narrow)


def _open() -> None:
    """Go to the task of a notice that was clicked."""
    asked = st.session_state["notice"].get("open")
    if isinstance(asked, str) and is_task_id(asked):
        actions.open_task(asked)


def _title(tasks: Sequence[TaskRecord]) -> str:
    running = [task for task in tasks if task.status == "processing"]
    if running:
        shares = [task.progress or 0.0 for task in running]
        return f"{sum(shares) / len(shares):.0%} · {t('app.title')}"
    return t("app.title")
