"""What leaves the file, and when; what is kept beside it: the history, copies, details, files."""

__all__ = ["copies", "details", "expiry", "history", "task_files"]
