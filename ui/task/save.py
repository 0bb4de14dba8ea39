"""The one button for which people come: the video, saved."""

from __future__ import annotations

import streamlit as st

from pipeline.tasks.record import TaskRecord
from ui.parts.viewer import Viewer
from ui.parts.without_routes import download, without_routes
from ui.routes.files import file_path
from ui.service import Service
from ui.words.text import t


def show_save(service: Service, viewer: Viewer, task: TaskRecord, kind: str) -> None:
    """A button that saves one of the task's files; nothing where the file is gone."""
    if file_path(service, task, kind) is not None:
        _button(service, viewer, task, kind, t("save.video"))


@without_routes(download)
def _button(service: Service, viewer: Viewer, task: TaskRecord, kind: str, label: str) -> None:
    url = viewer.url(service, task, kind, download="1")
    st.link_button(label, url, icon=":material/download:", type="primary")
