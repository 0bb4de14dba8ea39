"""The process's one store of each folder, and the functions that act on it."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from types import ModuleType

from store.model import Snapshot
from store.settings import StoreSettings
from store.tasks.store import Store

_KEEP = "_retrack_process_stores"
_FRESH = threading.Lock()


def _registry() -> tuple[dict[tuple[int, Path], Store], threading.Lock]:
    # Streamlit forgets the modules whose source changed and runs them again. What must be once a
    # process stands therefore in a module without source, which it never forgets.
    keep = sys.modules.get(_KEEP)
    if keep is None:
        fresh = ModuleType(_KEEP)
        fresh.stores, fresh.lock = {}, _FRESH  # type: ignore[attr-defined]
        keep = sys.modules.setdefault(_KEEP, fresh)
    return keep.stores, keep.lock


def default_store(settings: StoreSettings | None = None) -> Store:
    """This process's store of the folder in ``settings`` (of the environment without them).

    Made once and never started here; the same one after a hot reload of the page's code.
    """
    settings = settings or StoreSettings()
    stores, lock = _registry()
    key = (os.getpid(), Path(os.path.abspath(settings.outputs)))  # noqa: PTH100
    with lock:
        if key not in stores:
            stores[key] = Store(settings)
        return stores[key]


def save_task_status() -> bool:
    """:meth:`store.Store.save_task_status` of the default store."""
    return default_store().save_task_status()


def load_task_status() -> Snapshot:
    """:meth:`store.Store.load_task_status` of the default store."""
    return default_store().load_task_status()


def cleanup_old_tasks() -> int:
    """:meth:`store.Store.cleanup_old_tasks` of the default store."""
    return default_store().cleanup_old_tasks()


def safe_path(relative: str | None) -> Path | None:
    """:meth:`store.Store.safe_path` of the default store."""
    return default_store().safe_path(relative)
