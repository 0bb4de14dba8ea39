"""Is the service well: workers, queue, disk, the task file and its backups, versions."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import psutil
import streamlit as st

from pipeline.child import priority
from pipeline.child.sandbox import has_file_lock, has_network_lock
from pipeline.tasks.queue import queue_of
from ui.parts.banners import free_space, show_banners, worker_trouble
from ui.parts.without_routes import files_pass, without_routes
from ui.service import Service
from ui.words.format import duration, size
from ui.words.text import t

PACKAGES = ("streamlit", "av", "imageio-ffmpeg", "numpy", "scipy", "tuspyserver")


def show_health(service: Service) -> None:
    """The state of the service, with a banner for what is wrong."""
    st.subheader(t("page.health"), anchor=False)
    snapshot = service.store.snapshot()
    show_banners(service, snapshot)
    if worker_trouble(service) is None and not snapshot.problems and not snapshot.unsaved:
        st.success(t("health.well"), icon=":material/check_circle:")
    health = service.runner.health()
    queue = queue_of(service.tasks(snapshot), service.runner.slots, datetime.now(UTC))
    free = free_space(service)
    if health["outdated"]:
        st.warning(t("health.outdated", n=health["outdated"]), icon=":material/update:")
    with st.container(horizontal=True):
        st.metric(t("health.workers"), f"{health['alive']} / {health['workers']}")
        st.metric(t("health.running"), queue.running + queue.adjusting)
        st.metric(t("health.waiting"), len(queue.places))
        st.metric(t("health.left"), duration(queue.seconds_left) if queue.places else "–")
        st.metric(t("health.free"), size(free))
        st.metric(t("health.memory"), size(psutil.Process().memory_info().rss))
    st.button(t("table.refresh"), icon=":material/refresh:", key="health.refresh")
    st.subheader(t("health.files"), anchor=False)
    config = st.column_config
    st.dataframe(
        _files(service.settings.outputs),
        hide_index=True,
        placeholder="",
        column_config={
            "name": config.TextColumn(t("health.name")),
            "size": config.TextColumn(t("health.size")),
            "changed": config.DatetimeColumn(
                t("health.changed"), timezone=st.context.timezone, format="YYYY-MM-DD HH:mm:ss"
            ),
        },
        alt=t("health.files"),
    )
    st.caption(t("health.tasks", n=len(snapshot.tasks)))
    st.subheader(t("health.settings"), anchor=False)
    access = t("health.private") if service.private else t("health.shared")
    st.markdown(
        "\n".join(
            f"- {line}"
            for line in (
                access,
                _files_pass(service),
                t("health.https" if _by_https(service) else "health.no_https"),
                t("health.no_network" if has_network_lock() else "health.network"),
                t("health.own_files" if has_file_lock() else "health.all_files"),
                t("health.yields" if priority.yields() else "health.no_yield"),
                t("health.keep", hours=f"{service.settings.keep_hours:g}"),
                t("health.upload", mb=service.settings.max_upload_mb),
            )
        )
    )
    st.caption(" · ".join(_versions()))


@without_routes(files_pass)
def _files_pass(service: Service) -> str:
    return t("health.routes")


def _by_https(service: Service) -> bool:
    """Whether the page is served by HTTPS, as far as the server or this session shows."""
    addresses = (service.settings.public_url, st.context.url or "")
    own = bool(st.get_option("server.sslCertFile"))
    return own or any(address.startswith("https:") for address in addresses)


def _files(outputs: Path) -> pd.DataFrame:
    """The task file and what stands beside it: backups, history, files kept aside."""
    found = [
        (path, path.stat())
        for path in sorted(_beside(outputs))
        if path.is_file() and not path.name.endswith((".lock", ".tmp"))
    ][:50]
    return pd.DataFrame(
        {
            "name": [path.relative_to(outputs).as_posix() for path, _ in found],
            "size": [size(stat.st_size) for _, stat in found],
            "changed": pd.to_datetime([stat.st_mtime for _, stat in found], unit="s", utc=True),
        }
    )


def _beside(outputs: Path) -> Iterable[Path]:
    yield from outputs.glob("task_*")
    yield from outputs.glob("task_backups/*")


def _versions() -> list[str]:
    found = [f"Python {platform.python_version()}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found
