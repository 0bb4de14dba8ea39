"""What a visitor without tasks sees first: the promise, and a film that lets one hear it."""

from __future__ import annotations

import streamlit as st

from ui.assets import FILM
from ui.components import load
from ui.parts.viewer import Viewer
from ui.parts.without_routes import without_routes
from ui.service import Service
from ui.words.text import t

_FILM = load("film")
WORDS = ("title", "invite", "phone", "song", "play", "pause", "no_sound")


def show_first_sight(service: Service, viewer: Viewer) -> None:
    """The promise and the film, while the visitor has no task yet."""
    # The place is always there: what is below it keeps its position in every run.
    place = st.container(key="first-sight")
    if viewer.visible(service, service.tasks()):
        return
    with place:
        words, film = st.columns([5, 6], gap="large", vertical_alignment="center")
        with words:
            st.header(t("app.promise"), anchor=False)
            st.markdown(t("app.what"))
        with film:
            _show_film(service)


def _show_stock_film(service: Service) -> None:
    st.video(FILM, autoplay=True, muted=True, loop=True)


@without_routes(_show_stock_film)
def _show_film(service: Service) -> None:
    _FILM(
        key="film",
        data={"url": f"look/{FILM.name}", "words": {name: t(f"film.{name}") for name in WORDS}},
    )
