"""Small copies of what this browser cannot decode, for the players; downloads stay untouched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st

from pipeline.child import cached_calls
from pipeline.tasks.record import TaskRecord
from ui.parts.live import live
from ui.parts.viewer import Viewer
from ui.routes.files import KINDS, PREVIEW, file_path, local_path, preview_path
from ui.service import Service
from ui.words.sentences import variant_name
from ui.words.text import t

TIMEOUT_SECONDS = 1800.0


def url(service: Service, viewer: Viewer, task: TaskRecord, kind: str) -> str:
    """The address for a player: the small copy's, when a browser has needed one."""
    small = PREVIEW + kind
    return viewer.url(service, task, small if file_path(service, task, small) else kind)


def undecodable(task: TaskRecord) -> set[str]:
    """The kinds of the task's files that this visit's browser could not play."""
    return set(st.session_state.get(f"undecodable-{task.id}", ()))


def make_playable(
    service: Service, task: TaskRecord, failed: Sequence[str] | None, wanted: Collection[str] = ()
) -> None:
    """Take note of the kinds that a player could not play, and have copies of them made, and of
    those that are ``wanted`` in any case."""
    known = undecodable(task)
    fresh = (set(failed or ()) & set(KINDS)) - known
    if fresh:
        st.session_state[f"undecodable-{task.id}"] = sorted(known | fresh)
        st.rerun()
    needed = known | set(wanted)
    waiting = sorted(kind for kind in needed if not file_path(service, task, PREVIEW + kind))
    if waiting:
        live(2.0, _make, service, task, waiting)


def _make(service: Service, task: TaskRecord, kinds: list[str]) -> None:
    """Ask for the copies, and draw the page again when they are there."""
    for kind in kinds:
        path = local_path(service, task, kind)
        if path is None:
            continue
        target = preview_path(service, task.id, kind)
        base, _, track = kind.partition("-")
        role = "reference" if base == "reference" else "dance"
        arguments: dict[str, Any] = {"path": str(path), "out": str(target), "role": role}
        if track:
            arguments["track"] = int(track)
        done = cached_calls.fetch(
            "preview", arguments, path, timeout=TIMEOUT_SECONDS, group=task.visitor
        )
        name = variant_name(base)
        if done is None:
            st.info(t("compare.making", name=name), icon=":material/hourglass:")
        elif done.reason is not None:
            st.warning(t("compare.no_preview", name=name), icon=":material/warning:")
        elif target.is_file():
            st.rerun()
