"""What leaves the file or is kept beside it: the history, copies, details, files, the 24 hours."""

__all__ = ["copies", "details", "expiry", "history", "task_files"]
