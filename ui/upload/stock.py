"""Streamlit's own uploaders, where there are no routes or no cookie: files pass through memory."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from ui.parts.viewer import Viewer
from ui.routes import uploads
from ui.service import Service, StockUploads
from ui.words.text import t

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

LIMIT_MB = 1024
"""The stock uploader's limit, stated on the page (see .streamlit/config.toml)."""


@dataclass(frozen=True)
class Waiting:
    """A whole upload on the disk that waits to be handed in."""

    uid: str
    path: Path
    name: str
    size: int
    role: str
    """dance or reference."""


def stock_uploaders(
    service: Service, viewer: Viewer, dance_types: Sequence[str], sound_types: Sequence[str]
) -> tuple[list[Waiting], Waiting | None]:
    """The two uploaders, side by side; what arrives is written to the disk at once."""
    if service.routes:
        _open_route(service, viewer.name or "everyone")
    limit = min(LIMIT_MB, service.settings.max_upload_mb)
    round_ = st.session_state.get("upload.round", 0)
    left, right = st.columns(2)
    with left:
        dances = st.file_uploader(
            t("upload.dance"),
            type=list(dance_types),
            accept_multiple_files=True,
            key=f"stock.dance-{round_}",
            max_upload_size=limit,
            help=t("upload.limit", mb=limit),
        )
    with right:
        reference = st.file_uploader(
            t("upload.reference"),
            type=[*sound_types, *dance_types],
            key=f"stock.reference-{round_}",
            max_upload_size=limit,
            help=t("upload.limit", mb=limit),
        )
    given = dances if isinstance(dances, list) else []
    return (
        [_stored(service, viewer, one, "dance") for one in given],
        _stored(service, viewer, reference, "reference") if reference is not None else None,
    )


def _open_route(service: Service, visitor: str) -> None:
    """Let this session use Streamlit's upload route, which is closed to all others."""
    context = get_script_run_ctx()
    if context is None:
        return
    runtime = get_instance()
    for session in list(service.stock_uploads):
        if not runtime.is_active_session(session):
            service.stock_uploads.pop(session, None)
    service.stock_uploads.setdefault(context.session_id, StockUploads(visitor))


def _stored(service: Service, viewer: Viewer, given: UploadedFile, role: str) -> Waiting:
    """Write an upload to the disk once, under its Streamlit id."""
    uid = "".join(c for c in given.file_id if c.isalnum())[:64]
    path = uploads.folder_of(service, viewer.name or "everyone") / uid
    if not path.is_file() or path.stat().st_size != given.size:
        path.parent.mkdir(parents=True, exist_ok=True)
        given.seek(0)
        with path.open("wb") as file:
            shutil.copyfileobj(given, file, 1024 * 1024)
    return Waiting(uid, path, given.name, given.size, role)
