"""What of the dance a result leaves out, said in a sentence, and the way to keep it."""

from __future__ import annotations

import streamlit as st

from pipeline.plan.estimate import trimmed_seconds
from pipeline.plan.render_plan import RenderPlan
from pipeline.tasks.record import TaskRecord
from ui.correct import adjust
from ui.parts.viewer import Viewer
from ui.player.compare import UNNOTICED_SECONDS
from ui.service import Service
from ui.words.format import duration
from ui.words.text import t


def left_out_of(task: TaskRecord, kind: str) -> tuple[float, float]:
    """Seconds at the dance's start and end that a result leaves out; 0 for what nobody misses."""
    plan = task.variant(kind).plan
    seconds = trimmed_seconds(plan, ends=task.cut_off_at("dance")) if plan else (0.0, 0.0)
    start, end = (one if one > UNNOTICED_SECONDS else 0.0 for one in seconds)
    return start, end


def sentence(task: TaskRecord, kind: str) -> str:
    """What a result leaves out, and why; empty where nobody misses anything."""
    plan, (start, end) = task.variant(kind).plan, left_out_of(task, kind)
    if plan is None or not (start or end):
        return ""
    begins, ends = _song_spent(plan)
    parts = []
    if start:
        parts.append(t("cut.start_before" if begins else "cut.start_unsure", s=duration(start)))
    if end:
        parts.append(t("cut.end_after" if ends else "cut.end_unsure", s=duration(end)))
    what = parts[0] if len(parts) == 1 else t("cut.both", first=parts[0], second=parts[1])
    return t("cut.left_out", what=what)


def _song_spent(plan: RenderPlan) -> tuple[bool, bool]:
    """Whether the song has not begun before what is kept, and whether it is over after it."""
    song = [piece for piece in plan.sound.pieces if piece.source == "reference"]
    if not song:
        return False, False
    last = song[-1]
    over = last.source_start + last.speed * (last.end - last.start)
    return song[
        0
    ].source_start < UNNOTICED_SECONDS, over > plan.reference.duration - UNNOTICED_SECONDS


def show_left_out(service: Service, viewer: Viewer, task: TaskRecord, kind: str) -> None:
    """What a result leaves out, and the way to a result that keeps all of it."""
    text = sentence(task, kind)
    if not text:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="left-out"):
        st.markdown(text, width="content")
        st.button(
            t("cut.keep_all"),
            key="cut.keep_all",
            type="tertiary",
            disabled=task.adjusting,
            on_click=keep_all,
            args=(service, viewer, task.id),
        )


def keep_all(service: Service, viewer: Viewer, task_id: str) -> None:
    """Ask for the result with the whole dance; a callback."""
    task = viewer.task(service, task_id)
    if task is not None:
        options = {**task.made_with.to_json(), "keep_all": True}
        adjust.request(service, viewer, task_id, options)
