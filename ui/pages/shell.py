"""The frame around the pages: title, navigation, language, and the running service."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from store import SettingsError
from ui.assets import MARK
from ui.components import load
from ui.incoming.tidy import start_tidying
from ui.pages import history, home, operator
from ui.parts import login, toasts
from ui.parts.guarded import part
from ui.parts.viewer import current_viewer, from_this_machine
from ui.parts.without_routes import without_routes
from ui.service import Service, start_service
from ui.task import detail
from ui.web.look import STYLE
from ui.words.text import LANGUAGES, choose_language, current, set_language, t

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

log = logging.getLogger(__name__)

_LOST = load("lost")
_MENU = "language-menu"


def _late_style(service: Service) -> None:
    st.html(f"<style>{STYLE}</style>")


@without_routes(_late_style)
def _style(service: Service) -> None:
    """It stands in the page's HTML (ui/web/look.py), so that nothing moves when it comes."""


def show() -> None:
    """Draw the page that the address names."""
    choose_language()
    st.set_page_config(page_title=t("app.title"), page_icon=str(MARK), layout="wide")
    # With the plain script the first visit starts the service; else it has been running.
    try:
        service = start_service(routes=False, address=st.get_option("server.address"))
    except SettingsError as error:
        log.error("the service cannot start: %s", error)
        st.error(t("error.settings"), icon=":material/warning:")
        return
    start_tidying()
    if not from_this_machine():  # with routes the middleware has noted it
        service.expose(f"Host {st.context.headers.get('host', '')!r}")
    viewer = current_viewer(service)
    _style(service)
    _LOST(key="lost", data={"text": t("lost.text")})

    def tasks() -> None:
        part(home.show_home, service, viewer, past_page)

    def past() -> None:
        part(history.show_history, service, viewer, tasks_page)

    def state() -> None:
        operator.show_operator(service)

    title, icon = t("page.tasks"), ":material/queue_music:"
    tasks_page = st.Page(tasks, title=title, icon=icon, url_path="tasks", default=True)
    title, icon = t("page.history"), ":material/history:"
    # One tap from the list, by the link below it.
    past_page = st.Page(past, title=title, icon=icon, url_path="history", visibility="hidden")
    pages = [tasks_page, past_page]
    linked: list[StreamlitPage] = []
    if viewer.operator:
        title, icon = t("page.operator"), ":material/monitor_heart:"
        operators_page = st.Page(state, title=title, icon=icon, url_path="operator")
        # What it was called before.
        before = st.Page(state, title=title, icon=icon, url_path="health", visibility="hidden")
        pages += [operators_page, before]
        linked = [tasks_page, operators_page]
    page = st.navigation(pages, position="hidden")
    toasts.show_toasts()
    # Here, not on the pages: a widget of a page is forgotten when another is opened.
    _header(linked, of_task=home.opened() is not None and page == tasks_page)
    page.run()


def _header(linked: Sequence[StreamlitPage], *, of_task: bool) -> None:
    """Mark and name with the pages of who has several; on a task's page the way back."""
    with st.container(horizontal=True, vertical_alignment="center", key="header"):
        if of_task:
            detail.show_back()
        else:
            st.title(t("app.title"), anchor=False, width="content")
            for page in linked:
                st.page_link(page, label=page.title)
        with st.container(
            horizontal=True, horizontal_alignment="right", width="content", key="header-end"
        ):
            _language_menu()
            login.show_login()


def _language_menu() -> None:
    """Each language by its own name, behind the name of the present one."""
    st.menu_button(
        LANGUAGES[current()],
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        key=_MENU,
        icon=":material/language:",
        type="tertiary",
        on_click=lambda: set_language(st.session_state[_MENU]),
    )
