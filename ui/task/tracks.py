"""Which sound track of a file is meant, where it has several: a choice beside the place by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from pipeline.child import cached_calls
from pipeline.tasks import answer, record
from store import Task
from ui.parts.live import live
from ui.routes.files import file_path
from ui.service import Service
from ui.words.text import t

ROLES: Mapping[Literal["dance", "reference"], str] = {"dance": "original", "reference": "reference"}
"""And how the player calls each file."""
TIMEOUT = 300.0
"""Seconds."""
LONGEST = 40
"""Letters of a track's title that are shown."""

Tracks = Mapping[str, int]
"""By role, the number (from 1) of the sound track; only of files that have several."""


def present(task: Task) -> dict[str, int]:
    """The tracks that the present answer stands on."""
    tracks = answer.answer(task).get("tracks")
    found: dict[str, int] = {}
    for role in ROLES:
        told = tracks.get(role) if isinstance(tracks, Mapping) else None
        number = record.number(told.get("track")) if isinstance(told, Mapping) else None
        if number is not None:
            found[role] = int(number)
    return found


def known(service: Service, task: Task) -> bool:
    """Whether both files have been looked at; until then nothing is drawn of a wrong track."""
    return all(_sounds(service, task, role) is not None for role in ROLES)


def choose(service: Service, task: Task, about: str) -> dict[str, int]:
    """A box for each file with several sound tracks, and what is chosen in it; ``about`` names the
    result, of which another one begins anew."""
    chosen: dict[str, int] = {}
    for role in ROLES:
        sounds = _sounds(service, task, role)
        if sounds is None:
            live(1.0, _wait, service, task, role)
        elif len(sounds) > 1:
            begin = present(task).get(role) or _played(sounds)
            names = {n: _name(n, sound) for n, sound in enumerate(sounds, 1)}
            number = st.selectbox(
                t(f"tracks.{role}"),
                list(names),
                index=min(begin, len(sounds)) - 1,
                format_func=names.__getitem__,
                key=f"place.track-{role}-{about}",
                help=t("tracks.help"),
            )
            chosen[role] = number or begin
    return chosen


def kinds(service: Service, task: Task, chosen: Tracks) -> dict[str, str]:
    """What the players are to play, by role: the file, or a small copy with the chosen track where
    players would take another one."""
    found = dict(ROLES)
    for role, number in chosen.items():
        sounds = _sounds(service, task, role)
        if sounds and number != _played(sounds):
            found[role] = f"{ROLES[role]}-{number}"  # type: ignore[index]
    return {str(role): kind for role, kind in found.items()}


def _sounds(service: Service, task: Task, role: str) -> list[Mapping[str, Any]] | None:
    """What the plans, else a look at the file, say of its sound tracks; None while it is looked
    at."""
    info: Any = None
    for variant in ("v2", "modular"):
        info = info or record.plan_of(task, variant).get(role)
    if not isinstance(info, Mapping):
        path = file_path(service, task, ROLES[role])  # type: ignore[index]
        if path is None:
            return []
        arguments = {"path": str(path), "role": role}
        looked = cached_calls.fetch("facts", arguments, path, timeout=TIMEOUT, quick=True)
        if looked is None:
            return None
        info = looked.outcome or {}
    sounds = info.get("sounds")
    return [one for one in sounds if isinstance(one, Mapping)] if isinstance(sounds, list) else []


def _wait(service: Service, task: Task, role: str) -> None:
    if _sounds(service, task, role) is not None:
        st.rerun()


def _played(sounds: list[Mapping[str, Any]]) -> int:
    """The number of the track that players take by themselves."""
    marked = [number for number, sound in enumerate(sounds, 1) if sound.get("default") is True]
    return marked[0] if marked else 1


def _name(number: int, sound: Mapping[str, Any]) -> str:
    told = (sound.get("title"), sound.get("language"), sound.get("codec"))
    unsaid = ("", "und")  # how MP4 says that no language is known
    named = " \u00b7 ".join(
        one[:LONGEST] for one in told if isinstance(one, str) and one not in unsaid
    )
    return t("tracks.track", n=number, name=named)
