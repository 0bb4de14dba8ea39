"""The shape of a film before anything of it is loaded: what stands below it stays in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pipeline.tasks.noted import seen_size
from pipeline.tasks.record import TaskRecord
from ui.routes.files import file_path
from ui.service import Service

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

ROOMS = {"3-4": 3 / 4, "1-1": 1.0, "4-3": 4 / 3, "16-9": 16 / 9, "20-9": 20 / 9}
"""Shapes for which the style sheet keeps room, width by height: a film has that of the next wider
one, so that never more is kept than it takes. What is more upright is limited by the window."""
MAX_ROWS = 4
UNKNOWN = "16 / 9"
"""Of a dance of which nothing says it: on a dark ground any picture may stand in this one."""


def dance_shape(service: Service, task: TaskRecord) -> str:
    """Width by height of the dance as it is seen, for CSS."""
    path = file_path(service, task, "original")
    return _shape(seen_size(task, "dance", path, service.settings)) or UNKNOWN


def song_shape(service: Service, task: TaskRecord) -> str | None:
    """The same of the song; None for sound alone, and where nothing says that it has a picture."""
    return _shape(
        seen_size(task, "reference", file_path(service, task, "reference"), service.settings)
    )


def room(player: str, aspect: str, rows: int = 1) -> DeltaGenerator:
    """What keeps the room of a player, with the ``rows`` of buttons under its picture, until the
    browser has drawn it: what stands below is where it will be (``ui/task/style.css``)."""
    width, height = (float(side) for side in aspect.split("/"))
    names = (name for name, ratio in ROOMS.items() if width / height < 1.01 * ratio)
    return st.container(key=f"room-{player}-{next(names, 'none')}-rows-{min(rows, MAX_ROWS)}")


def _shape(size: tuple[int, int] | None) -> str | None:
    return f"{size[0]} / {size[1]}" if size else None
