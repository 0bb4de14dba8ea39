"""Which sound track of a file is meant, where it has several: a choice beside the place by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import streamlit as st

from pipeline.child import cached_calls
from pipeline.tasks.record import SoundTracks, TaskRecord, sound_tracks
from ui.parts.live import live
from ui.routes.files import file_path
from ui.service import Service
from ui.words.text import t

Role = Literal["dance", "reference"]
ROLES: Mapping[Role, str] = {"dance": "original", "reference": "reference"}
"""And how the player calls each file."""
TIMEOUT_SECONDS = 300.0
MAX_LETTERS = 40
"""Of a track's title that are shown."""

Tracks = Mapping[str, int]
"""By role, the number (from 1) of the sound track; only of files that have several."""


def known(service: Service, task: TaskRecord) -> bool:
    """Whether both files have been looked at; until then nothing is drawn of a wrong track."""
    return all(_sounds(service, task, role) is not None for role in ROLES)


def choose(service: Service, task: TaskRecord, about: str) -> dict[str, int]:
    """A box for each file with several sound tracks, and what is chosen in it; ``about`` names the
    result, of which another one begins anew."""
    chosen: dict[str, int] = {}
    for role in ROLES:
        sounds = _sounds(service, task, role)
        if sounds is None:
            live(1.0, _wait, service, task, role)
        elif len(sounds) > 1:
            begin = task.answer.tracks.get(role) or _played(sounds)
            names = _names(sounds)
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


def kinds(service: Service, task: TaskRecord, chosen: Tracks) -> dict[str, str]:
    """What the players are to play, by role: the file, or a small copy with the chosen track where
    players would take another one."""
    found: dict[str, str] = {}
    for role, file in ROLES.items():
        number, sounds = chosen.get(role), _sounds(service, task, role)
        other = number and sounds and number != _played(sounds)
        found[role] = f"{file}-{number}" if other else file
    return found


def _sounds(service: Service, task: TaskRecord, role: Role) -> SoundTracks | None:
    """The file's sound tracks, by the plans or else by a look at the file; None while it is
    looked at."""
    planned = task.tracks(role)
    if planned is not None:
        return planned
    path = file_path(service, task, ROLES[role])
    if path is None:
        return ()
    arguments = {"path": str(path), "role": role}
    looked = cached_calls.fetch(
        "facts", arguments, path, timeout=TIMEOUT_SECONDS, group=task.visitor, quick=True
    )
    if not cached_calls.is_answer(looked):
        return None
    return sound_tracks(looked.outcome) if looked.outcome else ()


def _wait(service: Service, task: TaskRecord, role: Role) -> None:
    if _sounds(service, task, role) is not None:
        st.rerun()


def _played(sounds: SoundTracks) -> int:
    """The number of the track that players take by themselves."""
    return next((number for number, sound in enumerate(sounds, 1) if sound.default), 1)


def _names(sounds: SoundTracks) -> dict[int, str]:
    """By number, what the file says of each track."""
    names = {}
    for number, sound in enumerate(sounds, 1):
        said = (sound.title, sound.language, sound.codec)
        unsaid = ("", "und")  # how MP4 says that no language is known
        name = " \u00b7 ".join(one[:MAX_LETTERS] for one in said if one not in unsaid)
        names[number] = t("tracks.track", n=number, name=name)
    return names
