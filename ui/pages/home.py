"""The first page: hand files in, watch them, look at one."""

from __future__ import annotations

import streamlit as st

from ui.parts.guarded import part
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.table import actions, notices, table
from ui.task import detail, share
from ui.upload import panel
from ui.words.text import t


def show_home(service: Service, viewer: Viewer) -> None:
    """Upload, table, and the opened task."""
    actions.show_delete_dialog(service, viewer)
    share.show_share_dialog(service, viewer)
    st.caption(t("app.what"))
    part(panel.show_upload, service, viewer)
    st.subheader(t("page.tasks"), anchor=False)
    notices.remember_opened(viewer.visible(service, service.tasks()))
    part(table.show_table, service, viewer)
    part(detail.show_detail, service, viewer)
