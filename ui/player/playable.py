"""Small copies of what this browser cannot decode, for the players; downloads stay untouched."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st

from pipeline.child import cached_calls
from pipeline.tasks.record import TaskRecord
from ui.parts.live import live
from ui.parts.viewer import Viewer
from ui.player import shape
from ui.routes.files import KINDS, PREVIEW, SOUND, base_of, copy_path, file_path
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


def sound_url(service: Service, viewer: Viewer, task: TaskRecord, kind: str) -> str:
    """The address of a file for a player that shows no picture: of its sound alone, once that is
    there; a phone need not load a film to hear it."""
    alone = SOUND + kind
    if file_path(service, task, alone):
        return viewer.url(service, task, alone)
    return url(service, viewer, task, kind)


def make_playable(
    service: Service,
    task: TaskRecord,
    failed: Sequence[str] | None,
    wanted: Collection[str] = (),
    sounds: Collection[str] = (),
    *,
    player: str,
) -> None:
    """Take note of the kinds that a player could not play, and have copies of them made, and of
    those that are ``wanted`` in any case; and of ``sounds``, the kinds of which only the sound is
    played, the sound alone. ``player`` names who asks, in whose room this is called."""
    known = undecodable(task)
    fresh = (set(failed or ()) & set(KINDS)) - known
    if fresh:
        st.session_state[f"undecodable-{task.id}"] = sorted(known | fresh)
        st.rerun()
    needed = {PREVIEW + kind for kind in known | set(wanted)}
    needed |= {SOUND + kind for kind in sounds if _has_more(service, task, kind)}
    waiting = sorted(kind for kind in needed if not file_path(service, task, kind))
    if waiting:
        with st.container(key=f"copies-{player}-{task.id}"):  # on the picture (ui/task/style.css)
            live(2.0, _make, service, task, waiting)


def _has_more(service: Service, task: TaskRecord, kind: str) -> bool:
    """Whether there is more in a file than the sound that is meant."""
    return kind != "reference" or shape.song_shape(service, task) is not None


def _make(service: Service, task: TaskRecord, copies: list[str]) -> None:
    """Ask for the copies, and draw the page again when they are there."""
    for copy in copies:
        prefix, _, kind = copy.partition("-")
        path = file_path(service, task, kind)
        if path is None:
            continue
        base, out = base_of(kind), copy_path(service, task.id, copy)
        role = "reference" if base == "reference" else "dance"
        arguments: dict[str, Any] = {"path": str(path), "out": str(out), "role": role}
        if track := kind.removeprefix(base).removeprefix("-"):
            arguments["track"] = int(track)
        alone = f"{prefix}-" == SOUND
        if alone:
            arguments["sound_only"] = True
        done = cached_calls.fetch(
            "preview", arguments, path, timeout=TIMEOUT_SECONDS, group=task.visitor
        )
        if file_path(service, task, copy):
            st.rerun()
        if alone:  # until then, and without it, the file itself is played
            continue
        name = variant_name(base)
        if not cached_calls.is_answer(done):
            st.info(t("compare.making", name=name), icon=":material/hourglass:")
        elif done.reason is not None:
            st.warning(t("compare.no_preview", name=name), icon=":material/warning:")
