"""A task's own page: its film and Save, other files of it, how sure it is."""

__all__ = ["detail", "share"]
