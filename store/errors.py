"""What can go wrong with the store, as a caller meets it."""

from __future__ import annotations


class StoreError(Exception):
    """The base of all errors of the store; ``str(error)`` says what to do."""


class NotSaved(StoreError):
    """The change could not be written and synced within the time allowed.

    Unless the operation says otherwise (a claim), the change stays in memory, is shown as
    unsaved by :meth:`store.Store.snapshot`, and is tried again by a timer.
    """


class NoSuchTask(StoreError):
    """No task has this id (it was deleted, cleaned up, or never was)."""


class Fenced(StoreError):
    """The task belongs to another owner or attempt by now; nothing was written."""


class WrongState(StoreError):
    """The task's status does not allow this (a finished task never goes back)."""


class BadPatch(StoreError, ValueError):
    """The fields given cannot be stored: not JSON, an unknown status, an id that is no uuid4."""
