"""``python -m pipeline align | run | submit``."""

__all__ = ["main"]
