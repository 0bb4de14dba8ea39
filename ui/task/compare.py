"""Original, modular and v2 beside each other, in step, one of them heard."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import streamlit as st

from pipeline.tasks import answer, record
from store import Task
from ui.components import load
from ui.parts.viewer import Viewer
from ui.parts.without_routes import player, without_routes
from ui.routes.files import PREVIEW, file_path
from ui.service import Service
from ui.task import playable
from ui.words.text import t

_COMPARE = load("compare")
ALIKE_MS = 2.0
"""Milliseconds between two results below which nobody hears which is which."""
TRACKS = ("original", "modular", "v2")
WORDS = (
    "title", "choose", "seek", "play", "pause", "back", "forward", "help", "hearing", "undecodable",
    "at", "no_sound",
)  # fmt: skip


def dance_start(task: Task, kind: str) -> float:
    """Seconds on the dance's time line at which a variant's first picture stands."""
    plan = record.plan_of(task, kind)
    try:
        picture = plan["picture"]
        return float(picture["start"] * Fraction(picture["time_base"])) - float(
            plan["dance"]["start_time"]
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return 0.0


def frame_seconds(task: Task) -> float:
    """Seconds of one frame of the dance; a thirtieth when the file does not say."""
    for kind in ("v2", "modular"):
        try:
            rate = float(Fraction(record.plan_of(task, kind)["dance"]["video"]["average_rate"]))
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
        if rate > 1:
            return 1.0 / rate
    return 1.0 / 30.0


def show_compare(service: Service, viewer: Viewer, task: Task) -> None:
    """The players of what is there."""
    kinds = [kind for kind in TRACKS if file_path(service, task, kind) is not None]
    if not kinds:
        st.info(t("compare.nothing"))
    else:
        _players(service, viewer, task, kinds)


@without_routes(player)
def _players(service: Service, viewer: Viewer, task: Task, kinds: Sequence[str]) -> None:
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
                "label": t(f"variant.{kind}"),
                "url": viewer.url(service, task, shown),
                "start": dance_start(task, kind) if kind != "original" else 0.0,
            }
        )
    best = "modular" if "modular" in kinds else kinds[-1]
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
    if {"modular", "v2"} <= set(kinds):
        if not alike(task):
            st.caption(t("compare.variants"))
        elif not answer.ambiguous(task):  # which of the places is to be chosen first
            st.caption(t("compare.same"))
    playable.provide(service, task, result.failed)


def alike(task: Task) -> bool:
    """Whether it is no matter which result is taken: the same pictures, with the same sound or
    with one that nobody can tell from it."""
    modular, v2 = (record.plan_of(task, kind) for kind in ("modular", "v2"))
    if not modular.get("picture") or modular.get("picture") != v2.get("picture"):
        return False
    apart = record.number(answer.answer(task).get("agreement_ms"))
    return modular.get("sound") == v2.get("sound") or (apart is not None and apart < ALIKE_MS)


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 0.0)
    except ValueError:
        return 0.0
    return value if 0.0 <= value < 1e6 else 0.0
