"""Plays the dance and its result in one picture that switches; all results in step to compare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pipeline.model import BEST_FIRST, VariantName
from pipeline.plan.estimate import kept_span
from pipeline.tasks.answer import INAUDIBLE_MS
from pipeline.tasks.record import TaskRecord
from ui.components import load
from ui.parts.viewer import Viewer
from ui.parts.without_routes import player, without_routes
from ui.player import playable, shape
from ui.routes.files import PREVIEW, THUMBNAIL, file_path
from ui.routes.thumbnail import thumbnail_path
from ui.service import Service
from ui.words.format import clock
from ui.words.text import t

_COMPARE = load("compare")
MAX_SECONDS = 1e6
"""A place in the address beyond this is none."""
DANCE = "original"
UNNOTICED_SECONDS = 0.5
"""Of the dance's start or end nobody misses less: a cut falls on a frame."""
SAME_PLACE_SECONDS = 0.3
"""Nearer than this two answers have the song at one place, of which one is a correction."""
EVERYWHERE = {("h264", "yuv420p"), ("h264", "yuvj420p")}
"""What every browser decodes: a codec and a format of its pixels."""
WORDS = (
    "title", "choose", "seek", "play", "pause", "back", "forward", "help", "hearing", "undecodable",
    "at", "no_sound", "compare", "takes", "take",
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


def still(service: Service, viewer: Viewer, task: TaskRecord, kind: str) -> dict[str, Any]:
    """What stands for a file until it is played: the dance's small picture, and its length.

    Only of what every browser decodes: another file has to be loaded for the browser to say whether
    it can.
    """
    plans = (task.variant(name).plan for name in (kind, *BEST_FIRST))
    plan = next((plan for plan in plans if plan and plan.dance.video), None)
    film = plan.dance.video if plan else None
    path = file_path(service, task, kind)
    if (
        plan is None
        or film is None
        or (film.codec, film.pixel_format) not in EVERYWHERE
        or path is None
        or path.suffix.lower() not in {".mp4", ".m4v"}
        or thumbnail_path(service, task) is None
    ):
        return {"still": None, "seconds": None}
    length = plan.dance.duration if kind == DANCE else plan.duration
    return {"still": viewer.url(service, task, THUMBNAIL), "seconds": length}


def label_of(task: TaskRecord, kind: str) -> str:
    """What a file is called on the task's page: by what is heard, not by who made it."""
    if kind == DANCE:
        return t("track.original")
    return t("track.result" if kind == task.best else "track.other")


def show_compare(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The player of what is there."""
    kinds = [
        kind for kind in (DANCE, *versions(task)) if file_path(service, task, kind) is not None
    ]
    if not kinds:
        st.info(t("compare.nothing"))
    else:
        _players(service, viewer, task, kinds)


def _stock_player(service: Service, viewer: Viewer, task: TaskRecord, kinds: Sequence[str]) -> None:
    first = sorted(kinds, key=lambda kind: kind != (task.best or DANCE))
    player(service, viewer, task, {kind: label_of(task, kind) for kind in first})


@without_routes(_stock_player)
def _players(service: Service, viewer: Viewer, task: TaskRecord, kinds: Sequence[str]) -> None:
    """The player; a small copy is made for what this browser cannot decode."""
    failed = playable.undecodable(task)
    tracks: list[dict[str, Any]] = []
    for kind in kinds:
        shown = kind
        if kind in failed and file_path(service, task, PREVIEW + kind):
            shown = PREVIEW + kind
        tracks.append(
            {
                "id": kind,
                "label": label_of(task, kind),
                "url": viewer.url(service, task, shown),
                "start": dance_start(task, kind) if kind != DANCE else 0.0,
                "extra": kind not in {DANCE, task.best},
                **still(service, viewer, task, shown),
            }
        )
    takes = task.answer.takes if task.status == "success" else ()
    starts = [take[0].dance_start for take in takes] if len(takes) > 1 else []
    aspect = shape.dance_shape(service, task)
    # A task under way has the room that its result will need.
    with shape.room("compare", aspect, 1 + (len(tracks) > 1 or task.active) + bool(starts)):
        result = _COMPARE(
            key=f"compare-{task.id}",
            data={
                "words": {
                    **{name: t(f"compare.{name}") for name in WORDS},
                    "takes": t("compare.takes", n=len(starts)),
                },
                "tracks": tracks,
                "takes": [{"at": at, "label": clock(at)} for at in starts],
                "aspect": aspect,
                "frame": frame_seconds(task),
                "track": st.query_params.get("track", task.best or DANCE),
                "time": _seconds(st.query_params.get("t")),
            },
            on_failed_change=lambda: None,
        )
        playable.make_playable(service, task, result.failed, player="compare")


def versions(task: TaskRecord) -> list[VariantName]:
    """The task's result, and behind it those that are worth a look beside it."""
    best = task.best
    if best is None:
        return []
    others = [
        kind
        for kind in task.results
        if kind != best and not alike(task, best, kind) and not rejected(task, kind)
    ]
    return [best, *others]


def alike(task: TaskRecord, one: str, other: str) -> bool:
    """Whether it is no matter which of two results is taken: the same part of the dance, with the
    same sound or with one that cannot be distinguished from it."""
    mine, theirs = task.variant(one).plan, task.variant(other).plan
    if mine is None or theirs is None:
        return False
    distance_ms = task.answer.distance_ms
    if mine.picture == theirs.picture and mine.sound == theirs.sound:
        return True
    spans = zip(kept_span(mine), kept_span(theirs), strict=True)
    same_part = all(abs(one - other) < UNNOTICED_SECONDS for one, other in spans)
    return same_part and distance_ms is not None and distance_ms < INAUDIBLE_MS


def rejected(task: TaskRecord, kind: str) -> bool:
    """Whether a result has the song elsewhere than where a person said that it belongs, or at one
    of the places of which a person is asked."""
    answer = task.answer
    apart = answer.distance_ms
    elsewhere = apart is None or apart > 1000 * SAME_PLACE_SECONDS
    return (answer.confirmed or answer.ambiguous) and kind != task.best and elsewhere


def _seconds(text: str | None) -> float:
    try:
        value = float(text or 0.0)
    except ValueError:
        return 0.0
    return value if 0.0 <= value < MAX_SECONDS else 0.0
