"""Runs of tasks: background threads, one attempt or one adjustment each, and what it counts."""

__all__ = ["measures", "runner"]
