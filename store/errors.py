"""What can go wrong with the store, as a caller meets it."""

from __future__ import annotations

from functools import partial

from store.process import once


class StoreError(Exception):
    """The base of all errors of the store; ``str(error)`` says what to do."""


class NotSaved(StoreError):
    """The change could not be written and synced within the time allowed.

    Nothing was changed, unless ``maybe_saved``. Only the end of a run stays in memory, is shown as
    unsaved by :meth:`store.Store.snapshot`, and is tried again by a timer.
    """

    maybe_saved = False
    """Whether the change may be in the file: the folder's sync alone failed, or did not end."""


class NoSuchTask(StoreError):
    """No task has this id (it was deleted, cleaned up, or never was)."""


class Fenced(StoreError):
    """The task belongs to another owner or attempt by now; nothing was written."""


class WrongState(StoreError):
    """The task's status does not allow this (a finished task never goes back)."""


class BadPatch(StoreError, ValueError):
    """The fields given cannot be stored: not JSON, an unknown status, an id that is no uuid4."""


# After a hot reload the kept store raises the classes of before: so these stay the same ones.
for _class in (StoreError, NotSaved, NoSuchTask, Fenced, WrongState, BadPatch):
    globals()[_class.__name__] = once(("error", _class.__name__), partial(lambda one: one, _class))
