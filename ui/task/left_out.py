"""What of the dance a result leaves out, said beside the downloads, and the way to keep it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pipeline.plan.estimate import trimmed_seconds
from pipeline.tasks.record import TaskRecord
from ui.task import adjust
from ui.words.format import duration
from ui.words.sentences import variant_name
from ui.words.text import t

MIN_SECONDS = 0.5
"""Below this nobody misses anything: a cut falls on a frame."""


def left_out_of(task: TaskRecord, kind: str) -> tuple[float, float]:
    """Seconds at the dance's start and end that a result leaves out; 0 for what nobody misses."""
    plan = task.variant(kind).plan
    seconds = trimmed_seconds(plan, ends=task.cut_off_at("dance")) if plan else (0.0, 0.0)
    start, end = (one if one > MIN_SECONDS else 0.0 for one in seconds)
    return start, end


def sentences(task: TaskRecord, kinds: Sequence[str]) -> list[str]:
    """One sentence for each result that is shorter than the dance; one for both where they leave
    out the same."""
    found = {kind: left_out_of(task, kind) for kind in kinds}
    said = {kind: _sentence(*seconds) for kind, seconds in found.items()}
    if len(said) > 1 and len(set(said.values())) == 1:
        said = {"both": next(iter(said.values()))}
    return [
        t("text.says", who=variant_name(kind), what=text) for kind, text in said.items() if text
    ]


def _sentence(start: float, end: float) -> str:
    if start and end:
        return t("cut.start_and_end", start=duration(start), end=duration(end))
    if start:
        return t("cut.start", start=duration(start))
    return t("cut.end", end=duration(end)) if end else ""


def show_left_out(task: TaskRecord, kinds: Sequence[str]) -> None:
    """What each result leaves out, and the way to a result that keeps all of it."""
    texts = sentences(task, kinds)
    if not texts:
        return
    with st.container(key="left-out", gap="small"):
        for text in texts:
            st.markdown(text)
        st.button(
            t("cut.keep_all"),
            key="cut.keep_all",
            icon=":material/tune:",
            on_click=_to_keep_all,
            args=(task.id, adjust.key_of(task, "whole")),
        )


def _to_keep_all(task_id: str, switch: str) -> None:
    """Open Adjust with the switch turned on; a callback."""
    st.session_state[f"section-{task_id}"] = "adjust"
    st.session_state[switch] = True
