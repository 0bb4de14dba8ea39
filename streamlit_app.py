"""What is started: ``streamlit run streamlit_app.py`` (``make app``).

Streamlit finds ``app`` by reading this file, and serves the page of ``ui/pages/script.py`` with our
routes. Its lifespan loads, cleans up and restores the tasks and starts the runner before anyone
visits, and stops them in order. A host that looks for no ``app`` runs this file as a script; then
the page is drawn all the same, and the first visit starts the service.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import streamlit as st
from starlette.middleware import Middleware
from streamlit import cli_util, config
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server import server_util

from files.errors import StorageError
from files.place import open_place
from pipeline.child.sandbox import PRIVATE_UMASK
from pipeline.settings import Settings, get_settings
from store import SettingsError
from ui.incoming import uploads
from ui.incoming.tidy import start_tidying
from ui.pages.shell import show
from ui.parts.guarded import script_error
from ui.parts.login import providers
from ui.parts.messages import is_used
from ui.routes import bundle, files, health, metrics, share
from ui.routes.access import Access
from ui.service import start_service, stop_service
from ui.web import look
from ui.web.addresses import UNKNOWN, also_below
from ui.web.connections import guard_connections
from ui.web.security import SecurityHeaders
from ui.web.visitor import VisitorCookie


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, Any]]:
    """Start the service before the first visitor and stop it after the last."""
    _prepare_process()
    logging.getLogger("tuspyserver").setLevel(logging.WARNING)
    address = st.get_option("server.address")
    try:
        await anyio.to_thread.run_sync(lambda: start_service(routes=True, address=address))
    except SettingsError as error:
        # Nothing has begun yet, and Starlette would hide the sentence in a page of its own frames.
        print(f"retrack: {error}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(1)
    start_tidying()
    threading.Thread(target=_open_browser, daemon=True).start()
    try:
        yield {"ready": True}
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(stop_service)


def _prepare_process() -> None:
    """What this process writes is its user's alone, it may open as many files and connections as
    the system lets it (each open page holds four), and none of them keeps it waiting for long."""
    os.umask(PRIVATE_UMASK)
    guard_connections(_settings().connections_per_address)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS says "unlimited" and takes less
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _open_browser() -> None:
    """Open the page where somebody sits at the machine: ``streamlit run`` does so for scripts only.

    Its socket is open already, so a browser that is faster than the server waits for it.
    """
    if config._server_mode == "starlette-app" and not st.get_option("server.headless"):
        address = server_util.get_display_address(st.get_option("server.address") or "localhost")
        cli_util.open_browser(server_util.get_url(address))


def _settings() -> Settings:
    """The settings, or the end of the start with one sentence that says which is wrong."""
    try:
        return get_settings()
    except SettingsError as error:
        sys.exit(f"retrack: {error}")


def _links() -> str:
    """Where links into a bucket lead; the start itself says what is wrong with one."""
    settings = _settings()
    with suppress(StorageError):
        if settings.storage_public:
            return open_place(settings.storage_url, settings.outputs).link_origin
    return ""


ROUTES = [
    *bundle.ROUTES,
    *files.ROUTES,
    *health.ROUTES,
    *look.ROUTES,
    *metrics.ROUTES,
    *share.ROUTES,
    *uploads.upload_routes(_settings().max_upload_mb * 1024 * 1024),
    *UNKNOWN,
]
app = st.App(
    Path(__file__).with_name("ui") / "pages" / "script.py",
    lifespan=lifespan,
    routes=list(also_below(st.get_option("server.baseUrlPath"), ROUTES)),
    middleware=[
        Middleware(SecurityHeaders, framed_by=_settings().framed_by, media_from=_links()),
        Middleware(metrics.Traffic),
        Middleware(Access, login=lambda: bool(providers()), used=is_used),
        Middleware(VisitorCookie),
        Middleware(look.Head),
    ],
    on_script_error=script_error,
)

if get_script_run_ctx(suppress_warning=True) is not None:  # the file is run as a script
    _prepare_process()
    show()
