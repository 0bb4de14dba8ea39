"""When the machine cannot: placing the music by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from pipeline.child import cached_calls
from pipeline.tasks import record
from pipeline.tasks.answer import Take
from pipeline.tasks.record import TaskRecord
from pipeline.tasks.values import number
from ui.components import load
from ui.correct import adjust, tracks
from ui.correct.candidates import Place, version
from ui.parts.live import live
from ui.parts.viewer import Viewer
from ui.parts.without_routes import moments, without_routes
from ui.player import playable, shape, takes
from ui.routes.files import WAVEFORMS, file_path, waveforms_path
from ui.service import Service
from ui.words.text import t

_PLACE = load("place", "place/line")
WORDS = (
    "title", "dance", "reference", "mark", "marked", "listen", "stop", "help", "help_touch",
    "drag", "drawing", "unplaced", "apart", "starts_after", "starts_before", "earlier", "later",
    "closer", "wider", "whole", "hear", "hear_song", "hear_both", "hear_video", "speed",
    "no_sound",
)  # fmt: skip
MAX_OFFSET_SECONDS = 6 * 3600.0
MIN_SPEED, MAX_SPEED = 0.7, 1.4
"""That a person may give."""
WAVEFORMS_TIMEOUT_SECONDS = 600.0
BY_HAND = frozenset({"no_shared_music", *record.MUTE})
"""Reasons for which a place given by hand may help: a mute dance has nothing to compare."""

SAME_SECONDS, SAME_SPEEDS = 5e-4, 5e-5
"""Below these a place is no other: figures are rounded on their way."""


def can_place(task: TaskRecord) -> bool:
    """Whether a place given by hand would be used for the task."""
    if task.status == "success" or task.answer.ambiguous:
        return True
    return task.status == "failed" and task.reason in BY_HAND and task.reason_role != "reference"


def mute(task: TaskRecord) -> bool:
    """Whether the dance has no sound by which a place could be refined."""
    return task.answer.by_hand or task.needs_placing


def show_place(service: Service, viewer: Viewer, task: TaskRecord) -> None:
    """The time line to drag on, and Save."""
    played = task.answer.takes if task.status == "success" else ()
    if len(played) > 1:
        st.warning(t("place.replaces", n=len(played)), icon=":material/warning:")
    st.markdown(t("place.by_hand"))
    if not (file_path(service, task, "original") and file_path(service, task, "reference")):
        st.info(t("compare.nothing"))
        return
    _controls(service, viewer, task, played)


def _figures(service: Service, viewer: Viewer, task: TaskRecord, played: Sequence[Take]) -> None:
    """The same moment of both in figures, and Save."""
    begin = _answer(task) or {"offset": 0.0, "speed": 1.0}
    about = f"{version(task)}-{begin['offset']:.3f}"
    now = moments(service, task, about, begin, MAX_OFFSET_SECONDS, (MIN_SPEED, MAX_SPEED))
    _save_button(service, viewer, task, now(), now, tracks.choose(service, task, version(task)))


@without_routes(_figures)
def _controls(service: Service, viewer: Viewer, task: TaskRecord, played: Sequence[Take]) -> None:
    """The time line, and Save."""
    begin = _answer(task)
    chosen = tracks.choose(service, task, version(task))
    kinds = tracks.kinds(service, task, chosen)
    waves = WAVEFORMS
    if chosen:
        waves += "".join(f"-{chosen.get(role, 1)}" for role in tracks.ROLES)
    known = tracks.known(service, task)
    drawn = known and file_path(service, task, waves) is not None
    key = f"place-component-{version(task)}"
    several = len(played) > 1
    aspect = shape.dance_shape(service, task)
    with shape.room("place", aspect):
        result = _PLACE(
            key=key,
            data={
                "words": {name: t(f"place.{name}") for name in WORDS},
                "dance": playable.url(service, viewer, task, kinds["dance"]),
                "reference": playable.url(service, viewer, task, kinds["reference"]),
                "song": playable.sound_url(service, viewer, task, kinds["reference"]),
                "aspect": aspect,
                "song_aspect": shape.song_shape(service, task),
                "waves": viewer.url(service, task, waves) if drawn else None,
                "offset": begin["offset"] if begin else None,
                "speed": begin["speed"] if begin else 1.0,
                "stretches": takes.stretches(played) if several else [],
                "said": takes.sentence(played) if several else "",
            },
            default={"placed": dict(begin) if begin else None},
            on_placed_change=lambda: None,
            on_failed_change=lambda: None,
        )
        small = [kind for kind in kinds.values() if kind not in tracks.ROLES.values()]
        playable.make_playable(
            service, task, result.failed, small, [kinds["reference"]], player="place"
        )

    def now() -> Place | None:
        return checked(st.session_state.get(key, {}).get("placed"))

    _save_button(service, viewer, task, checked(result.placed), now, chosen)
    if known and not drawn:
        live(1.0, _draw_waveforms, service, task, waves, chosen)


def _answer(task: TaskRecord) -> Place | None:
    """The place of the present answer; of its longest part, when it has several."""
    return checked({"offset": task.answer.offset, "speed": task.answer.speed})


def unmoved(task: TaskRecord, place: Place) -> bool:
    """Whether the results have this very place already."""
    answer = _answer(task)
    if task.status != "success" or answer is None:
        return False
    return (
        abs(place["offset"] - answer["offset"]) < SAME_SECONDS
        and abs(place["speed"] - answer["speed"]) < SAME_SPEEDS
    )


def checked(given: Any) -> Place | None:
    """A place as the component gives it, or None for what is none."""
    if not isinstance(given, Mapping):
        return None
    offset, speed = number(given.get("offset")), number(given.get("speed"))
    if offset is None or speed is None or abs(offset) > MAX_OFFSET_SECONDS:
        return None
    return {"offset": offset, "speed": min(max(speed, MIN_SPEED), MAX_SPEED)}


def _draw_waveforms(service: Service, task: TaskRecord, kind: str, chosen: tracks.Tracks) -> None:
    """Have both files' envelopes made, and draw the page again when they are there."""
    dance = file_path(service, task, "original")
    reference = file_path(service, task, "reference")
    if dance is None or reference is None:
        return
    target = waveforms_path(service, task.id, kind)
    arguments: dict[str, Any] = {"dance": str(dance), "reference": str(reference)}
    arguments["out"] = str(target)
    arguments |= {f"{role}_track": number for role, number in chosen.items()}
    done = cached_calls.fetch(
        "waveforms", arguments, dance, timeout=WAVEFORMS_TIMEOUT_SECONDS, group=task.visitor
    )
    if target.is_file():
        st.rerun()
    elif cached_calls.is_answer(done):
        st.warning(t("place.not_drawn"), icon=":material/warning:")


def _save_button(
    service: Service,
    viewer: Viewer,
    task: TaskRecord,
    place: Place | None,
    now: Callable[[], Place | None],
    chosen: tracks.Tracks,
) -> None:
    """``place`` is what this run knows; ``now`` what a click finds, which may be newer."""
    same = place is not None and unmoved(task, place)
    present = task.answer.tracks
    same = same and all(present.get(role, number) == number for role, number in chosen.items())
    if place is None:
        label = t("place.save_none")
    else:
        label = t("place.save_same") if same else t("place.save", at=f"{place['offset']:+.3f}")
    st.button(
        label,
        type="primary",
        icon=":material/save:",
        key="place.save",
        disabled=place is None or same or task.adjusting,
        on_click=lambda: adjust.save_hint(service, viewer, task.id, now(), chosen),
    )
    st.caption(t("place.as_given" if mute(task) else "place.refined"))
