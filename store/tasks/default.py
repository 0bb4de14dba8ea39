"""The process's one store of each folder, and the functions that act on it."""

from __future__ import annotations

from store.model import Form, Snapshot
from store.process import once
from store.settings import StoreSettings
from store.tasks.store import Store


def default_store(settings: StoreSettings | None = None, form: Form | None = None) -> Store:
    """This process's store of the folder in ``settings`` (of the environment without them).

    Made once, with the ``form`` of the first call, and never started here; the same one after a
    hot reload of the page's code. A forked child has its own.
    """
    given = settings or StoreSettings()
    return once(("store", given.outputs.absolute()), lambda: Store(given, form))


def save_task_status() -> bool:
    """:meth:`store.Store.save_task_status` of the default store."""
    return default_store().save_task_status()


def load_task_status() -> Snapshot:
    """:meth:`store.Store.load_task_status` of the default store."""
    return default_store().load_task_status()


def cleanup_old_tasks() -> int:
    """:meth:`store.Store.cleanup_old_tasks` of the default store."""
    return default_store().cleanup_old_tasks()
