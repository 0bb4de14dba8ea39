"""``python -m store``: the task file for people at a terminal."""

__all__ = ["main"]
