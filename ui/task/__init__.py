"""A task's own page: its film and Save, what can be corrected, how sure it is."""

__all__ = ["detail"]
