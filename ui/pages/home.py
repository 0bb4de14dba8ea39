"""The first page: hand files in and watch them; a task that the address names has it for itself."""

from __future__ import annotations

import streamlit as st

from ui.parts.guarded import part
from ui.parts.viewer import Viewer
from ui.service import Service
from ui.table import actions, table
from ui.task import detail
from ui.upload import panel
from ui.words.text import t


def opened() -> str | None:
    """The task of ``?task=``, if the address names one."""
    return st.query_params.get("task") or None


def show_home(service: Service, viewer: Viewer) -> None:
    """The opened task alone, or upload and table."""
    actions.show_delete_dialog(service, viewer)
    task_id = opened()
    if task_id is not None:
        table.keep_view()
        part(detail.show_detail, service, viewer, task_id)
        return
    st.caption(t("app.what"))
    part(panel.show_upload, service, viewer)
    st.subheader(t("page.tasks"), anchor=False)
    part(table.show_table, service, viewer)
