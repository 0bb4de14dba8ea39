"""Streamlit's own uploader, players and download button, for a host without our routes.

There files pass through memory: players keep what they play, and an upload cannot be resumed.
``without_routes`` is the one place that asks which host it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, TypeVar

import streamlit as st
from streamlit.runtime import get_instance
from streamlit.runtime.scriptrunner import get_script_run_ctx

from pipeline.tasks.record import TaskRecord
from pipeline.tasks.submit import FILM_ENDINGS, SOUND_ENDINGS
from pipeline.tasks.values import number
from ui.incoming import stock, uploads
from ui.incoming.uploads import Upload
from ui.parts.viewer import Viewer
from ui.routes.files import local_path
from ui.service import Service, StockUploads
from ui.words.names import download_name, plain
from ui.words.sentences import variant_name
from ui.words.text import t

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator
    from streamlit.runtime.uploaded_file_manager import UploadedFile

P = ParamSpec("P")
R = TypeVar("R")
_Part = Callable[Concatenate[Service, P], R]
_Place = Mapping[str, float]

MAX_UPLOAD_MB = 1024
"""The stock uploader's largest file, stated on the page (see .streamlit/config.toml)."""


def without_routes(instead: _Part[P, R]) -> Callable[[_Part[P, R]], _Part[P, R]]:
    """Decorate a part of the page that needs our routes with what stands in for it elsewhere."""

    def decorate(routed: _Part[P, R]) -> _Part[P, R]:
        @wraps(routed)
        def show(service: Service, /, *args: P.args, **kwargs: P.kwargs) -> R:
            return (routed if service.routes else instead)(service, *args, **kwargs)

        return show

    return decorate


def uploaders(service: Service, viewer: Viewer) -> tuple[list[Upload], Upload | None]:
    """The two uploaders, side by side; what arrives is written to the disk at once.

    They also serve a browser without a cookie, which our upload route would not know.
    """
    _open_route(service, viewer.name or "everyone")
    # As it was when the page was opened: another limit would be another uploader, and empty.
    bearable = st.session_state.setdefault("stock.limit", stock.largest() // 1024**2)
    limit = max(1, min(MAX_UPLOAD_MB, service.settings.max_upload_mb, bearable))
    round_ = st.session_state.get("upload.round", 0)

    def given(column: DeltaGenerator, role: str, endings: Sequence[str]) -> list[Upload]:
        found = column.file_uploader(
            t(f"upload.{role}"),
            type=endings,
            accept_multiple_files=role == "dance",
            key=f"stock.{role}-{round_}",
            max_upload_size=limit,
            help=t("upload.limit", mb=limit),
        )
        files = found if isinstance(found, list) else [found] if found else []
        return [_stored(service, viewer, one, role) for one in files]

    left, right = st.columns(2)
    dances = given(left, "dance", FILM_ENDINGS)
    return dances, next(iter(given(right, "reference", SOUND_ENDINGS + FILM_ENDINGS)), None)


def _open_route(service: Service, visitor: str) -> None:
    """Let this session use Streamlit's upload route; beside ours it is closed to all others."""
    context, runtime = get_script_run_ctx(), get_instance()
    for session in list(service.stock_uploads):
        if not runtime.is_active_session(session):
            service.stock_uploads.pop(session, None)
    if context is not None:
        service.stock_uploads.setdefault(context.session_id, StockUploads(visitor))


def _stored(service: Service, viewer: Viewer, given: UploadedFile, role: str) -> Upload:
    """Write an upload to the disk once, under its Streamlit id."""
    uid = "".join(c for c in given.file_id if c.isalnum())[:64]
    path = uploads.folder_of(service, viewer.name or "everyone") / uid
    if not path.is_file() or path.stat().st_size != given.size:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(given.getbuffer())
    return Upload(uid=uid, path=path, name=given.name, size=given.size, role=role)


def player(service: Service, viewer: Viewer, task: TaskRecord, labels: Mapping[str, str]) -> None:
    """One stock player at a time, of the kinds that have a label, the best first: they keep the
    whole file in memory."""
    kinds = list(labels)
    kind = st.segmented_control(
        t("compare.choose"),
        kinds,
        default=kinds[0],
        format_func=labels.__getitem__,
        key=f"stock-{task.id}",
        required=True,
    )
    path = local_path(service, task, kind) if kind else None
    if path is not None:
        st.video(path)


def no_preview(
    service: Service, viewer: Viewer, task: TaskRecord, kind: str
) -> tuple[str, ...] | None:
    """Nothing mixes a result before it is saved."""
    return None


def moments(
    service: Service,
    task: TaskRecord,
    key: str,
    begin: _Place,
    longest: float,
    speeds: Sequence[float],
) -> Callable[[], _Place | None]:
    """Dance and reference with figures for the same moment of both (seconds, up to ``longest``).

    They begin at a place, an offset and a speed, and anew under another ``key``. Returns a
    function that reads the place which they give now, None while a figure is missing.
    """

    def figure(name: str, label: str, value: float, step: float, least: float, most: float) -> None:
        width: int | Literal["stretch"] = 240 if name == "speed" else "stretch"
        name = f"place.{name}-{key}"
        st.number_input(label, least, most, value, step, "%.3f", name, width=width)

    offset, speed = begin["offset"], begin["speed"]
    at = {"original": max(0.0, -offset / speed), "reference": max(0.0, offset)}
    for column, (kind, value) in zip(st.columns(2), at.items(), strict=True):
        path = local_path(service, task, kind)
        with column:
            if path is not None:
                (st.video if kind == "original" else st.audio)(path)
            label = t("place.moment", name=plain(variant_name(kind)))
            figure(f"moment-{kind}", label, value, 0.01, 0.0, longest)
    figure("speed", t("place.speed"), speed, 0.001, *speeds)

    def now() -> _Place | None:
        names = ("moment-reference", "moment-original", "speed")
        given = [st.session_state.get(f"place.{name}-{key}") for name in names]
        song, dance, rate = map(number, given)
        if song is None or dance is None or rate is None:
            return None
        return {"offset": song - rate * dance, "speed": rate}

    return now


def save(service: Service, viewer: Viewer, task: TaskRecord, kind: str) -> None:
    """The primary button for one file."""
    _button(service, task, kind, t("save.video"), f"save-{kind}", "primary")


def download(service: Service, viewer: Viewer, task: TaskRecord, kind: str, label: str) -> None:
    """A button for one file."""
    _button(service, task, kind, label, f"download-{kind}", "secondary")


def _button(
    service: Service,
    task: TaskRecord,
    kind: str,
    label: str,
    key: str,
    importance: Literal["primary", "secondary"],
) -> None:
    """Streamlit holds the file in memory, but only once it is asked for."""
    path = local_path(service, task, kind)
    if path is not None:
        st.download_button(
            label,
            path.read_bytes,
            download_name(task, kind, path.suffix),
            key=key,
            icon=":material/download:",
            type=importance,
            on_click="ignore",
        )


def no_share(
    service: Service, viewer: Viewer, tasks: Sequence[TaskRecord], kind: str | None = None
) -> None:
    """No link to show: nothing of ours would answer to it."""


def no_bundle(service: Service, viewer: Viewer, tasks: Sequence[TaskRecord]) -> None:
    """No ZIP of several results: it would be made in memory."""


def files_pass(service: Service) -> str:
    """How files come and go, as the operator reads it."""
    return t("health.no_routes")
