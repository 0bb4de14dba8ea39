"""The process's one service: store, runner and settings, shared by all viewers.

It is kept in a module without a file, which Streamlit's hot reload does not drop: after a
reload the new code finds the running service instead of starting a second one.
"""

from __future__ import annotations

import gc
import logging
import secrets
import sys
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from pipeline.runner import start_runner, stop_runner
from pipeline.settings import Settings, get_settings

if TYPE_CHECKING:
    from pipeline.runner import Runner
    from store import Store

log = logging.getLogger(__name__)

_PLACE = "_retrack_service"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Service:
    """What the page and the routes work with."""

    store: Store
    runner: Runner
    settings: Settings
    secret: bytes
    """Signs upload tokens and file links; kept in the outputs folder over restarts."""
    routes: bool
    """Whether our own routes serve files and take uploads (false for the plain script)."""
    private: bool
    """Whether a visitor sees only their own tasks."""


def _place() -> ModuleType:
    module = sys.modules.setdefault(_PLACE, ModuleType(_PLACE))
    if not hasattr(module, "lock"):
        module.__dict__.setdefault("lock", threading.Lock())
    return module


def start_service(*, routes: bool, address: str | None) -> Service:
    """Start store and runner once a process; later calls return the running service.

    ``address`` is what the server listens on; anything but this machine alone makes the
    tasks private, unless the settings say otherwise.
    """
    place = _place()
    with place.lock:
        service = cast("Service | None", place.__dict__.get("service"))
        if service is None:
            settings = get_settings()
            runner = start_runner(settings=settings)
            service = Service(
                store=runner.store,
                runner=runner,
                settings=settings,
                secret=_secret(settings.outputs),
                routes=routes,
                private=_private(settings, address),
            )
            _freeze()
        elif routes and not service.routes:
            service = replace(service, routes=True)
        place.__dict__["service"] = service
        return service


def _freeze() -> None:
    """Take what has been imported out of the garbage collector's sight.

    Streamlit collects after every run of a script or fragment, which went through all of
    pandas and altair each time: most of what an idle viewer cost.
    """
    gc.collect()
    gc.freeze()


def get_service() -> Service:
    """The running service; raises LookupError before ``start_service``."""
    service = cast("Service | None", _place().__dict__.get("service"))
    if service is None:
        raise LookupError("the service has not been started")
    return service


def stop_service() -> None:
    """Stop the runner, then close the store: what runs goes back to pending first."""
    place = _place()
    with place.lock:
        if place.__dict__.pop("service", None) is not None:
            stop_runner()


def _private(settings: Settings, address: str | None) -> bool:
    if settings.visibility:
        return settings.visibility == "private"
    return address not in _LOOPBACK


def _secret(outputs: Path) -> bytes:
    """32 random bytes in ``outputs/.secret``, made at the first start."""
    path = outputs / ".secret"
    try:
        found = path.read_bytes()
    except OSError:
        found = b""
    if len(found) >= 32:
        return found
    fresh = secrets.token_bytes(32)
    try:
        outputs.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(fresh)
    except OSError as error:
        log.warning("links will not outlive this process: cannot keep %s: %s", path, error)
    return fresh
