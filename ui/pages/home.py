"""The first page: hand files in and watch them; a task that the address names has it for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from ui.parts.guarded import part
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.table import actions, table
from ui.task import detail, share
from ui.upload import first_sight, panel
from ui.words.text import t

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage


def opened() -> str | None:
    """The task of ``?task=``, if the address names one."""
    return st.query_params.get("task") or None


def show_home(service: Service, viewer: Viewer, history: StreamlitPage) -> None:
    """The opened task alone, or upload and list."""
    actions.show_delete_dialog(service, viewer)
    share.show_share_dialog(service, viewer)
    task_id = opened()
    if task_id is not None:
        part(detail.show_detail, service, viewer, task_id)
        return
    part(first_sight.show_first_sight, service, viewer)
    part(panel.show_upload, service, viewer)
    st.subheader(t("page.tasks"), anchor=False)
    part(table.show_table, service, viewer, history)
