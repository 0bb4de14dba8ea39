"""The frame around the pages: title, navigation, language, and the running service."""

from __future__ import annotations

import logging
from pathlib import Path

import streamlit as st

from store import SettingsError
from ui.components import load
from ui.pages import health, history, home
from ui.parts import login, toasts
from ui.parts.guarded import part
from ui.parts.viewer import current_viewer, from_this_machine
from ui.service import start_service
from ui.task import detail
from ui.words.text import LANGUAGES, choose_language, t

log = logging.getLogger(__name__)

_LOST = load("lost")
_STYLE = Path(__file__).with_name("style.css")


def show() -> None:
    """Draw the page that the address names."""
    choose_language()
    st.set_page_config(page_title=t("app.title"), page_icon="🩰", layout="wide")
    # With the plain script the first visit starts the service; else it has been running.
    try:
        service = start_service(routes=False, address=st.get_option("server.address"))
    except SettingsError as error:
        log.error("the service cannot start: %s", error)
        st.error(t("error.settings"), icon=":material/warning:")
        return
    if not from_this_machine():  # with routes the middleware has noted it
        service.expose(f"Host {st.context.headers.get('host', '')!r}")
    viewer = current_viewer(service)
    st.html(_STYLE)
    _LOST(key="lost", data={"text": t("lost.text")})

    def tasks() -> None:
        part(home.show_home, service, viewer)

    def past() -> None:
        part(history.show_history, service, viewer)

    def state() -> None:
        part(health.show_health, service, viewer)

    pages = [
        st.Page(
            tasks,
            title=t("page.tasks"),
            icon=":material/queue_music:",
            url_path="tasks",
            default=True,
        ),
        st.Page(past, title=t("page.history"), icon=":material/history:", url_path="history"),
    ]
    if viewer.operator:
        title, icon = t("page.health"), ":material/monitor_heart:"
        pages.append(st.Page(state, title=title, icon=icon, url_path="health"))
    page = st.navigation(pages, position="hidden" if home.opened() else "top")
    toasts.show_toasts()
    _header(
        of_task=home.opened() is not None and page == pages[0]
    )  # here, not on the pages: a widget of a page is forgotten when another is opened
    page.run()


def _header(*, of_task: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="header"):
        if of_task:
            detail.show_back()
        else:
            st.title(t("app.title"), anchor=False)
        st.segmented_control(
            t("app.language"),
            list(LANGUAGES),
            format_func=LANGUAGES.__getitem__,
            key="language",
            label_visibility="collapsed",
            required=True,
        )
        login.show_login()
