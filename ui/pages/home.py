"""The first page: hand files in, watch them, look at one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ui.parts.guarded import part
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.table import actions, notices, table
from ui.task import detail
from ui.upload import panel
from ui.words.text import t

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage


def show_home(service: Service, viewer: Viewer, history: StreamlitPage) -> None:
    """Upload, list, and the opened task."""
    actions.show_delete_dialog(service, viewer)
    st.caption(t("app.what"))
    part(panel.show_upload, service, viewer)
    st.subheader(t("page.tasks"), anchor=False)
    notices.remember_opened(viewer.visible(service, service.tasks()))
    part(table.show_table, service, viewer, history)
    part(detail.show_detail, service, viewer)
