"""Plays original, modular and v2 beside each other, in step, one of them audible."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pipeline.model import BEST_FIRST
from pipeline.plan.estimate import kept_span
from pipeline.tasks.record import TaskRecord
from ui.components import load
from ui.parts.viewer import Viewer
from ui.parts.without_routes import player, without_routes
from ui.routes.files import PREVIEW, file_path
from ui.service import Service
from ui.task import playable
from ui.words.sentences import variant_name
from ui.words.text import t

_COMPARE = load("compare")
MAX_SECONDS = 1e6
"""A place in the address beyond this is none."""
ALIKE_MS = 2.0
"""Two results nearer than this cannot be distinguished."""
TRACKS = ("original", *BEST_FIRST)
WORDS = (
    "title", "choose", "seek", "play", "pause", "back", "forward", "help", "hearing", "undecodable",
    "at", "no_sound",
)  # fmt: skip


def dance_start(task: TaskRecord, kind: str) -> float:
    """Seconds on the dance's time line at which a variant's first picture stands."""
    plan = task.variant(kind).plan
    return kept_span(plan)[0] if plan else 0.0


def frame_seconds(task: TaskRecord) -> float:
    """Seconds of one frame of the dance; a thirtieth when no plan says."""
    plans = (task.variant(name).plan for name in BEST_FIRST)
    films = (plan.dance.video for plan in plans if plan)
    rates = (float(film.average_rate) for film in films if film and film.average_rate > 1)
    return 1.0 / next(rates, 30.0)


def show_compare(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The players of what is there."""
    kinds = [kind for kind in TRACKS if file_path(service, task, kind) is not None]
    if not kinds:
        st.info(t("compare.nothing"))
    else:
        _players(service, viewer, task, kinds)


@without_routes(player)
def _players(service: Service, viewer: Viewer, task: TaskRecord, kinds: Sequence[str]) -> None:
    """The players in step; a small copy is made for what this browser cannot decode."""
    failed = playable.undecodable(task)
    tracks = []
    for kind in kinds:
        shown = kind
        if kind in failed and file_path(service, task, PREVIEW + kind):
            shown = PREVIEW + kind
        tracks.append(
            {
                "id": kind,
                "label": variant_name(kind),
                "url": viewer.url(service, task, shown),
                "start": dance_start(task, kind) if kind != "original" else 0.0,
            }
        )
    best = next((kind for kind in BEST_FIRST if kind in kinds), kinds[-1])
    result = _COMPARE(
        key=f"compare-{task.id}",
        data={
            "words": {name: t(f"compare.{name}") for name in WORDS},
            "tracks": tracks,
            "frame": frame_seconds(task),
            "track": st.query_params.get("track", best),
            "time": _seconds(st.query_params.get("t")),
        },
        on_failed_change=lambda: None,
    )
    if set(BEST_FIRST) <= set(kinds):
        if not alike(task):
            st.caption(t("compare.variants"))
        elif not task.answer.ambiguous:  # which of the places is to be chosen first
            st.caption(t("compare.same"))
    playable.make_playable(service, task, result.failed)


def alike(task: TaskRecord) -> bool:
    """Whether it is no matter which result is taken: the same pictures, with the same sound or
    with one that cannot be distinguished from it."""
    first, *others = (task.variant(name).plan for name in BEST_FIRST)
    distance_ms = task.answer.distance_ms
    near = distance_ms is not None and distance_ms < ALIKE_MS
    return first is not None and all(
        plan is not None and plan.picture == first.picture and (near or plan.sound == first.sound)
        for plan in others
    )


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 0.0)
    except ValueError:
        return 0.0
    return value if 0.0 <= value < MAX_SECONDS else 0.0
