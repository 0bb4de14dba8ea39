"""What goes wrong with a bucket."""

from __future__ import annotations


class StorageError(OSError):
    """The bucket cannot be used, or did not do what was asked; in a plain sentence."""


class Lost(StorageError):
    """Another writer has changed what only this one should change."""


class Gone(StorageError):
    """The bucket does not know an upload in parts any more: completed, given up, or by its rule."""
